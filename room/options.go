package room

import (
	"context"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"chatserver/cache"
	"chatserver/internal/clientip"
	"chatserver/internal/limit"
	"chatserver/internal/token"
)

// Times and sizes that the protocol promises (docs/protocol.md, Limits).
const (
	joinTimeout   = 10 * time.Second // from the upgrade to a join that is taken
	pingInterval  = 25 * time.Second // between the server's pings
	silenceLimit  = 60 * time.Second // after which a silent peer is dropped
	pieceTimeout  = 10 * time.Second // from a message's first byte to its last
	maxFragments  = 64               // frames of one message
	maxMessage    = 8 << 10          // bytes of one message, after inflation, or of a body
	maxRefusals   = 10               // refusals by a rate limit within refusalPeriod close with 4003
	refusalPeriod = time.Minute
	resumeLimit   = 1000 // events that a client which comes back is sent; more is a gap
	viewersPeriod = 2 * time.Second
	// addressFactor is how many guests' worth of messages one address may send.
	addressFactor = 10
)

// Sizes of our own choice.
const (
	inboxSize    = 512 // commands; at 20 µs each a full inbox is 10 ms of work
	controlSize  = 64
	closeGrace   = 2 * time.Second  // for a closing handshake
	stallTimeout = 15 * time.Second // without a byte taken a peer counts as not reading
	portionSize  = 32 << 10         // bytes of history in one write
	readBuffer   = 1 << 10          // bytes that are read at once
	closeBatch   = 128              // connections told to close between two pauses
	closePause   = 10 * time.Millisecond
	lastAcks     = 250 * time.Millisecond // for the journal, before a closing room parts from its clients
	portRest     = time.Minute            // before a freed port is used again
)

// Limits bound what one user may do; a zero switches that limit off.
type Limits struct {
	Text       int // characters of a message
	Messages   limit.Rate
	Burst      limit.Rate
	Moderators limit.Rate
	Commands   limit.Rate // of one connection, of every kind
	Backlog    int        // bytes that one slow reader may have waiting; must be positive
}

// Guests says what a consumer without a token may do.
type Guests string

// What guests may do.
const (
	GuestsChat Guests = "chat"
	GuestsRead Guests = "read"
	GuestsNone Guests = "none"
)

// Tokens verifies user tokens. It may wait for keys; its errors are for the client.
type Tokens interface {
	Verify(ctx context.Context, raw, room string) (token.Claims, error)
}

// PortRange is the ports that rooms may take, both ends included.
type PortRange struct{ First, Last int }

// Size returns the number of ports in the range.
func (p PortRange) Size() int { return p.Last - p.First + 1 }

// Options configure a [Registry] and the rooms that it opens.
type Options struct {
	Bind     string    // address of the rooms' listeners; empty: all
	Host     string    // name under which browsers reach this server
	Ports    PortRange // for the rooms
	MaxRooms int       // capacity; 1 to Ports.Size()

	MaxConnections        int // of the whole server; 0: no limit
	MaxConnectionsPerRoom int // 0: no limit
	MaxConnectionsPerIP   int // 0: no limit; IPv6 counts by /64

	IdleTimeout    time.Duration // a room with nobody in it for so long closes; 0: never
	History        int           // events that a new arrival is shown
	Guests         Guests
	Limits         Limits
	AllowedOrigins Origins
	TrustedProxies clientip.Trusted

	// Journal keeps what must survive a crash; nil means that nothing does.
	Journal Journal
	// Snapshot returns what the platform's database says, as [cache.Cache.Snapshot]
	// does; nil means that it says nothing.
	Snapshot func() *cache.Snapshot

	// Tokens says who a token's bearer is; nil: no token is taken.
	Tokens Tokens
	// Sanctions keep bans and timeouts; nil: nobody can be sanctioned.
	Sanctions Sanctions

	// Credit says which consumers may be in rooms that are paid for, and takes tips; nil:
	// no room charges, and no tips are taken.
	Credit Credit
	// CreditFailOpen lets consumers be in paid rooms while Credit fails.
	CreditFailOpen bool

	// Page answers a browser's GET / and /assets/… on a room's listener. It must
	// only use relative links: the room stands under /r/NAME/ of the main port too.
	Page http.Handler
	// Observer hears what happens in all rooms; nil: nobody does.
	Observer Observer
	// Changed is called after a room opened or closed; it must not block. May be nil.
	Changed func()
	// Listen opens a room's listener; nil means net.Listen.
	Listen func(network, address string) (net.Listener, error)
	Logger *zap.Logger // nil: nothing is logged
}

// logKeep returns how many events a room holds in memory at least.
func (o Options) logKeep() int { return max(resumeLimit, o.History) }

// withDefaults fills what may be left nil.
func (o Options) withDefaults() Options {
	if o.Listen == nil {
		o.Listen = net.Listen
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.Page == nil {
		o.Page = http.NotFoundHandler()
	}
	if o.Journal == nil {
		o.Journal = oblivion{}
	}
	if o.Sanctions == nil {
		o.Sanctions = noSanctions{}
	}
	if o.Snapshot == nil {
		empty := cache.Empty()
		o.Snapshot = func() *cache.Snapshot { return empty }
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	return o
}
