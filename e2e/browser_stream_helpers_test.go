package e2e_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
)

// The streams of browser_stream_test.go, where they come from, and what plays them.

// makeStream makes a recorded HLS stream of so many pieces of a second each, with a
// picture of that width, and returns its folder. The playlist is index.m3u8.
func makeStream(t *testing.T, width, seconds int) (dir string) {
	t.Helper()
	return makeStreamOf(t, fmt.Sprintf("testsrc=size=%dx%d:rate=25:duration=%d", width, width*9/16, seconds), seconds)
}

// makeStreamOf is makeStream with a picture from one of ffmpeg's sources.
func makeStreamOf(t *testing.T, picture string, seconds int) (dir string) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Fatal("ffmpeg makes the streams that are played: install ffmpeg (.ci/install-deps does)")
	}
	dir = t.TempDir()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", picture,
		"-f", "lavfi", "-i", fmt.Sprintf("sine=duration=%d", seconds),
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25", "-c:a", "aac",
		"-hls_time", "1", "-hls_playlist_type", "vod", filepath.Join(dir, "index.m3u8"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make a stream: %v\n%s", err, out)
	}
	return dir
}

// streamHost serves streams to pages of all origins, as such hosts do.
type streamHost struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	streams map[string]*hosted
}

// hosted is a stream as it is at the moment. The zero value is none yet.
type hosted struct {
	dir         string
	first, last int    // pieces of a live stream, from 1; 0: it is a recorded one
	broken      string // extension of the files for which the host fails; empty: none
}

func newStreamHost(t *testing.T) *streamHost {
	t.Helper()
	h := &streamHost{t: t, streams: map[string]*hosted{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{stream}/{file}", h.serve)
	h.Server = httptest.NewServer(mux)
	t.Cleanup(h.Close)
	return h
}

// at is the address of a stream's playlist.
func (h *streamHost) at(stream string) string { return h.URL + "/" + stream + "/index.m3u8" }

// change changes a stream. One without a folder is not found.
func (h *streamHost) change(stream string, change func(*hosted)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	is := h.streams[stream]
	if is == nil {
		is = &hosted{}
		h.streams[stream] = is
	}
	change(is)
}

// begin lets a stream be there.
func (h *streamHost) begin(stream, dir string) {
	h.change(stream, func(is *hosted) { is.dir = dir })
}

// showLive makes a stream a live one that shows these pieces at the moment.
func (h *streamHost) showLive(stream string, first, last int) {
	h.change(stream, func(is *hosted) { is.first, is.last = first, last })
}

// fail lets the host fail for a stream's files of an extension, or for none.
func (h *streamHost) fail(stream, extension string) {
	h.change(stream, func(is *hosted) { is.broken = extension })
}

func (h *streamHost) serve(w http.ResponseWriter, r *http.Request) {
	var now hosted
	h.change(r.PathValue("stream"), func(is *hosted) { now = *is })
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cache-Control", "no-store")
	file := filepath.Join(now.dir, r.PathValue("file"))
	switch {
	case now.dir == "":
		http.NotFound(w, r)
	case filepath.Ext(file) == now.broken:
		http.Error(w, "nothing to see", http.StatusInternalServerError)
	case filepath.Ext(file) == ".m3u8" && now.last > 0:
		text, err := os.ReadFile(file)
		if err != nil {
			h.t.Error(err)
		}
		w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
		_, _ = fmt.Fprint(w, livePlaylist(string(text), now.first, now.last)) // the page may have gone
	default:
		http.ServeFile(w, r, file)
	}
}

// livePlaylist is what a recorded stream's playlist was while it was live.
func livePlaylist(recorded string, first, last int) string {
	head, rest, _ := strings.Cut(recorded, "#EXTINF")
	pieces := strings.SplitAfter(strings.ReplaceAll("#EXTINF"+rest, "#EXT-X-ENDLIST\n", ""), ".ts\n")
	head = strings.Replace(head, "#EXT-X-PLAYLIST-TYPE:VOD\n", "", 1)
	head = strings.Replace(head, "SEQUENCE:0", fmt.Sprintf("SEQUENCE:%d", first-1), 1)
	return head + strings.Join(pieces[first-1:last], "")
}

// scriptHost serves hls.js over TLS, to pages of all origins, and knows its hash.
type scriptHost struct {
	*httptest.Server
	integrity string
}

func newScriptHost(t *testing.T) *scriptHost {
	t.Helper()
	dir := npmPackage(t, "hls.js", "1.7.4", "sha512-3GlxGdPvT2YHvQYOt+yOzT/DEior/qJVNIylHA77kgeoBTdQQqi70GwefNEUmHQeNGyjC8U62+bruqW/Tpm+tg==")
	script, err := os.ReadFile(filepath.Join(dir, "dist", "hls.light.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	h := &scriptHost{integrity: integrityOf(script)}
	h.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		_, _ = w.Write(script) // the page may have gone
	}))
	h.Config.ErrorLog = log.New(io.Discard, "", 0) // browsers ask once to hear that they do not know it
	h.StartTLS()
	t.Cleanup(h.Close)
	return h
}

// settings have a server name the script, with that hash.
func (h *scriptHost) settings(integrity string) []string {
	return []string{"HLS_JS_URL=" + h.URL + "/hls.light.min.js", "HLS_JS_INTEGRITY=" + integrity}
}

// trustful lets a page believe any certificate.
var trustful = chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
	_, err := cdp.Call(ctx, target, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
	return err
})

// withoutHLS is a browser that plays video, but no streams.
func withoutHLS() chromedp.Action[chromedp.Void] {
	return before(`{
		const canPlayType = HTMLMediaElement.prototype.canPlayType;
		HTMLMediaElement.prototype.canPlayType = function (type) { return /mpegurl/i.test(type) ? "" : canPlayType.call(this, type); };
	}`)
}

// watch opens the page of testroom on the main port, which may speak to these origins.
func (b *browser) watch(t *testing.T, s *chatServer, friends []string, looks ...chromedp.Action[chromedp.Void]) *page {
	t.Helper()
	p := &page{t: t, friends: friends}
	b.show(p, s.api+"/r/testroom/", looks...)
	return p
}

// stream sets the stream of testroom.
func (s *chatServer) stream(address string) {
	s.t.Helper()
	s.call("PATCH", "/api/v1/room/testroom", fmt.Sprintf(`{"stream_url":%q}`, address), http.StatusOK)
}

// wantPlays waits until a picture of that width moves on.
func (p *page) wantPlays(why string, width int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, commandTimeout)
	defer cancel()
	wait := fmt.Sprintf(`new Promise((done) => {
		let first;
		const look = ({ target: video }) => {
			if (video.videoWidth !== %d || video.paused) return;
			first ??= video.currentTime;
			if (video.currentTime < first + 0.25) return;
			document.removeEventListener("timeupdate", look, true);
			done();
		};
		document.addEventListener("timeupdate", look, true); // the player may have yet to come
	})`, width)
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](wait, chromedp.EvalAwaitPromise)); err != nil {
		p.t.Fatalf("%s: want a moving picture, %d wide; it is at %s, the page says %s (%v)", why, width,
			p.read(`((v) => [v.currentTime, v.videoWidth, v.paused, v.error?.message])(globalThis.document.querySelector("stream-player video") ?? {})`),
			p.read(`globalThis.document.querySelector("stream-player").innerText`), err)
	}
	p.wantNote(why, "")
}

// wantNote waits until these words stand in the picture's place.
func (p *page) wantNote(why, words string) {
	p.t.Helper()
	p.wantPart(why, "[role=status]", words)
}

// wantPart waits until a part of the player shows a text.
func (p *page) wantPart(why, part, text string) {
	p.t.Helper()
	p.want(why, fmt.Sprintf(`((e) => e.checkVisibility() ? e.textContent : "")(globalThis.document.querySelector("stream-player %s"))`, part), text)
}

// press clicks a part of the player.
func (p *page) press(part string) {
	p.t.Helper()
	p.do("press "+part, chromedp.Click(chromedp.CSS("stream-player "+part)))
}
