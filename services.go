package main

import (
	"context"
	"errors"
	"time"

	"chatserver/internal/outbound"
	"chatserver/room"
	"chatserver/services"
)

// The services of the platform's that rooms are listed at and charged by.

// openServices makes the clients of the services that are configured. Nothing connects yet.
func (s *server) openServices() (err error) {
	if s.cfg.ListingURL != "" {
		s.listing, err = services.NewListing(services.ListingOptions{
			URL:    string(s.cfg.ListingURL),
			Key:    string(s.cfg.ListingKey),
			Rooms:  func() map[string]services.Room { return s.listed() },
			Logger: s.log,
		})
		if err != nil {
			return err
		}
	}
	if s.cfg.CreditURL != "" {
		s.credit, err = services.NewCredit(services.CreditOptions{
			URL:    string(s.cfg.CreditURL),
			Key:    string(s.cfg.CreditKey),
			Logger: s.log,
		})
	}
	return err
}

// servicesStatus tells how the services are that are configured.
func (s *server) servicesStatus() (all []outbound.Status) {
	if s.listing != nil {
		all = append(all, s.listing.Status())
	}
	if s.credit != nil {
		all = append(all, s.credit.Status())
	}
	return all
}

// roomsChanged tells whoever wants to know at once that a room opened or closed.
func (s *server) roomsChanged() {
	s.lb.Update()
	if s.listing != nil {
		s.listing.Update()
	}
}

// listed returns the open rooms as the listing knows them.
func (s *server) listed() map[string]services.Room {
	rooms := make(map[string]services.Room)
	for _, r := range s.rooms.Rooms() {
		state := r.State()
		listed := services.Room{
			Host: s.cfg.Host, Port: r.Port(), URL: r.URL(), Title: state.Title, Viewers: state.Viewers,
			StreamURL: state.StreamURL, Created: r.Created().UTC(),
		}
		if p := state.Producer; p != nil {
			listed.Producer = &services.User{ID: p.ID, Name: p.Name, Role: string(p.Role)}
		}
		rooms[state.Name] = listed
	}
	return rooms
}

// list keeps the listing informed. A stop takes the rooms off it, as far as that goes
// quickly; a hand-over does not.
func (s *server) list() {
	if s.listing == nil {
		return
	}
	s.stops.push("listing", func(ctx context.Context) error {
		if s.leaves.Load() {
			return nil // the next process goes on with the rooms; see toldRooms
		}
		ctx, cancel := context.WithTimeout(ctx, s.farewellTime())
		defer cancel()
		return s.listing.Farewell(ctx)
	})
	s.background("news for the listing", func(ctx context.Context) { _ = s.listing.Run(ctx) }) // ends with ctx
}

// toldRooms returns what the next process's listing is to go on with.
func (s *server) toldRooms() map[string]time.Time {
	if s.listing == nil {
		return nil
	}
	return s.listing.Carry()
}

// settle has the credit service told of sessions that have ended. At the stop that ends
// after the rooms have.
func (s *server) settle() {
	if s.credit == nil {
		return
	}
	s.background("ends of credit sessions", func(ctx context.Context) {
		s.rooms.SettleTickets(ctx)
		s.credit.Close()
	})
}

// roomCredit returns the credit service as rooms want it, nil if there is none.
func (s *server) roomCredit() room.Credit {
	if s.credit == nil {
		return nil
	}
	return creditor{s.credit}
}

// creditor is the credit service in the words of rooms.
type creditor struct{ *services.Credit }

func (c creditor) Open(ctx context.Context, key, user, name string) (room.Grant, error) {
	g, err := c.Credit.Open(ctx, key, user, name)
	if errors.Is(err, outbound.ErrOpen) {
		err = room.ErrNotAsked
	}
	return room.Grant(g), err
}

func (c creditor) Renew(ctx context.Context, session string, used time.Duration) (room.Grant, error) {
	g, err := c.Credit.Renew(ctx, session, used)
	if errors.Is(err, services.ErrNoSession) {
		err = room.ErrNoSession
	}
	return room.Grant(g), err
}

func (c creditor) Tip(ctx context.Context, key string, t room.Tip) error {
	err := c.Credit.Tip(ctx, key, services.Tip(t))
	if refused, ok := errors.AsType[*services.RefusedError](err); ok {
		return &room.TipRefusedError{Reason: refused.Reason}
	}
	return err
}
