package main

import (
	"time"

	"chatserver/admin"
	"chatserver/metrics"
)

// watch has the metrics read from what runs here.
func (s *server) watch() {
	s.metrics.Watch(metrics.Sources{
		Rooms:         s.rooms,
		Journal:       s.journal,
		Database:      s.database != nil,
		Cache:         s.cache.Status,
		LoadBalancers: s.lb.Status,
		Services:      s.servicesStatus,
	})
}

// parts tells operators of the parts that the admin API does not know.
func (s *server) parts() admin.Parts {
	p := admin.Parts{
		Journal:       s.journalStatus,
		LoadBalancers: s.lb.Status,
		Services:      s.servicesStatus,
	}
	if s.database != nil {
		p.Database = s.databaseStatus
	}
	return p
}

func (s *server) journalStatus() admin.JournalStatus {
	stats := s.journal.Stats()
	return admin.JournalStatus{
		Backlog: backlog(uint64(stats.Waiting), stats.WaitingFor, s.journal.Healthy()),
		Size:    stats.FileSize,
	}
}

func (s *server) databaseStatus() admin.Backlog {
	stats := s.journal.Stats()
	return backlog(stats.Unsent, stats.UnsentFor, stats.SendError)
}

func backlog(waiting uint64, lag time.Duration, err error) admin.Backlog {
	b := admin.Backlog{Waiting: waiting, Lag: lag.Seconds()}
	if err != nil {
		b.LastError = err.Error()
	}
	return b
}
