package room

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"

	"chatserver/internal/fault"
	"chatserver/internal/text"
)

// tipRequest is the tip command on the wire.
type tipRequest struct {
	Amount   json.RawMessage `json:"amount"`
	Currency *string         `json:"currency"`
	Text     *string         `json:"text"`
}

// maxTipReason bounds what of a refusal's reason is told, in characters.
const maxTipReason = 200

// Forms of what a tip is: up to 9 digits before the point and 3 after it, and a code as ISO
// 4217 has them.
var (
	amountForm   = regexp.MustCompile(`^(0|[1-9]\d{0,8})(\.\d{1,3})?$`)
	currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)
)

// onTip checks a tip.
func (s *speaker) onTip(_ string, data []byte) (effect, error) {
	var req tipRequest
	if err := parse(data, &req); err != nil {
		return nil, err
	}
	if s.room.opts.Credit == nil {
		return nil, fault.New(fault.TipRefused, "this server takes no tips")
	}
	amount, err := readAmount(req.Amount)
	switch {
	case err != nil:
		return nil, err
	case req.Currency == nil:
		return nil, fault.New(fault.BadField, "currency is missing")
	case !currencyForm.MatchString(*req.Currency):
		return nil, fault.New(fault.BadField, "currency must be a code of three capital letters such as EUR")
	}
	t := tip{amount: amount, currency: *req.Currency}
	if req.Text != nil && strings.TrimSpace(*req.Text) != "" {
		t.text, err = s.room.readText(req.Text)
	}
	return t, err
}

// readAmount returns an amount without needless zeros.
func readAmount(sent json.RawMessage) (json.Number, error) {
	if len(sent) == 0 || bytes.Equal(sent, []byte("null")) {
		return "", fault.New(fault.BadField, "amount is missing")
	}
	if !amountForm.Match(sent) {
		return "", fault.New(fault.BadField, "amount must be a number above 0 and below 1000000000, with at most 3 decimals and without exponent")
	}
	amount := string(sent)
	if strings.Contains(amount, ".") {
		amount = strings.TrimRight(strings.TrimRight(amount, "0"), ".")
	}
	if amount == "0" {
		return "", fault.New(fault.BadField, "amount must be above 0")
	}
	return json.Number(amount), nil
}

// tip is a checked tip, for the actor.
type tip struct {
	amount         json.Number
	currency, text string
}

// carryOut has the credit service asked. What comes of it is told when it has answered; a
// repeat that comes before that waits for the same answer.
func (t tip) carryOut(r *Room, d *deed, _ time.Time) (uint64, error) {
	if t.text != "" {
		if err := r.mayPublish(d.by, t.text); err != nil {
			return 0, err
		}
	}
	id := commandID{d.by.user.ID, d.id}
	if first := r.tipping[id]; first != nil && d.id != "" {
		first.deeds = append(first.deeds, d)
		return 0, nil
	}
	if err := r.opts.Journal.Healthy(); err != nil {
		return 0, r.stored(err)
	}
	if !r.tips.enter() {
		return 0, noMoreTips()
	}
	key := t.key(r.epoch, id)
	asked := Tip{User: d.by.user.ID, Room: r.name, Amount: t.amount, Currency: t.currency, Text: t.text}
	a := &tipAnswer{tip: t, id: id, deeds: []*deed{d}}
	if !r.desk.ask(r, r.desk.urgent, nil, func(ctx context.Context) command {
		a.err = r.opts.Credit.Tip(ctx, key, asked)
		return a
	}) {
		r.tips.leave()
		return 0, noTip()
	}
	if d.id != "" {
		r.tipping[id] = a
	}
	return 0, nil
}

// key names the tip for the credit service: the same command has the same one, also after a
// crash, so that who sends it again does not pay twice. One without an id cannot be sent
// again.
func (t tip) key(epoch string, id commandID) string {
	if id.id == "" {
		return newTicketKey()
	}
	sum := sha256.Sum256(encode([]string{epoch, id.user, id.id, t.amount.String(), t.currency, t.text}))
	return hex.EncodeToString(sum[:16])
}

// noTip is the answer while the credit service fails.
func noTip() *fault.Error {
	return &fault.Error{Code: fault.Unavailable, Detail: "nobody can say now whether the tip was taken; send it again under the same id after retry_after, and it is taken once", RetryAfter: creditRetry}
}

// noMoreTips is the answer to a tip that comes when its room is about to close.
func noMoreTips() *fault.Error {
	return &fault.Error{Code: fault.Unavailable, Detail: "the room closes, or the server stops or restarts; the tip was not asked for: send it again after retry_after, where the room is there again", RetryAfter: comeBackFirst}
}

// tipsMost is how long a room that is to close waits for its tips: as long as the credit
// service has for one.
const tipsMost = 3 * time.Second

// FinishTips has all rooms take no new tips, for good, and returns when those under way are
// answered, or have had their time for it. What ctx leaves is spent to the half at most. It
// comes before [Registry.Drain], which calls it too, and [Registry.HandOver].
func (g *Registry) FinishTips(ctx context.Context) { finishTips(ctx, g.Rooms()) }

func finishTips(ctx context.Context, rooms []*Room) {
	limit := tipsMost
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, r := range rooms {
		r.tips.close()
	}
	for _, r := range rooms {
		select {
		case <-r.tips.empty:
		case <-r.done:
		case <-ctx.Done():
			return
		}
	}
}

// tipAnswer is what the credit service has said of a tip, for the actor.
type tipAnswer struct {
	tip   tip
	id    commandID
	deeds []*deed // who waits for it; the first has asked
	err   error
}

// run makes the event, also if its author has gone or was sanctioned meanwhile: the tip is
// taken.
func (a *tipAnswer) run(r *Room) {
	defer r.tips.leave()
	a.over(r)
	refusal, refused := errors.AsType[*TipRefusedError](a.err)
	switch {
	case refused:
		a.failed(fault.New(fault.TipRefused, "%s", reasonOf(refusal)))
	case a.err != nil:
		a.failed(noTip())
	default:
		if err := a.publish(r); err != nil {
			a.failed(err)
		}
	}
}

// over forgets that the tip is under way.
func (a *tipAnswer) over(r *Room) {
	if r.tipping[a.id] == a {
		delete(r.tipping, a.id)
	}
}

func (a *tipAnswer) publish(r *Room) error {
	e := &tipEvent{event: event{Type: typeTip}, User: a.deeds[0].by.user, Amount: a.tip.amount, Currency: a.tip.currency, Text: a.tip.text}
	seq, err := r.append(e, author{a.id.user, a.id.id}, func(seq uint64, err error) {
		for _, d := range a.deeds {
			d.kept(seq, err)
		}
	})
	if err == nil {
		r.repeats.add(a.id, seq, time.Now())
	}
	return err
}

// failed tells all who wait why there is no tip.
func (a *tipAnswer) failed(err error) {
	for _, d := range a.deeds {
		d.failed(err)
	}
}

// reasonOf returns why the service has refused a tip, as far as that can be shown.
func reasonOf(refusal *TipRefusedError) string {
	said := []rune(strings.ToValidUTF8(refusal.Reason, ""))
	line, err := text.Line("reason", string(said[:min(len(said), maxTipReason)]), maxTipReason)
	if err != nil || line == "" {
		return "the tip was not accepted"
	}
	return line
}
