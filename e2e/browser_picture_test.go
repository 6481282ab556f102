package e2e_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// The picture in README: a chat of several people, as two of them see it. It is in
// the machine's own fonts, which want Inter and Noto Color Emoji, and colours of
// names differ from run to run: look at it before it is committed.
//
//	CHATSERVER_SCREENSHOTS=docs/images go test -run TestPages/picture ./e2e

// screenshots is the variable that names the folder; without it no picture is made.
const screenshots = "CHATSERVER_SCREENSHOTS"

// sharpness is the pixels of the picture to one of the page's.
const sharpness = 1.5

// testPicture plays the scene and writes room.png.
func (b *browser) testPicture(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0")
	address := s.open("testroom")
	s.call("PATCH", "/api/v1/room/testroom", `{"title":"Fresh pasta, live from Bologna"}`, http.StatusOK)
	others := map[string]*guest{}
	for _, name := range []string{"Cleo", "Davide", "Emre", "Fatou", "Greta"} {
		others[name] = s.join(address, name)
	}
	size := chromedp.EmulateViewport(490, 640, chromedp.EmulateScale(sharpness))
	ann := b.enter(t, "http://"+address+"/", "Ann", size, theme("light"))
	ben := b.enter(t, s.api+"/r/testroom/", "Ben", size, theme("dark"))

	heard := 1 // the title
	said := func(text string) {
		heard++
		for _, p := range []*page{ann, ben} {
			p.want(text, `document.querySelectorAll("#log > *").length`, heard)
		}
	}
	mara := func(text string) {
		s.call("POST", "/api/v1/room/testroom/message", fmt.Sprintf(`{"text":%q,"user":{"id":"mara","name":"Mara","role":"producer"}}`, text), http.StatusOK)
		said(text)
	}
	guest := func(name, text string) {
		others[name].send(obj{"type": "message", "text": text})
		said(text)
	}
	person := func(p *page, text string) {
		p.send(text)
		said(text)
	}
	mara("Welcome, everybody! Tonight it is tagliatelle, by hand.")
	person(ben, "First time here. How much flour for two?")
	guest("Fatou", "200 g and two eggs, since 1994 😄")
	ann.answer("First time here. How much flour for two?")
	person(ann, "And leave it alone for half an hour. The resting is what makes it.")
	guest("Greta", "what she said ☝️")
	mara("Listen to @Ann! The recipe: https://example.com/tagliatelle")
	ben.answer("And leave it alone for half an hour. The resting is what makes it.")
	ben.fill("#text", "Half an hour, got it. Does it")
	for _, p := range []*page{ann, ben} {
		p.wantText("all are here", "#viewers", "7")
	}
	picture := b.sideBySide(t, photograph(ann.tab, t), photograph(ben.tab, t))
	if err := os.WriteFile(filepath.Join(os.Getenv(screenshots), "room.png"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}

// theme makes a page light or dark.
func theme(scheme string) chromedp.Action[chromedp.Void] {
	return media("prefers-color-scheme", scheme)
}

// media has a page see a preference of its user.
func media(feature, value string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: feature, Value: value}},
		})
		return err
	})
}

// sideBySide makes one picture of two: Chromium draws shadows and corners well.
func (b *browser) sideBySide(t *testing.T, left, right []byte) []byte {
	t.Helper()
	tab, closeTab := chromedp.NewContext(b.ctx)
	defer closeTab()
	encode := base64.StdEncoding.EncodeToString
	document := fmt.Sprintf(`<style>
		body { display: flex; gap: 28px; margin: 0; padding: 28px; background: #d3d6f3 }
		img { width: 490px; border-radius: 12px; box-shadow: 0 12px 32px rgb(20 24 60 / 0.28) }
		</style><img src="data:image/png;base64,%s"><img src="data:image/png;base64,%s">`, encode(left), encode(right))
	err := chromedp.Do(tab, chromedp.EmulateViewport(1064, 696, chromedp.EmulateScale(sharpness)),
		chromedp.Navigate("data:text/html;base64,"+encode([]byte(document))))
	if err != nil {
		t.Fatalf("lay out the picture: %v", err)
	}
	return pack(t, photograph(tab, t))
}

// pack makes a PNG as small as it can be: Chromium hurries.
func pack(t *testing.T, picture []byte) []byte {
	t.Helper()
	pixels, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&packed, pixels); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// photograph returns what a window shows, as PNG.
func photograph(tab context.Context, t *testing.T) []byte {
	t.Helper()
	picture, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatalf("photograph: %v", err)
	}
	return picture
}
