package mongodb

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
	"unicode"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	selectTimeout  = 2 * time.Second // until a server is found
	connectTimeout = time.Second
	timeout        = 3 * time.Second // of one operation
	maxPool        = 8               // connections to one server
)

// Client is the database. It connects when it is first used. Its methods are safe
// from any goroutine.
type Client struct {
	uri, database string
	secrets       *strings.Replacer

	mu     sync.Mutex
	client *mongo.Client
	closed bool
}

// New returns the database that a URI and a name stand for. It does not connect.
func New(uri, database string) (*Client, error) {
	if err := errors.Join(CheckURI(uri), CheckName(database)); err != nil {
		return nil, err
	}
	return &Client{uri: uri, database: database, secrets: secretsOf(uri)}, nil
}

// Database returns the driver's handle. It fails only if the client was closed, or
// if the URI's host has to be looked up (mongodb+srv) and cannot be.
func (c *Client) Database() (*mongo.Database, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errors.New("MongoDB: closed, for the server stops")
	}
	if c.client == nil {
		client, err := mongo.Connect(clientOptions(c.uri))
		if err != nil {
			return nil, c.Error("cannot connect", err)
		}
		c.client = client
	}
	return c.client.Database(c.database), nil
}

// clientOptions returns the driver's options. What the URI says comes first.
func clientOptions(uri string) *options.ClientOptions {
	return options.Client().
		SetAppName("chatserver").
		SetServerSelectionTimeout(selectTimeout).
		SetConnectTimeout(connectTimeout).
		SetTimeout(timeout).
		SetMaxPoolSize(maxPool).
		ApplyURI(uri)
}

// Close ends all connections, those in use when ctx ends at the latest.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	client := c.client
	c.client, c.closed = nil, true
	c.mu.Unlock()
	if client == nil {
		return nil
	}
	if err := client.Disconnect(ctx); err != nil {
		return c.Error("cannot disconnect", err)
	}
	return nil
}

// Error returns an error that says what could not be done, and why, without
// secrets. It unwraps to err.
func (c *Client) Error(what string, err error) error {
	return &clientError{text: "MongoDB: " + what + ": " + legible(c.secrets.Replace(err.Error())), err: err}
}

type clientError struct {
	text string
	err  error
}

func (e *clientError) Error() string { return e.text }

func (e *clientError) Unwrap() error { return e.err }

// maxText is how much of another program's text is shown, in characters.
const maxText = 300

// legible returns a text without what a hostile peer could have put there: control
// characters, line breaks, changes of direction, great length.
func legible(s string) string {
	var out []rune
	for _, r := range s {
		if len(out) == maxText {
			return string(out) + "…"
		}
		if !unicode.IsPrint(r) {
			r = unicode.ReplacementChar
		}
		out = append(out, r)
	}
	return string(out)
}
