package mongotest_test

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"chatserver/internal/mongotest"
)

func TestDataSurvivesAKill(t *testing.T) {
	db := mongotest.Start(t)
	things := db.Connect("test").Collection("things")
	if _, err := things.InsertOne(t.Context(), bson.D{{Key: "_id", Value: "a"}}); err != nil {
		t.Fatal(err)
	}
	addr := db.Addr()
	db.Kill()
	db.Kill()
	db.Restart()
	if db.Addr() != addr {
		t.Errorf("it listens on %s; want %s again", db.Addr(), addr)
	}
	// The connections of before are broken, and reads are tried again.
	if n, err := db.Connect("test").Collection("things").CountDocuments(t.Context(), bson.D{}); n != 1 || err != nil {
		t.Errorf("%d documents, %v; want the one that was acknowledged", n, err)
	}
}
