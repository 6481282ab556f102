package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// usage is what a process has used up.
type usage struct {
	cpu      time.Duration // user and system, in steps of 10 ms
	resident int64         // bytes
}

// tick is the unit of times in /proc, the same on all systems that Go runs on.
const tick = 10 * time.Millisecond

// usageOf reads the usage of a process from /proc.
func usageOf(pid int) (usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, err
	}
	return parseStat(stat, int64(os.Getpagesize()))
}

// parseStat reads /proc/PID/stat (proc_pid_stat(5)): fields 14, 15 and 24, of which the
// second, the name in brackets, may hold anything.
func parseStat(stat []byte, page int64) (usage, error) {
	end := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[end+1:]) // from the third on
	if end < 0 || len(fields) < 22 {
		return usage{}, errors.New("/proc/PID/stat is not as expected")
	}
	user, err1 := strconv.ParseInt(string(fields[11]), 10, 64)
	system, err2 := strconv.ParseInt(string(fields[12]), 10, 64)
	pages, err3 := strconv.ParseInt(string(fields[21]), 10, 64)
	return usage{cpu: time.Duration(user+system) * tick, resident: pages * page}, errors.Join(err1, err2, err3)
}
