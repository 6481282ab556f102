package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// flood is a crowd that talks until it is stopped.
type flood struct {
	ending  chan struct{} // closed when it is to stop
	newest  atomic.Int64  // seq of a message
	running sync.WaitGroup
}

// smallTalk is what people say; # is a number.
var smallTalk = []string{
	"hello everybody", "😂😂😂", "GG", "what a goal, I have not seen one like that for # years",
	"see https://example.com/#/how-it-works for more", "@guest7 you said that already", "first", "nice!",
	"the longer ones are there too, from people who have much to say and do not mind that nobody can read it at this speed, # times over",
	"can somebody tell me what that was? I was away for # minutes", "👏 👏", "no way",
}

// flood has people talk in the room at an address, so many messages a second together.
func (s *chatServer) flood(address string, talkers, rate int) *flood {
	s.t.Helper()
	f := &flood{ending: make(chan struct{})}
	var all []*websocket.Conn
	for i := range talkers {
		ws := s.join(address, fmt.Sprintf("guest%d", i)).WS
		all = append(all, ws)
		f.running.Go(func() { f.listen(ws) })
	}
	f.running.Go(func() {
		if err := f.talk(all, rate); err != nil {
			s.t.Errorf("the flood ended by itself: %v", err)
		}
		for _, ws := range all {
			_ = ws.Close()
		}
	})
	return f
}

// stop ends it, and has everybody leave.
func (f *flood) stop() {
	close(f.ending)
	f.running.Wait()
}

// listen reads what comes, for the server cuts off who does not.
func (f *flood) listen(ws *websocket.Conn) {
	_ = ws.SetReadDeadline(time.Time{})
	for {
		_, text, err := ws.ReadMessage()
		if err != nil {
			return
		}
		var last struct {
			Seq int64 `json:"seq"`
		}
		if json.Unmarshal(text[bytes.LastIndexByte(text, '\n')+1:], &last) == nil && last.Seq > 0 {
			f.newest.Store(last.Seq)
		}
	}
}

// talk sends what is due, one talker after the other; every eighth message is an answer.
func (f *flood) talk(talkers []*websocket.Conn, rate int) error {
	begun := time.Now()
	due := time.NewTicker(time.Second / time.Duration(rate))
	defer due.Stop()
	for sent := 0; ; {
		for ; sent < int(time.Since(begun).Seconds()*float64(rate)); sent++ {
			o := obj{"type": "message", "text": strings.ReplaceAll(smallTalk[rand.IntN(len(smallTalk))], "#", strconv.Itoa(sent))}
			if newest := f.newest.Load(); sent%8 == 0 && newest > 0 {
				o["reply_to"] = max(1, newest-rand.Int64N(20))
			}
			if err := talkers[sent%len(talkers)].WriteJSON(o); err != nil {
				return err
			}
		}
		select {
		case <-f.ending:
			return nil
		case <-due.C:
		}
	}
}
