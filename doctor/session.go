package doctor

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// told is what a session is answered.
type told struct {
	Session string   `json:"session"`
	Events  []object `json:"events"`
}

// join makes a session in a room.
func (e *exam) join(ctx context.Context, room, token string) (session string, err error) {
	a, err := e.call(ctx, http.MethodPost, "r/"+url.PathEscape(room)+"/join", string(joinCommand(token)), "Origin", e.URL.Scheme+"://"+e.URL.Host)
	if err != nil {
		return "", err
	}
	var t told
	if err := a.data(&t); err != nil {
		return "", err
	}
	if t.Session == "" {
		return "", errors.New("the answer names no session")
	}
	return t.Session, nil
}

// leave ends a session; what does not, ends by itself within a minute.
func (e *exam) leave(ctx context.Context, room, session string) {
	_, _ = e.call(context.WithoutCancel(ctx), http.MethodPost, "r/"+url.PathEscape(room)+"/send?session="+session, `{"type":"leave","id":"1"}`)
}

// poll asks for what a session has not had.
func (e *exam) poll(ctx context.Context, room, session string, wait time.Duration) (told, error) {
	var t told
	a, err := e.callWithin(ctx, wait+patience, http.MethodGet, e.at("r/"+url.PathEscape(room)+"/poll?session="+session+"&wait="+wait.String()), "")
	if err == nil {
		err = a.data(&t)
	}
	return t, err
}

// polling tells whether who cannot do otherwise can chat by requests alone.
func (e *exam) polling(ctx context.Context) verdict {
	session, err := e.join(ctx, e.room, e.token)
	if err != nil {
		return e.refusedEntry(err, changePassAll)
	}
	defer e.leave(ctx, e.room, session)
	a, err := e.call(ctx, http.MethodPost, e.path("send?session="+session), `{"type":"ping","id":"1"}`)
	var t told
	if err == nil {
		err = a.data(&t)
	}
	if err != nil || !slices.ContainsFunc(t.Events, pongs) {
		return wrong(changePassAll, "a command is not answered: %s", describe(a, err))
	}
	if !e.own() {
		if _, err := e.poll(ctx, e.room, session, 0); err != nil {
			return wrong(changePassAll, "no poll: %v", err)
		}
		return fine("commands and polls are answered")
	}
	text := hello + " " + strconv.FormatInt(time.Now().UnixNano(), 36)
	if err := e.say(ctx, text); err != nil {
		return wrong(changePassAll, "nothing can be said: %v", err)
	}
	begun := time.Now()
	for time.Since(begun) < soon {
		t, err := e.poll(ctx, e.room, session, soon)
		if err != nil {
			return wrong(changePassAll, "no poll: %v", err)
		}
		if slices.ContainsFunc(t.Events, says(text)) {
			return fine("a message came %v after it was acknowledged", time.Since(begun).Round(time.Millisecond/10))
		}
	}
	return wrong("no proxy_cache for the chat", "a message did not come within %v", soon)
}
