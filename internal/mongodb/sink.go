package mongodb

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// The collections that are written.
const (
	messages = "messages"
	bans     = "bans"
	servers  = "servers"
)

// Codes of errors that a server answers with.
const (
	codeUniqueViolation = 11000
)

// maxBulk is how many documents are written at a time.
const maxBulk = 1000

// Sink writes what happened on this server. Everything that it writes may be
// written again, so whoever does not know how far a write came repeats it. Its
// methods are safe from any goroutine.
type Sink struct {
	client *Client

	mu      sync.Mutex
	indexed bool // the indexes that writing needs are there
}

// NewSink returns the sink of a database.
func NewSink(client *Client) *Sink { return &Sink{client: client} }

// Event is an event of a room's log.
type Event struct {
	Room  string
	Epoch string
	Seq   uint64
	Time  time.Time // kept to the millisecond
	JSON  []byte    // the event as it stands in the log: one object
}

// Messages writes events into the collection messages: room, epoch, seq, time as a
// date, and the other fields of the event. One that is there already is left as it
// is. After an error some of them may have been written.
func (s *Sink) Messages(ctx context.Context, events []Event) error {
	if len(events) == 0 {
		return nil
	}
	db, err := s.ready(ctx)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(events, maxBulk) {
		docs := make([]bson.D, len(chunk))
		for i := range chunk {
			docs[i] = chunk[i].document()
		}
		err := s.write("cannot write messages", func() error {
			_, err := db.Collection(messages).InsertMany(ctx, docs, options.InsertMany().SetOrdered(false))
			return exceptDuplicates(err)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// document returns an event as it is written. One that is no JSON object, which
// would be a fault of ours, is kept as text: it must not hold up those behind it.
func (e *Event) document() bson.D {
	doc := bson.D{
		{Key: "room", Value: e.Room},
		{Key: "epoch", Value: e.Epoch},
		{Key: "seq", Value: int64(e.Seq)},
		{Key: "time", Value: bson.NewDateTimeFromTime(e.Time)},
	}
	var fields bson.D
	if err := bson.UnmarshalExtJSON(e.JSON, false, &fields); err != nil {
		return append(doc, bson.E{Key: "unreadable", Value: string(e.JSON)})
	}
	for _, f := range fields {
		switch f.Key {
		case "_id", "room", "epoch", "seq", "time":
		default:
			doc = append(doc, f)
		}
	}
	return doc
}

// Sanction is a ban or a timeout that was set or lifted. It holds for a user, for an
// address or CIDR prefix, or for both.
type Sanction struct {
	ID      string // _id of the ban
	Kind    string // "timeout"; empty: a ban
	User    string // empty: no user
	IP      string // empty: no address
	Room    string // empty: all rooms
	Reason  string
	By      string    // user id
	Expires time.Time // zero: never
	Lifted  bool      // the ban is over; only ID counts
}

// Sanctions brings bans into the collection bans, or takes them out, in order.
func (s *Sink) Sanctions(ctx context.Context, sanctions []Sanction) error {
	if len(sanctions) == 0 {
		return nil
	}
	db, err := s.client.Database()
	if err != nil {
		return err
	}
	writes := make([]mongo.WriteModel, len(sanctions))
	for i := range sanctions {
		writes[i] = sanctions[i].write()
	}
	return s.write("cannot write bans", func() error {
		_, err := db.Collection(bans).BulkWrite(ctx, writes)
		return err
	})
}

// write returns the write that brings the sanction about.
func (s *Sanction) write() mongo.WriteModel {
	if s.Lifted {
		ids := bson.A{s.ID}
		if id, err := bson.ObjectIDFromHex(s.ID); err == nil { // a ban of the platform's own
			ids = append(ids, id)
		}
		return mongo.NewDeleteManyModel().SetFilter(bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}})
	}
	doc := bson.D{{Key: "_id", Value: s.ID}}
	for _, f := range []struct{ key, value string }{
		{"kind", s.Kind}, {"user", s.User}, {"ip", s.IP}, {"room", s.Room}, {"reason", s.Reason}, {"by", s.By},
	} {
		if f.value != "" {
			doc = append(doc, bson.E{Key: f.key, Value: f.value})
		}
	}
	if !s.Expires.IsZero() {
		doc = append(doc, bson.E{Key: "expires", Value: bson.NewDateTimeFromTime(s.Expires)})
	}
	return mongo.NewReplaceOneModel().SetFilter(bson.D{{Key: "_id", Value: s.ID}}).SetReplacement(doc).SetUpsert(true)
}

// Server is what this server has open.
type Server struct {
	Host    string    `bson:"_id"` // host:port of the API
	Rooms   []Room    `bson:"rooms"`
	Updated time.Time `bson:"updated"`
}

// Room is an open room.
type Room struct {
	Name    string `bson:"name"`
	Port    int    `bson:"port"`
	Epoch   string `bson:"epoch"`
	Viewers int    `bson:"viewers"`
}

// Server writes this server's document in the collection servers. A server that
// stops writes it without rooms; one that fell silent is known by updated.
func (s *Sink) Server(ctx context.Context, server Server) error {
	db, err := s.client.Database()
	if err != nil {
		return err
	}
	if server.Rooms == nil {
		server.Rooms = []Room{}
	}
	return s.write("cannot write this server's rooms", func() error {
		_, err := db.Collection(servers).ReplaceOne(ctx, bson.D{{Key: "_id", Value: server.Host}}, server, options.Replace().SetUpsert(true))
		return err
	})
}

// ready returns the database once it has the index that keeps an event from being
// written twice.
func (s *Sink) ready(ctx context.Context) (*mongo.Database, error) {
	db, err := s.client.Database()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.indexed {
		return db, nil
	}
	err = s.write("cannot create the unique index of messages", func() error {
		_, err := db.Collection(messages).Indexes().CreateOne(ctx, mongo.IndexModel{
			Keys:    bson.D{{Key: "room", Value: 1}, {Key: "epoch", Value: 1}, {Key: "seq", Value: 1}},
			Options: options.Index().SetName("room_epoch_seq").SetUnique(true),
		})
		return err
	})
	s.indexed = err == nil
	return db, err
}

// write carries a write out, once more if it may help: a connection that broke may
// only show that the server was restarted a while ago, and two servers that set a
// ban at the same moment may get in each other's way.
func (s *Sink) write(what string, do func() error) error {
	err := do()
	if mongo.IsNetworkError(err) && !mongo.IsTimeout(err) || mongo.IsDuplicateKeyError(err) {
		err = do()
	}
	if err != nil {
		return s.client.Error(what, err)
	}
	return nil
}

// exceptDuplicates returns the error of a bulk insert, unless all that is wrong is
// that documents were there already.
func exceptDuplicates(err error) error {
	var bulk mongo.BulkWriteException
	if !errors.As(err, &bulk) || bulk.WriteConcernError != nil || len(bulk.WriteErrors) == 0 {
		return err
	}
	for _, failed := range bulk.WriteErrors {
		if failed.Code != codeUniqueViolation {
			return failed
		}
	}
	return nil
}
