package outbound_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"chatserver/internal/outbound"
)

// What must not be done twice has a name for the service to know it by, and no other
// call has.
func TestCallOnce(t *testing.T) {
	got := make(chan string, 1)
	server := newServer(t, (*httptest.Server).Start, func(_ http.ResponseWriter, r *http.Request) {
		got <- strings.Join(r.Header.Values("Idempotency-Key"), ",")
	})
	client := newClient(t, outbound.Options{Base: server.URL})
	if err := client.CallOnce(t.Context(), "tip-1", http.MethodPost, "/tips", nil, nil); err != nil {
		t.Fatal(err)
	}
	if key := <-got; key != "tip-1" {
		t.Errorf("the call is named %q, want tip-1", key)
	}
	if err := client.Call(t.Context(), http.MethodPost, "/tips", nil, nil); err != nil {
		t.Fatal(err)
	}
	if key := <-got; key != "" {
		t.Errorf("another call is named %q", key)
	}
	var impossible *outbound.StatusError
	if err := client.CallOnce(t.Context(), "a\r\nb", http.MethodPost, "/tips", nil, nil); err == nil || errors.As(err, &impossible) {
		t.Errorf("a key that no header can hold: %v", err)
	}
}

// A service that refuses may say why; who asks for that gets the beginning of it, and
// no error text has it.
func TestRefusalSaysWhy(t *testing.T) {
	for _, tt := range []struct {
		status int
		says   string
		kept   int
	}{
		{http.StatusPaymentRequired, `{"reason":"no money"}`, 21},
		{http.StatusConflict, "", 0},
		{http.StatusForbidden, strings.Repeat("x", 5000), 4096},
		{http.StatusInternalServerError, strings.Repeat("x", 1<<20), 4096},
	} {
		service := &service{answer: body(tt.status, io.NopCloser(strings.NewReader(tt.says)))}
		client := newClient(t, outbound.Options{Base: "https://credit.example", Transport: service})
		err := client.Call(t.Context(), http.MethodPost, "/tips", nil, new(struct{}))
		refusal, ok := errors.AsType[*outbound.StatusError](err)
		if !ok || refusal.Status != tt.status || string(refusal.Answer) != tt.says[:tt.kept] {
			t.Fatalf("%d: %v, want the status and %d bytes of the answer", tt.status, err, tt.kept)
		}
		if strings.Contains(err.Error(), "money") || strings.Contains(err.Error(), "xx") {
			t.Errorf("%d: the error repeats the answer: %v", tt.status, err)
		}
	}
}

// balance is an answer that makes sense only if it is not negative.
type balance struct {
	Seconds float64 `json:"seconds"`
}

func (b *balance) Check() error {
	if b.Seconds < 0 {
		return errors.New("seconds is negative")
	}
	return nil
}

// What a service says is used only if it makes sense, and else it has failed.
func TestAnswerMakesSense(t *testing.T) {
	c := newCircuit(t, outbound.Options{})
	say := func(answer string) (b balance, err error) {
		c.answer = body(http.StatusOK, io.NopCloser(strings.NewReader(answer)))
		err = c.client.Call(t.Context(), http.MethodPut, "/sessions/s", nil, &b)
		return b, err
	}
	if _, err := say(`{"seconds":3}`); err != nil {
		t.Errorf("sense: %v", err)
	}
	for _, nonsense := range []string{`{"seconds":-1}`, `{"seconds":"\ud800"}`, "{\"seconds\":1,\"\xff\":2}", `[]`, `{"seconds":1e999}`} {
		if _, err := say(nonsense); err == nil || errors.Is(err, outbound.ErrOpen) {
			t.Errorf("%s: %v, want an error of its own", nonsense, err)
		}
	}
	if _, err := say(`{"seconds":3}`); !errors.Is(err, outbound.ErrOpen) {
		t.Errorf("after five answers without sense: %v, want the service to be left alone", err)
	}
	c.wantLog("no sense", gone)
}

// Whoever wants the bare bytes gets the first 64 KiB. A body that breaks off before is no
// answer: nobody knows what it would have said.
func TestBareAnswer(t *testing.T) {
	for answer, kept := range map[string]int{"": 0, "no JSON": 7, strings.Repeat("x", 1<<20): 64 << 10} {
		service := &service{answer: body(http.StatusOK, io.NopCloser(strings.NewReader(answer)))}
		client := newClient(t, outbound.Options{Base: "https://credit.example", Transport: service})
		var got []byte
		if err := client.Call(t.Context(), http.MethodPost, "/tips", nil, &got); err != nil || string(got) != answer[:kept] {
			t.Errorf("%d bytes: %v, got %d", len(answer), err, len(got))
		}
	}
	broken := &service{answer: body(http.StatusOK, io.NopCloser(io.MultiReader(strings.NewReader(`{"allowed":fal`), iotest.ErrReader(io.ErrUnexpectedEOF))))}
	client := newClient(t, outbound.Options{Base: "https://credit.example", Transport: broken})
	if err := client.Call(t.Context(), http.MethodPost, "/tips", nil, new([]byte)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a body that breaks off: %v, want unexpected EOF", err)
	}
	service := &service{answer: status(http.StatusPaymentRequired)}
	client = newClient(t, outbound.Options{Base: "https://credit.example", Transport: service})
	if err := client.Call(t.Context(), http.MethodPost, "/tips", nil, new([]byte)); err == nil {
		t.Error("a refusal: no error")
	}
}
