package room

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"chatserver/cache"
)

// FollowAnnouncements says the announcements of the platform's database in all rooms
// when their time has come, until ctx ends.
func (g *Registry) FollowAnnouncements(ctx context.Context) {
	plan := make(announcer)
	next := newStoppedTimer()
	defer next.Stop()
	started := false // a snapshot was read already
	for {
		snapshot := g.opts.Snapshot()
		if snapshot.Version() != "" {
			plan.follow(snapshot, time.Now(), !started)
			started = true
		}
		for replaced := false; !replaced; {
			if at, ok := plan.next(); ok {
				next.Reset(time.Until(at))
			}
			select {
			case <-ctx.Done():
				return
			case <-snapshot.Replaced():
				replaced = true
			case <-next.C:
				g.sayDue(ctx, plan.due(time.Now()))
			}
		}
	}
}

func (g *Registry) sayDue(ctx context.Context, due []cache.Announcement) {
	for _, a := range due {
		if _, err := g.AnnounceAll(ctx, a.Text); err != nil {
			g.log.Warn("an announcement of the database cannot be said", zap.String("id", a.ID), zap.Error(err))
		}
	}
}

// announcer plans when announcements are said, by their id.
//
//   - With from, one is said then, and every so often after it; one that comes after
//     its from and has no every is said at once.
//   - Without from, it is said as soon as it is known, and every so often after that.
//   - What the first snapshot after a start holds was known before: nothing of it is
//     said for the sake of a time that has passed, lest each restart repeat it.
//   - Nothing is said after until.
type announcer map[string]*planned

type planned struct {
	cache.Announcement
	at time.Time // zero: never again
}

// follow plans anew what has changed.
func (p announcer) follow(s *cache.Snapshot, now time.Time, first bool) {
	there := make(map[string]bool)
	for a := range s.Announcements() {
		there[a.ID] = true
		if known, ok := p[a.ID]; !ok || !known.same(a) {
			p[a.ID] = &planned{a, firstTime(a, now, first)}
		}
	}
	for id := range p {
		if !there[id] {
			delete(p, id)
		}
	}
}

// firstTime returns when an announcement that became known now is said first.
// known tells whether it was known before the start.
func firstTime(a cache.Announcement, now time.Time, known bool) time.Time {
	at := a.From
	switch {
	case at.After(now):
	case a.Every > 0 && !at.IsZero():
		if at = nextBeat(at, a.Every, now); at.Sub(now) == a.Every {
			at = now // it is its time right now
		}
	case !known:
		at = now
	case a.Every > 0:
		at = now.Add(a.Every)
	default:
		return time.Time{}
	}
	return unlessOver(a, at)
}

// nextBeat returns the first of the times from at on, every so often, that is after now.
func nextBeat(at time.Time, every time.Duration, now time.Time) time.Time {
	return now.Add(every - now.Sub(at)%every)
}

// unlessOver returns the time, or zero if the announcement is over then.
func unlessOver(a cache.Announcement, at time.Time) time.Time {
	if !a.Until.IsZero() && at.After(a.Until) {
		return time.Time{}
	}
	return at
}

// same tells whether the announcement is what was planned.
func (p *planned) same(a cache.Announcement) bool {
	return p.Text == a.Text && p.Every == a.Every && p.From.Equal(a.From) && p.Until.Equal(a.Until)
}

// next returns the next time at which something is due, if anything ever is.
func (p announcer) next() (at time.Time, ok bool) {
	for _, a := range p {
		if !a.at.IsZero() && (!ok || a.at.Before(at)) {
			at, ok = a.at, true
		}
	}
	return at, ok
}

// due returns what is to be said now, in the order of its times, and plans when it is
// said again. What was missed meanwhile is said once.
func (p announcer) due(now time.Time) []cache.Announcement {
	var due []*planned
	for _, a := range p {
		if !a.at.IsZero() && !a.at.After(now) {
			due = append(due, a)
		}
	}
	slices.SortFunc(due, func(a, b *planned) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.ID, b.ID)) })
	said := make([]cache.Announcement, len(due))
	for i, a := range due {
		said[i] = a.Announcement
		if a.Every <= 0 {
			a.at = time.Time{}
			continue
		}
		a.at = unlessOver(a.Announcement, nextBeat(a.at, a.Every, now))
	}
	return said
}
