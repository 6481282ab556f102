//go:build !linux

package main

import (
	"context"
	"errors"
	"time"
)

// The bench needs /proc and epoll; elsewhere it only builds.
var errLinux = errors.New("the bench runs on Linux only")

type usage struct {
	cpu      time.Duration
	resident int64
}

const textSize = 64

func usageOf(int) (usage, error) { return usage{}, errLinux }

func calibrate(context.Context, int, time.Duration) (float64, error) { return 0, errLinux }
