package room

import (
	"net/netip"
	"slices"
	"time"

	"go.uber.org/zap"

	"chatserver/internal/fault"
	"chatserver/internal/text"
	"chatserver/journal"
)

// pollRequest is the poll command on the wire: it opens a poll, or closes the one that
// is open.
type pollRequest struct {
	Question *string  `json:"question"`
	Options  []string `json:"options"`
	Seconds  *int     `json:"seconds"`
	Close    bool     `json:"close"`
}

// voteRequest is the vote command on the wire.
type voteRequest struct {
	Poll   *uint64 `json:"poll"`
	Option *int    `json:"option"`
}

// Bounds of a poll.
const (
	minOptions  = 2
	maxOptions  = 8
	maxOption   = 100    // characters
	maxQuestion = 200    // characters
	maxPoll     = 86_400 // seconds; a day
	maxVoters   = 500_000
)

// onPoll checks a command that opens or closes a poll.
func (s *speaker) onPoll(_ string, data []byte) (effect, error) {
	var req pollRequest
	if err := parse(data, &req); err != nil {
		return nil, err
	}
	if req.Close {
		return pollEnd{}, nil
	}
	var question string
	if req.Question != nil {
		question = *req.Question
	}
	question, err := text.Line("question", question, maxQuestion)
	switch {
	case err != nil:
		return nil, err
	case question == "":
		return nil, fault.New(fault.BadField, "question is missing")
	case len(req.Options) < minOptions || len(req.Options) > maxOptions:
		return nil, &fault.Error{Code: fault.BadField, Detail: "options must be 2 to 8 texts", Limit: maxOptions, Value: len(req.Options)}
	case req.Seconds == nil:
		return nil, fault.New(fault.BadField, "seconds is missing")
	case *req.Seconds < 1 || *req.Seconds > maxPoll:
		return nil, &fault.Error{Code: fault.BadField, Detail: "seconds must be 1 to 86400", Limit: maxPoll, Value: *req.Seconds}
	}
	options := make([]string, len(req.Options))
	for i, option := range req.Options {
		if options[i], err = text.Line("options", option, maxOption); err != nil {
			return nil, err
		}
		if options[i] == "" {
			return nil, fault.New(fault.BadField, "options holds an empty text")
		}
	}
	return pollStart{question, options, time.Duration(*req.Seconds) * time.Second}, nil
}

// onVote checks a vote.
func (s *speaker) onVote(_ string, data []byte) (effect, error) {
	var req voteRequest
	if err := parse(data, &req); err != nil {
		return nil, err
	}
	if req.Poll == nil || req.Option == nil {
		return nil, fault.New(fault.BadField, "poll and option must both be there")
	}
	return vote{*req.Poll, *req.Option}, nil
}

// poll is the one that is open. It belongs to the actor.
type poll struct {
	pollEvent

	choices map[string]int       // option of each user who has voted
	guests  map[netip.Prefix]int // votes of guests, by their network
	counts  []int                // for each option
	changed bool                 // not everybody has been told how it stands
}

func newPoll(e pollEvent, choices map[string]int) *poll {
	p := &poll{pollEvent: e, choices: make(map[string]int), guests: make(map[netip.Prefix]int), counts: make([]int, len(e.Options))}
	for user, option := range choices {
		p.vote(user, option)
	}
	return p
}

// vote counts a user's vote, in the place of an earlier one.
func (p *poll) vote(user string, option int) {
	if before, again := p.choices[user]; again {
		p.counts[before]--
	}
	p.choices[user] = option
	p.counts[option]++
	p.changed = true
}

// admits returns why somebody who has not voted yet may not. A guest is another user after
// every join, so guests of one network have as many votes as ten users.
func (p *poll) admits(m *member) error {
	if _, again := p.choices[m.user.ID]; again {
		return nil
	}
	if len(p.choices) >= maxVoters {
		return &fault.Error{Code: fault.Busy, Detail: "the poll has all the votes that it can count", Limit: maxVoters, RetryAfter: time.Minute}
	}
	if m.guest {
		network := networkOf(m.addr)
		if p.guests[network] >= addressFactor {
			return &fault.Error{Code: fault.Forbidden, Detail: "as many guests as may have voted from your address; log in", Limit: addressFactor}
		}
		p.guests[network]++
	}
	return nil
}

// standing returns how the poll stands.
func (p *poll) standing() votes {
	return votes{Type: "votes", Poll: p.Poll, Votes: p.counts, Total: len(p.choices)}
}

// pollStart is a checked poll to open, for the actor.
type pollStart struct {
	question string
	options  []string
	period   time.Duration
}

func (start pollStart) carryOut(r *Room, d *deed, now time.Time) (uint64, error) {
	if r.poll != nil {
		return 0, fault.New(fault.PollOpen, "poll %d is open; close it first", r.poll.Poll)
	}
	e := &pollEvent{
		event:    event{Type: typePoll},
		Question: start.question,
		Options:  start.options,
		Ends:     now.Add(start.period).UnixMilli(),
		By:       d.by.user,
	}
	seq, err := r.append(e, author{d.by.user.ID, d.id}, d.kept)
	if err == nil {
		r.openPoll(newPoll(*e, nil), now)
		r.recordPoll()
	}
	return seq, err
}

// openPoll takes votes for a poll until it ends.
func (r *Room) openPoll(p *poll, now time.Time) {
	r.poll = p
	r.pollTimer.Reset(time.UnixMilli(p.Ends).Sub(now))
}

// stamp makes the seq of the event that opens a poll its name.
func (e *pollEvent) stamp(seq uint64, now time.Time) {
	e.event.stamp(seq, now)
	if e.Poll == 0 {
		e.Poll = seq
	}
}

func (e *pollEvent) mark(kept *journal.Event) {
	if e.Type == typePollClosed {
		kept.Ends = e.Poll
	}
}

// pollEnd is the command to close the poll that is open, for the actor.
type pollEnd struct{}

func (pollEnd) carryOut(r *Room, d *deed, _ time.Time) (uint64, error) {
	if r.poll == nil {
		return 0, fault.New(fault.PollClosed, "no poll is open")
	}
	return r.closePoll(d.by.user, author{d.by.user.ID, d.id}, d.kept)
}

// closePoll ends the poll that is open with its votes.
func (r *Room) closePoll(by User, from author, tell kept) (seq uint64, err error) {
	e := r.poll.pollEvent
	e.event, e.By, e.Votes = event{Type: typePollClosed}, by, slices.Clone(r.poll.counts)
	if seq, err = r.append(&e, from, tell); err == nil {
		r.poll = nil
		r.pollTimer.Stop()
		r.recordPoll()
	}
	return seq, err
}

// recordPoll has the journal know which poll is open, however many events come after it.
func (r *Room) recordPoll() {
	if err := r.opts.Journal.UpdateRoom(r.record(), nil); err != nil {
		r.log.Warn("it is not stored whether a poll is open", zap.Error(err)) // the journal has failed just now
	}
}

// endPoll closes the poll whose time is over, as soon as that can be kept.
func (r *Room) endPoll() {
	if r.poll == nil {
		return
	}
	if _, err := r.closePoll(r.poll.By, author{user: r.poll.By.ID}, func(uint64, error) {}); err != nil {
		r.pollTimer.Reset(unavailableRetry)
	}
}

// vote is a checked vote, for the actor.
type vote struct {
	poll   uint64
	option int
}

// carryOut is acknowledged once the journal has the vote. It is in no log: everybody
// hears totals.
func (v vote) carryOut(r *Room, d *deed, now time.Time) (uint64, error) {
	p := r.poll
	switch {
	case p == nil || p.Poll != v.poll || !now.Before(time.UnixMilli(p.Ends)):
		return 0, fault.New(fault.PollClosed, "poll %d takes no votes; it is over, or never was", v.poll)
	case v.option < 0 || v.option >= len(p.Options):
		return 0, &fault.Error{Code: fault.BadField, Detail: "option counts from 0 and must be one of the poll's", Limit: len(p.Options) - 1, Value: v.option}
	}
	if err := p.admits(d.by); err != nil {
		return 0, err
	}
	kept := journal.Vote{Epoch: r.epoch, Poll: p.Poll, User: d.by.user.ID, Option: v.option}
	if err := r.opts.Journal.PutVote(kept, func(err error) { d.kept(0, r.stored(err)) }); err != nil {
		return 0, r.stored(err)
	}
	p.vote(d.by.user.ID, v.option)
	r.tellTallies()
	return 0, nil
}
