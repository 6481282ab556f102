package token

import (
	"bytes"
	"context"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"chatserver/internal/fault"
	"chatserver/internal/outbound"
)

const (
	refreshPeriod = time.Hour        // between two readings of a key set that is well
	refreshPause  = 10 * time.Second // between any two readings, at least
	patience      = 3 * time.Second  // with one reading, and of who waits for it
	maxSet        = 1 << 20          // of a key set, in bytes
	maxComplaints = 20               // keys of one set that the log says are left out
)

// keySet is the platform's key set, as run read it last.
type keySet struct {
	// Set by newKeySet and never changed.
	document *outbound.Document
	log      *zap.Logger

	// asks holds none. Who needs a newer set sends a channel, which run closes once
	// the set is as new as it may be.
	asks  chan chan struct{}
	ended chan struct{} // closed by run as its last act

	current atomic.Pointer[known] // never nil; run replaces it, nobody changes it

	text []byte // of the set that the current keys are of; run owns it
}

// known is what is known of the key set.
type known struct {
	keys  []publicKey
	state state
}

// state tells what became of the last reading.
type state int

const (
	unread  state = iota // there was none yet
	good                 // the keys are those of the platform
	failing              // the keys are the last that could be read, or none
)

func newKeySet(o Options) (*keySet, error) {
	document, err := outbound.NewDocument(outbound.DocumentOptions{
		Name: "key set", URL: o.JWKSURL, Timeout: patience, MaxBytes: maxSet, Transport: o.Transport,
	})
	if err != nil {
		return nil, err
	}
	s := &keySet{
		document: document,
		log:      o.Logger.With(zap.Stringer("url", document)),
		asks:     make(chan chan struct{}),
		ended:    make(chan struct{}),
	}
	s.current.Store(&known{})
	return s, nil
}

// run reads the set at once, when it is due, and when somebody asks, until ctx ends.
func (s *keySet) run(ctx context.Context) error {
	defer close(s.ended)
	defer s.document.CloseIdleConnections()
	due := time.NewTimer(0)
	defer due.Stop()
	var begun time.Time
	for {
		var asked chan struct{}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-due.C:
		case asked = <-s.asks:
		}
		if time.Since(begun) >= refreshPause {
			begun = time.Now()
			due.Reset(s.refresh(ctx))
		}
		if asked != nil {
			close(asked)
		}
	}
}

// refresh reads the set and returns when to read it again. The log has both turns: the
// first failure, and the first success behind it.
func (s *keySet) refresh(ctx context.Context) (wait time.Duration) {
	was := s.current.Load()
	keys, err := s.read(ctx)
	switch {
	case ctx.Err() != nil: // which says nothing about the set
		return refreshPeriod
	case err == nil:
		s.current.Store(&known{keys, good})
		if was.state == failing {
			s.log.Info("key set can be read again", zap.Int("keys", len(keys)))
		}
		return refreshPeriod
	case was.state != failing:
		s.log.Warn("key set cannot be read; the last keys stay in force", zap.Int("keys", len(was.keys)), zap.Error(err))
	}
	s.current.Store(&known{was.keys, failing})
	return refreshPause
}

// read returns the keys of the set, and logs what is new in it.
func (s *keySet) read(ctx context.Context) ([]publicKey, error) {
	text, err := s.document.Get(ctx)
	switch {
	case err != nil:
		return nil, err
	case bytes.Equal(text, s.text):
		return s.current.Load().keys, nil
	}
	keys, leftOut, err := parseSet(text)
	if err != nil {
		return nil, err
	}
	s.text = text
	s.log.Info("new key set", zap.Int("keys", len(keys)), zap.Int("left_out", len(leftOut)))
	for _, l := range leftOut[:min(len(leftOut), maxComplaints)] {
		s.log.Warn("a key of the key set is left out", zap.Int("position", l.position), zap.String("why", l.why))
	}
	return keys, nil
}

// key returns the key that has signed a token, by the kid and the algorithm that the
// token names. If it is not known the set is read again first, where that may be.
func (s *keySet) key(ctx context.Context, kid, alg string) (any, error) {
	found := s.current.Load().find(kid, alg)
	if len(found) == 0 {
		renewed := s.renew(ctx)
		now := s.current.Load()
		found = now.find(kid, alg)
		if len(found) == 0 && (!renewed || now.state != good) {
			return nil, &fault.Error{
				Code:       fault.Unavailable,
				Detail:     "the keys of the platform cannot be read at the moment, so the token cannot be verified; come back later",
				RetryAfter: refreshPause,
			}
		}
	}
	switch {
	case len(found) == 0:
		return nil, refused("no key of the key set is that of the token; publish a key 10 s before it signs its first token")
	case len(found) > 1:
		return nil, refused("several keys of the key set could have signed the token; name the one by kid")
	case found[0].alg != alg:
		return nil, errWrongAlgorithm
	}
	return found[0].key, nil
}

// has tells whether a key has that kid. A set that there is not has none.
func (s *keySet) has(kid string) bool {
	return s != nil && kid != "" && len(s.current.Load().find(kid, "")) > 0
}

// find returns the keys that a token can be of: the one that bears its kid, of whatever
// algorithm, or without a kid all of its algorithm.
func (k *known) find(kid, alg string) (found []publicKey) {
	for _, key := range k.keys {
		if kid != "" && key.kid == kid || kid == "" && key.alg == alg {
			found = append(found, key)
		}
	}
	return found
}

// renew has the set read anew, unless that was done a moment ago, and waits for it. It
// tells whether the set is as new as it may be.
func (s *keySet) renew(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	done := make(chan struct{})
	select {
	case s.asks <- done:
	case <-s.ended:
		return false
	case <-ctx.Done():
		return false
	}
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}
