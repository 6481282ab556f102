package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"chatserver/doctor"
)

const doctorUsage = `chatserver doctor checks a running deployment from outside, and says what to change.

  chatserver doctor [-fast] [-json] [-room NAME] [-origin ORIGIN] URL

Give the address of the main port as it is reached from outside, such as
https://chat.example.com/. With KEY in the environment, the server's, it opens rooms of its
own and closes them again; without, it looks at the open room that -room names, and leaves
out what needs the key. It takes half a minute. The exit status is 0 if nothing is wrong,
else 1, and 2 for a wrong call.

  -fast             leaves out how long quiet connections last, which takes the half minute
  -json             prints one JSON object instead of lines
  -origin ORIGIN    asks whether pages of that site, such as https://example.com, may connect
  -room NAME        looks at this room, and says nothing in it
`

// examine is the command doctor.
func examine(args []string, key string, stdout, stderr io.Writer) int {
	options, asJSON, err := parseDoctor(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stdout, doctorUsage)
		return exitOK
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "chatserver doctor: %v; chatserver doctor -h says more\n", err)
		return exitUsage
	}
	options.Key = key
	if key == "" && options.Room == "" {
		_, _ = fmt.Fprintln(stderr, "chatserver doctor: there is no room to look at; set KEY in the environment to the server's, or name an open room with -room")
		return exitUsage
	}
	ctx, forget := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer forget()
	if asJSON {
		return examineJSON(ctx, options, stdout)
	}
	begun, wrong, leftOut := time.Now(), 0, 0
	well := doctor.Examine(ctx, options, func(f doctor.Finding) {
		label := "ok"
		switch f.Status {
		case doctor.Wrong:
			label, wrong = "WRONG", wrong+1
		case doctor.LeftOut:
			label, leftOut = "left out", leftOut+1
		case doctor.OK:
		}
		_, _ = fmt.Fprintf(stdout, "%-9s %-16s %s\n", label, f.Check, f.Found)
		if f.Change != "" {
			_, _ = fmt.Fprintf(stdout, "%26s change: %s\n", "", f.Change)
		}
	})
	_, _ = fmt.Fprintf(stdout, "%d wrong, %d left out, in %v\n", wrong, leftOut, time.Since(begun).Round(time.Second/10))
	if well {
		return exitOK
	}
	return exitFailed
}

// examineJSON prints all findings at the end.
func examineJSON(ctx context.Context, o doctor.Options, stdout io.Writer) int {
	report := struct {
		URL    string           `json:"url"`
		Well   bool             `json:"well"`
		Checks []doctor.Finding `json:"checks"`
	}{URL: o.URL.Redacted()}
	report.Well = doctor.Examine(ctx, o, func(f doctor.Finding) { report.Checks = append(report.Checks, f) })
	out := json.NewEncoder(stdout)
	out.SetEscapeHTML(false)
	if err := out.Encode(report); err != nil || !report.Well {
		return exitFailed
	}
	return exitOK
}

// parseDoctor reads the arguments of doctor; options may stand behind the URL too.
func parseDoctor(args []string) (o doctor.Options, asJSON bool, err error) {
	flags := flag.NewFlagSet("chatserver doctor", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&o.Fast, "fast", false, "")
	flags.BoolVar(&asJSON, "json", false, "")
	flags.StringVar(&o.Room, "room", "", "")
	flags.StringVar(&o.Origin, "origin", "", "")
	var urls []string
	for rest := args; ; rest = flags.Args()[1:] {
		if err := flags.Parse(rest); err != nil {
			return o, asJSON, err
		}
		if flags.NArg() == 0 {
			break
		}
		urls = append(urls, flags.Arg(0))
	}
	if len(urls) != 1 {
		return o, asJSON, fmt.Errorf("there are %d URLs; give one, such as https://chat.example.com/", len(urls))
	}
	if o.URL, err = url.Parse(urls[0]); err != nil || o.URL.Scheme != "http" && o.URL.Scheme != "https" || o.URL.Hostname() == "" || o.URL.RawQuery != "" || o.URL.Fragment != "" {
		return o, asJSON, fmt.Errorf("%.200q is no address of a deployment; it may be an http or https URL without a query, such as https://chat.example.com/", urls[0])
	}
	if !strings.HasSuffix(o.URL.Path, "/") {
		o.URL.Path += "/"
	}
	return o, asJSON, nil
}
