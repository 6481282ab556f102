// Command centrifuge is a chat server of a few lines on the centrifuge library, for the
// bench to compare with: whoever subscribes to a channel gets what is published there.
//
// With -tuned it has the settings that the library's own comments recommend where many
// messages go to each connection: writes delayed and gathered without a limit on
// messages in a frame, by a timer and not a goroutine of each connection, pooled write
// buffers, small read buffers, and a read loop that gives its stack back. Compression is
// off in both.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/centrifugal/centrifuge"
)

func main() {
	tuned := flag.Bool("tuned", false, "with the settings that the library recommends for many messages")
	delay := flag.Duration("delay", 50*time.Millisecond, "how long -tuned gathers")
	flag.Parse()
	if err := serve(*tuned, *delay); err != nil {
		log.Fatal(err)
	}
}

func serve(tuned bool, delay time.Duration) error {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return err
	}
	reply := centrifuge.ConnectReply{}
	ws := centrifuge.WebsocketConfig{CheckOrigin: func(*http.Request) bool { return true }}
	if tuned {
		reply.WriteDelay, reply.WriteWithTimer, reply.MaxMessagesInFrame = delay, true, -1
		ws.UseWriteBufferPool, ws.ReadBufferSize, ws.ProcessCommandsOffReadLoop = true, 512, true
	}
	var guests, seq atomic.Int64
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		r := reply
		r.Credentials = &centrifuge.Credentials{UserID: fmt.Sprintf("guest-%d", guests.Add(1))}
		return r, nil
	})
	node.OnConnect(func(c *centrifuge.Client) {
		c.OnSubscribe(func(_ centrifuge.SubscribeEvent, done centrifuge.SubscribeCallback) {
			done(centrifuge.SubscribeReply{}, nil)
		})
		c.OnPublish(func(e centrifuge.PublishEvent, done centrifuge.PublishCallback) {
			result, err := node.Publish(e.Channel, event(e.Data, c.UserID(), seq.Add(1)))
			done(centrifuge.PublishReply{Result: &result}, err)
		})
	})
	if err := node.Run(); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	http.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, ws))
	return http.Serve(ln, nil)
}

// event wraps what a client said in the fields that chatserver's events have.
func event(data []byte, user string, seq int64) []byte {
	var said struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(data, &said) != nil {
		return []byte("{}")
	}
	out, err := json.Marshal(map[string]any{
		"type": "message", "seq": seq, "time": time.Now().UnixMilli(),
		"user": map[string]string{"id": user, "name": user, "role": "consumer"}, "text": said.Text,
	})
	if err != nil {
		return []byte("{}")
	}
	return out
}
