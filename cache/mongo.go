package cache

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"chatserver/internal/mongodb"
)

const (
	batchSize = 5000            // documents of one answer
	maxAwait  = 2 * time.Second // the server holds a request for changes; below the client's timeout
)

// MongoDB returns the source that reads the five collections of a database, in the
// order in which they lie there. Each round trip has the client's timeout.
//
// It watches the database by one change stream. An event only says that something
// changed and the refresh reads all, so a stream that was lost is not resumed: it is
// opened anew, and a refresh finds what was missed.
func MongoDB(client *mongodb.Client) Watcher { return &mongoSource{client: client} }

type mongoSource struct {
	client *mongodb.Client
	bans   int // how many there were last time; for Load alone
}

// Name returns "mongodb".
func (s *mongoSource) Name() string { return "mongodb" }

// Load reads the five collections.
func (s *mongoSource) Load(ctx context.Context) (*Documents, error) {
	db, err := s.client.Database()
	if err != nil {
		return nil, err
	}
	const more = 64 // that may have come since
	docs, content := &Documents{Bans: make([]Ban, 0, s.bans+more)}, sha256.New()
	for i := range collections {
		c := &collections[i]
		hash, err := readCollection(ctx, db, c, docs)
		if err != nil {
			return nil, s.client.Error("cannot read "+c.name, err)
		}
		_, _ = content.Write(hash[:]) // a hash takes everything
	}
	content.Sum(docs.Hash[:0])
	s.bans = len(docs.Bans)
	return docs, nil
}

// sum is a hash of documents in any order.
type sum [sha256.Size]byte

// add takes a document in.
func (s *sum) add(raw bson.Raw) {
	h := sha256.Sum256(raw)
	for i := 0; i < len(s); i += 8 {
		binary.LittleEndian.PutUint64(s[i:], binary.LittleEndian.Uint64(s[i:])+binary.LittleEndian.Uint64(h[i:]))
	}
}

// readCollection reads one collection into docs, and returns the hash of what was
// there.
func readCollection(ctx context.Context, db *mongo.Database, c *collection, docs *Documents) (content sum, err error) {
	projection := make(bson.D, len(c.fields))
	for i, field := range c.fields {
		projection[i] = bson.E{Key: field, Value: 1}
	}
	cursor, err := db.Collection(c.name).Find(ctx, bson.D{}, options.Find().SetProjection(projection).SetBatchSize(batchSize))
	if err != nil {
		return content, err
	}
	defer func() { _ = cursor.Close(context.WithoutCancel(ctx)) }() // it has the client's timeout

	// Without a deadline the driver makes a timer for each document, though only a
	// new batch can take time.
	inBatch, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	next := func() bool {
		if cursor.RemainingBatchLength() > 0 {
			return cursor.Next(inBatch)
		}
		return cursor.Next(ctx)
	}
	doc, count, size := fields{}, 0, 0
	for next() {
		raw := cursor.Current
		count++
		size += len(raw)
		if count > maxDocuments || size > maxCollection {
			return content, fmt.Errorf("it has more than %d documents or %d MiB; take out what is not needed any more", maxDocuments, maxCollection>>20)
		}
		content.add(raw)
		if err := decode(raw, c.fields, doc); err != nil {
			docs.leaveOut(c, doc["_id"], err)
			continue
		}
		docs.add(c, doc)
	}
	return content, cursor.Err()
}

// decode takes the wanted fields out of a document.
func decode(raw bson.Raw, wanted []string, doc fields) error {
	clear(doc)
	if len(raw) > maxDocument {
		doc["_id"] = value(raw.Lookup("_id"))
		return fmt.Errorf("the document has %d bytes; it may have %d", len(raw), maxDocument)
	}
	if err := raw.Validate(); err != nil {
		return errors.New("the document is no BSON")
	}
	for _, name := range wanted {
		if v, err := raw.LookupErr(name); err == nil {
			doc[name] = value(v)
		}
	}
	return nil
}

// value returns a value as fields have it. An ObjectID becomes its hexadecimal form:
// platforms use them as user ids.
func value(v bson.RawValue) any {
	switch v.Type {
	case bson.TypeString:
		s, _ := v.StringValueOK()
		return s
	case bson.TypeObjectID:
		id, _ := v.ObjectIDOK()
		return id.Hex()
	case bson.TypeBoolean:
		b, _ := v.BooleanOK()
		return b
	case bson.TypeInt32, bson.TypeInt64:
		n, _ := v.AsInt64OK()
		return n
	case bson.TypeDouble:
		n, _ := v.DoubleOK()
		return n
	case bson.TypeDateTime:
		ms, _ := v.DateTimeOK()
		return time.UnixMilli(ms)
	case bson.TypeNull, bson.TypeUndefined:
		return nil
	case bson.TypeArray:
		return list(v)
	default:
		return other("BSON of type " + v.Type.String())
	}
}

// list returns an array, one item more than any field may have at most. Arrays
// within it are not looked into.
func list(v bson.RawValue) any {
	raw, _ := v.ArrayOK()
	values, err := raw.Values()
	if err != nil {
		return other("BSON that cannot be read")
	}
	values = values[:min(len(values), maxModerators+1)]
	items := make([]any, len(values))
	for i, item := range values {
		if item.Type == bson.TypeArray {
			items[i] = other("a list")
			continue
		}
		items[i] = value(item)
	}
	return items
}

// stream is the part of a [mongo.ChangeStream] that is used.
type stream interface {
	TryNext(ctx context.Context) bool
	ID() int64
	Err() error
	Close(ctx context.Context) error
}

// Watch follows a change stream of the database.
func (s *mongoSource) Watch(ctx context.Context, changed func()) error {
	db, err := s.client.Database()
	if err != nil {
		return err
	}
	changes, err := db.Watch(ctx, changesPipeline(), options.ChangeStream().SetMaxAwaitTime(maxAwait))
	if err == nil {
		err = follow(ctx, changes, changed)
	}
	if cannotWatch(err) {
		return fmt.Errorf("MongoDB: this server %w, which need a replica set", ErrCannotWatch)
	}
	return s.client.Error("cannot watch", err)
}

// changesPipeline selects what touches the collections, and keeps of each event
// nothing but the token that the driver needs.
func changesPipeline() mongo.Pipeline {
	var names bson.A
	for _, c := range collections {
		names = append(names, c.name)
	}
	within := bson.D{{Key: "$in", Value: names}}
	return mongo.Pipeline{
		{{Key: "$match", Value: bson.D{{Key: "$or", Value: bson.A{
			bson.D{{Key: "ns.coll", Value: within}},
			bson.D{{Key: "to.coll", Value: within}}, // renamed to one of them
			bson.D{{Key: "operationType", Value: "dropDatabase"}},
		}}}}},
		{{Key: "$project", Value: bson.D{{Key: "_id", Value: 1}}}},
	}
}

// follow calls changed for each event, until the stream ends. Each step is one
// request, which the server holds for maxAwait and which the client's timeout
// bounds: a server that is gone without a word is missed within seconds.
func follow(ctx context.Context, changes stream, changed func()) error {
	defer func() { _ = changes.Close(context.WithoutCancel(ctx)) }()
	changed()
	for {
		if changes.TryNext(ctx) {
			changed()
			continue
		}
		if err := changes.Err(); err != nil {
			return err
		}
		if changes.ID() == 0 {
			return errors.New("the server closed the change stream")
		}
	}
}

// Codes with which servers say that they have no change streams.
var noStreams = []int{
	9,     // FailedToParse: no aggregation of a whole database
	115,   // CommandNotSupported
	238,   // NotImplemented
	303,   // FeatureNotSupported
	40324, // unrecognized pipeline stage
	40573, // only supported on replica sets
}

func cannotWatch(err error) bool {
	var refused mongo.CommandError
	return errors.As(err, &refused) && slices.Contains(noStreams, int(refused.Code))
}
