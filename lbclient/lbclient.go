package lbclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"chatserver/internal/outbound"
)

const (
	callTimeout   = 5 * time.Second // of one call
	updatePause   = time.Second     // between two updates
	breakFailures = 5               // in a row, after which a balancer is left alone
	breakPause    = 30 * time.Second
)

// Options say whom a [Client] tells, and what.
type Options struct {
	// URLs are the balancers' base URLs, https://lb.example:2000 for one. None
	// is allowed.
	URLs []string
	// Key is sent to each of them as X-API-Key. Empty sends none.
	Key string
	// Interval is the time from one heartbeat to the next. 0 is 10 s.
	Interval time.Duration
	// Host is the name or IP address under which users reach this server. An
	// IPv6 address stands without brackets.
	Host string
	// Port is the port of the API there, 1 to 65535.
	Port int
	// Version is the server's version, 1.0.0 for one.
	Version string
	// VerifyCertificates refuses balancers whose certificate is not trusted,
	// self-signed ones too: true in production.
	VerifyCertificates bool
	// Load tells how many rooms this server can hold and how many it holds; a
	// server that takes no more says the same number twice. It is asked before
	// each call, by several goroutines at once, and must not block.
	Load func() (capacity, rooms int)
	// Logger gets a line when a balancer is left alone and when it is back, and
	// at the debug level every other failure. nil logs nothing.
	Logger *zap.Logger

	transport http.RoundTripper // tests put a fake here
}

// Client tells load balancers about this server. Its methods are safe from any
// goroutine.
type Client struct {
	// Set by New and never changed.
	server    string // host:port, escaped
	version   string // escaped
	interval  time.Duration
	load      func() (capacity, rooms int)
	balancers []*balancer
	logger    *zap.Logger

	running atomic.Bool
}

// balancer is one load balancer.
type balancer struct {
	remote *outbound.Client

	// turn holds a token while the balancer is being told something.
	turn chan struct{}
	// changed holds a token while there is a change that it has not been told
	// of. Update puts it there; whoever has the turn takes it away.
	changed chan struct{}
}

// New returns a client that tells nobody anything yet. Its error names every
// fault of o, and a balancer by its place in the list, because its URL may hold a
// password.
func New(o Options) (*Client, error) {
	if o.Interval <= 0 {
		o.Interval = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	c := &Client{
		server:   outbound.Escape(net.JoinHostPort(o.Host, strconv.Itoa(o.Port))),
		version:  outbound.Escape(o.Version),
		interval: o.Interval,
		load:     o.Load,
		logger:   o.Logger,
	}
	faults := o.faults()
	for i, base := range o.URLs {
		b, err := newBalancer(o, base)
		if err != nil {
			faults = append(faults, fmt.Errorf("lbclient: load balancer %d of %d: %w", i+1, len(o.URLs), err))
			continue
		}
		c.balancers = append(c.balancers, b)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return c, nil
}

// faults returns what is missing to register a server at all.
func (o Options) faults() []error {
	var faults []error
	if o.Host == "" {
		faults = append(faults, errors.New("lbclient: no host"))
	}
	if o.Port < 1 || o.Port > 65535 {
		faults = append(faults, fmt.Errorf("lbclient: %d is not a port", o.Port))
	}
	if o.Version == "" {
		faults = append(faults, errors.New("lbclient: no version"))
	}
	if o.Load == nil {
		faults = append(faults, errors.New("lbclient: no function that tells the load"))
	}
	return faults
}

// newBalancer returns the balancer at a base URL.
func newBalancer(o Options, base string) (*balancer, error) {
	remote, err := outbound.New(outbound.Options{
		Name:               "load balancer",
		Base:               base,
		Key:                o.Key,
		Timeout:            callTimeout,
		InsecureSkipVerify: !o.VerifyCertificates,
		Failures:           breakFailures,
		Pause:              breakPause,
		Logger:             o.Logger,
		Transport:          o.transport,
	})
	if err != nil {
		return nil, err
	}
	return &balancer{remote: remote, turn: make(chan struct{}, 1), changed: make(chan struct{}, 1)}, nil
}

// Run tells all balancers the load at once, then at every heartbeat and at every
// [Client.Update], until ctx ends. It returns nil when all its goroutines have
// ended, and an error only if the client is running already.
func (c *Client) Run(ctx context.Context) error {
	if !c.running.CompareAndSwap(false, true) {
		return errors.New("lbclient: running already")
	}
	defer c.running.Store(false)

	var balancers sync.WaitGroup
	for _, b := range c.balancers {
		balancers.Go(func() { c.keepTelling(ctx, b) })
	}
	<-ctx.Done()
	balancers.Wait()
	return nil
}

// keepTelling is the loop of one balancer.
func (c *Client) keepTelling(ctx context.Context, b *balancer) {
	defer b.remote.CloseIdleConnections()
	heartbeat := time.NewTicker(c.interval)
	defer heartbeat.Stop()

	c.tellOrLog(ctx, b)
	changed := b.changed        // nil while the last update is less than a pause ago
	var rested <-chan time.Time // fires when it no longer is
	for {
		select {
		case <-ctx.Done():
			return
		case <-rested:
			changed, rested = b.changed, nil
			continue
		case <-changed:
			changed, rested = nil, time.After(updatePause)
		case <-heartbeat.C:
		}
		c.tellOrLog(ctx, b)
	}
}

// tellOrLog tells a balancer the load. What the circuit breaker says, and what
// the end of ctx brings about, is not logged.
func (c *Client) tellOrLog(ctx context.Context, b *balancer) {
	err := c.tell(ctx, b)
	if err != nil && ctx.Err() == nil && !errors.Is(err, outbound.ErrOpen) {
		c.logger.Debug("load balancer was not told", zap.Error(err))
	}
}

// Update says that a room was opened or closed. It never blocks: balancers are
// told by [Client.Run], at once, but not of more than one update a second.
func (c *Client) Update() {
	for _, b := range c.balancers {
		select {
		case b.changed <- struct{}{}:
		default: // a change waits already and will be told with this one
		}
	}
}

// Status returns how the balancers are, at once, in the order of [Options.URLs].
func (c *Client) Status() []outbound.Status {
	list := make([]outbound.Status, len(c.balancers))
	for i, b := range c.balancers {
		list[i] = b.remote.Status()
	}
	return list
}

// Announce tells all balancers the load now, side by side, whether Run runs or
// not and however short the last update is ago, and waits for their answers. Its
// error joins those of the balancers that could not be told, each with its name.
func (c *Client) Announce(ctx context.Context) error {
	errs := make([]error, len(c.balancers))
	var balancers sync.WaitGroup
	for i, b := range c.balancers {
		balancers.Go(func() { errs[i] = c.tell(ctx, b) })
	}
	balancers.Wait()
	return errors.Join(errs...)
}

// tell tells a balancer the load, once nobody else is telling it anything.
func (c *Client) tell(ctx context.Context, b *balancer) error {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return fmt.Errorf("%v: another call is under way: %w", b.remote, ctx.Err())
	}
	select {
	case <-b.changed: // the load that is asked now has it
	default:
	}
	capacity, rooms := c.load()
	path := fmt.Sprintf("/register/%s/%d/%d/%s", c.server, capacity, rooms, c.version)
	return b.remote.Call(ctx, http.MethodPut, path, nil, nil)
}
