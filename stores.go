package main

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"chatserver/cache"
	"chatserver/internal/mongodb"
	"chatserver/internal/token"
	"chatserver/journal"
	"chatserver/room"
)

// What outlives a room: the journal on disk, the cache of the platform's database, the
// keys of user tokens, and what goes from the journal to the database.

const (
	// firstLoad bounds how long a start waits for the platform's database.
	firstLoad = 3 * time.Second
	// lastCommit is how long the journal has for its last commit, even if the time
	// for the stop is over.
	lastCommit = 2 * time.Second
)

// openJournal opens the journal, which is closed last of all that writes to it.
func (s *server) openJournal() (err error) {
	check := time.Duration(0) // all that the journal likes
	if s.carried != nil {
		check = -1 // who has just used it is no worse a judge, and everybody waits
	}
	s.journal, err = journal.Open(journal.Options{
		Dir:       s.cfg.DataDir,
		Retention: time.Duration(s.cfg.JournalRetention),
		Forward:   s.cfg.MongoURI != "",
		Committed: s.metrics.Committed,
		Check:     check,
		Logger:    s.log,
	})
	if err != nil {
		return err
	}
	s.stops.push("journal", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastCommit)
		defer cancel()
		return s.journal.Close(ctx)
	})
	return nil
}

// openCache makes the cache of the platform's database, or of the file that stands in
// for it, and keeps it fresh. What was set on this server comes from the journal; see
// keepBans.
func (s *server) openCache() (err error) {
	var source cache.Source
	switch {
	case s.cfg.MongoURI != "":
		if s.database, err = mongodb.New(string(s.cfg.MongoURI), string(s.cfg.MongoDatabase)); err != nil {
			return err
		}
		s.stops.push("MongoDB", s.database.Close)
		source = cache.MongoDB(s.database)
	case s.cfg.CacheFile != "":
		source = cache.File(s.cfg.CacheFile)
	}
	s.cache = cache.New(cache.Options{
		Source: source, Refresh: time.Duration(s.cfg.CacheRefresh), Refreshed: s.metrics.Refreshed, Logger: s.log,
	})
	s.background("cache", func(ctx context.Context) { _ = s.cache.Run(ctx) }) // ends with ctx
	return nil
}

// firstReading returns when the cache was read, or cannot be.
func (s *server) firstReading() {
	ctx, cancel := context.WithTimeout(context.Background(), firstLoad)
	defer cancel()
	_ = s.cache.Refresh(ctx) // the cache says what is wrong, and goes on trying
}

// keepBans has the journal keep what bans are set on this server.
func (s *server) keepBans() {
	kept := make(map[string][]byte)
	for _, sanction := range s.journal.Sanctions() {
		kept[sanction.ID] = sanction.Value
	}
	s.cache.Keep(s.journal, kept)
}

// openTokens makes the keys of user tokens, by the journal's own secret unless there is
// TOKEN_SECRET, and keeps the platform's key set fresh.
func (s *server) openTokens() (err error) {
	secret := []byte(s.cfg.TokenSecret)
	if len(secret) == 0 {
		secret = s.journal.TokenSecret()
	}
	s.tokens, err = token.New(token.Options{Secret: secret, JWKSURL: string(s.cfg.TokenJWKSURL), Logger: s.log})
	if err != nil {
		return fmt.Errorf("TOKEN_JWKS_URL is %w", err)
	}
	s.background("token keys", func(ctx context.Context) { _ = s.tokens.Run(ctx) }) // ends with ctx
	return nil
}

// forward brings what the journal holds to the database, and says every now and then
// that this server is there.
func (s *server) forward() {
	if s.database == nil {
		return
	}
	to := sink{mongodb.NewSink(s.database), s.address, s.rooms.Rooms, s.leaves.Load}
	s.background("forwarding to MongoDB", func(ctx context.Context) {
		if err := s.journal.Forward(ctx, to); err != nil {
			s.log.Error("nothing goes to MongoDB", zap.Error(err))
		}
	})
	s.background("presence in MongoDB", to.keepPresent)
}

const (
	// presence is the time between two signs of life in the database.
	presence = 30 * time.Second
	// lastSign bounds how long a stop waits for the database to hear of it.
	lastSign = time.Second
)

// sink writes the journal's contents to MongoDB.
type sink struct {
	db     *mongodb.Sink
	server string // host:port of the API
	rooms  func() []*room.Room
	stands func() bool // the server's rooms will be there at once, in another process
}

func (s sink) Messages(ctx context.Context, events []journal.Event) error {
	out := make([]mongodb.Event, len(events))
	for i := range events {
		e := &events[i]
		out[i] = mongodb.Event{Room: e.Room, Epoch: e.Epoch, Seq: e.Seq, Time: time.UnixMilli(e.Time), JSON: e.Data}
	}
	return s.db.Messages(ctx, out)
}

func (s sink) Sanctions(ctx context.Context, changed []journal.Sanction) error {
	out := make([]mongodb.Sanction, len(changed))
	for i, c := range changed {
		out[i] = sanctionOf(c)
	}
	return s.db.Sanctions(ctx, out)
}

// sanctionOf returns a ban as the database has it. One that cannot be read, which
// would be a fault of ours, must not hold up those behind it: it counts as lifted.
func sanctionOf(kept journal.Sanction) mongodb.Sanction {
	ban, lifted, err := cache.DecodeBan(kept.ID, kept.Value)
	if err != nil || !lifted.IsZero() {
		return mongodb.Sanction{ID: kept.ID, Lifted: true}
	}
	out := mongodb.Sanction{ID: ban.ID, Kind: string(ban.Kind), User: ban.User, Room: ban.Room, Reason: ban.Reason, By: ban.By, Expires: ban.Expires}
	if ban.Net.IsValid() {
		out.IP = ban.Net.String()
	}
	return out
}

// Servers writes what this server has open: the journal tells when that changes, the
// registry has the viewers too.
func (s sink) Servers(ctx context.Context, _ []journal.Room) error {
	rooms := []mongodb.Room{}
	for _, r := range s.rooms() {
		state := r.State()
		rooms = append(rooms, mongodb.Room{Name: state.Name, Port: r.Port(), Epoch: state.Epoch, Viewers: state.Viewers})
	}
	return s.db.Server(ctx, mongodb.Server{Host: s.server, Rooms: rooms, Updated: time.Now()})
}

// keepPresent writes this server's document every so often, and without rooms at the
// end. A failure is not worth a word here: forwarding says that the database is down.
func (s sink) keepPresent(ctx context.Context) {
	again := time.NewTicker(presence)
	defer again.Stop()
	for ctx.Err() == nil {
		select {
		case <-again.C:
			_ = s.Servers(ctx, nil)
		case <-ctx.Done():
		}
	}
	if s.stands() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSign)
	defer cancel()
	_ = s.db.Server(ctx, mongodb.Server{Host: s.server, Rooms: []mongodb.Room{}, Updated: time.Now()})
}
