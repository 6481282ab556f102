package mongodb

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestCheckURI(t *testing.T) {
	for _, uri := range []string{
		"mongodb://localhost",
		"mongodb://localhost:27017/",
		"mongodb://a.example:1,b.example:2/?replicaSet=rs0",
		"mongodb://user:pa%40ss%3A%2F@[2001:db8::1]:27017/admin?authSource=admin&tls=true",
		"mongodb+srv://user:secret@cluster.example/?retryWrites=true", // nobody is asked for this name
	} {
		if err := CheckURI(uri); err != nil {
			t.Errorf("CheckURI(%s) = %v", uri, err)
		}
	}
	for _, uri := range []string{
		"", "localhost", "http://user:hunter2@a.example/", "mongodb:/hunter2",
		"mongodb://user:hunt@er2@a.example/",
		"mongodb://user:hunter2/@a.example/",
		"mongodb://user:hunter2@a.example:hunter2/",
		"mongodb://user:hunter2@/",
		"mongodb://user:%zzhunter2@a.example/",
		"mongodb://user:hunter2@a.example/?connectTimeoutMS=hunter2",
		"mongodb://user:hunter2@a.example/?authMechanism=hunter2",
		"mongodb+srv://user:hunter2@a.example:27017/",
		"mongodb+srv://user:hunter2@a.example,b.example/",
		"mongodb://user:hunter2@a.example/?tlsCAFile=/hunter2",
	} {
		err := CheckURI(uri)
		if err == nil {
			t.Errorf("CheckURI(%s) passes", uri)
		} else if text := err.Error(); strings.Contains(text, "hunter2") || strings.Contains(text, "a.example") {
			t.Errorf("CheckURI repeats the URI: %s", text)
		}
	}
}

func TestCheckName(t *testing.T) {
	for name, good := range map[string]bool{
		"chatserver": true, "chat-server_2": true, strings.Repeat("x", 63): true,
		"": false, "a b": false, "a.b": false, "a/b": false, "a\x00": false, "$a": false, "\xff": false, strings.Repeat("x", 64): false,
	} {
		if err := CheckName(name); (err == nil) != good {
			t.Errorf("CheckName(%q) = %v", name, err)
		}
	}
}

func TestErrorsHoldNoSecret(t *testing.T) {
	const (
		escaped = "hun%74er2%40home"
		uri     = "mongodb://operator:" + escaped + "@db.example:27017/?authMechanismProperties=AWS_SESSION_TOKEN:t0ken&tlsCertificateKeyFilePassword=k3yword"
	)
	c, err := New(uri, "chatserver")
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("cause")
	for _, said := range []string{
		uri, "operator:" + escaped + "@", escaped, "hunter2@home", "operator", "AWS_SESSION_TOKEN:t0ken", "k3yword",
		fmt.Sprintf("cannot parse %q", uri), strings.Repeat("hunter2@home", 1000),
	} {
		text := c.Error("cannot do it", fmt.Errorf("said %s by: %w", said, cause)).Error()
		for _, secret := range []string{escaped, "hunter2", "operator", "t0ken", "k3yword"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q has %q", text, secret)
			}
		}
		if !strings.HasPrefix(text, "MongoDB: cannot do it: said ") {
			t.Errorf("%q does not say what it is about", text)
		}
	}
	hostile := c.Error("cannot do it", fmt.Errorf("line\nbreak \x1b[0m \u202e %s%w", strings.Repeat("x", 10_000), cause))
	if text := hostile.Error(); len(text) > 1000 || strings.ContainsAny(text, "\n\x1b\u202e") {
		t.Errorf("the error cannot be logged: %q", text)
	}
	if !errors.Is(hostile, cause) {
		t.Error("the error does not unwrap to its cause")
	}
}
