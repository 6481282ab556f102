package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// The keys of a good environment; no fault and no output may hold them.
const (
	goodKey   = "key-0123456789abcdef"
	goodAdmin = "admin-0123456789abcdef"
)

// environment is a good one, with further settings behind it, of which the last one
// of a name holds.
func environment(settings ...string) []string {
	return append([]string{"PATH=/bin", "KEY=" + goodKey, "ADMIN_KEY=" + goodAdmin}, settings...)
}

// variables are the names that config knows.
func variables() []string {
	var names []string
	for field := range reflect.TypeFor[config]().Fields() {
		names = append(names, field.Tag.Get("env"))
	}
	return names
}

// show is the value of a variable, in words that a test can hold it against.
func show(c config, variable string) string {
	value := reflect.ValueOf(c)
	for i, name := range variables() {
		if name != variable {
			continue
		}
		switch v := value.Field(i).Interface().(type) {
		case span:
			return time.Duration(v).String()
		case interval:
			return time.Duration(v).String()
		case level:
			return fmt.Sprint(v.set, " ", v.value)
		case portRange:
			return fmt.Sprintf("%d to %d", v.First, v.Last)
		default:
			return fmt.Sprint(v)
		}
	}
	return "no such variable"
}

// wantFaults wants faults that begin so, in any order, and none else.
func wantFaults(t *testing.T, why string, got []string, want ...string) {
	t.Helper()
	left := slices.Clone(got)
	for _, begin := range want {
		i := slices.IndexFunc(left, func(fault string) bool { return strings.HasPrefix(fault, begin) })
		if i < 0 {
			t.Errorf("%s: want a fault that begins %q, got %q", why, begin, got)
			return
		}
		left = slices.Delete(left, i, i+1)
	}
	if len(left) > 0 {
		t.Errorf("%s: want no faults but %q, got %q", why, want, left)
	}
}

// defaults are those of the contract, as show shows them.
var defaults = map[string]string{
	"PORT": "80", "ADMIN_PORT": "8090", "BIND": "", "ADMIN_BIND": "", "ENV": "development", "LOG_LEVEL": "false info",
	"ROOM_PORTS": "34000 to 34999", "MAX_ROOMS": "0", "MAX_CONNECTIONS": "0", "MAX_CONNECTIONS_PER_ROOM": "0",
	"MAX_CONNECTIONS_PER_IP": "0", "ROOM_IDLE_TIMEOUT": "0s", "HISTORY": "100", "GUESTS": "chat", "LIMIT_TEXT": "500",
	"LIMIT_MESSAGES": "20/30s", "LIMIT_BURST": "3/1s", "LIMIT_MODERATORS": "100/30s", "LIMIT_COMMANDS": "30/1s",
	"LIMIT_BACKLOG": "262144", "TOKEN_SECRET": "", "TOKEN_JWKS_URL": "", "HLS_JS_URL": "", "HLS_JS_INTEGRITY": "", "ALLOWED_ORIGINS": "[*]",
	"TRUSTED_PROXIES": "127.0.0.0/8,::1", "LOADBALANCERS": "[]", "LOADBALANCER_KEY": "", "LOADBALANCER_INTERVAL": "10s",
	"LISTING_URL": "", "LISTING_KEY": "", "CREDIT_URL": "", "CREDIT_KEY": "", "CREDIT_FAIL_OPEN": "true",
	"MONGO_URI": "", "MONGO_DATABASE": "chatserver", "CACHE_FILE": "", "CACHE_REFRESH": "30s", "DATA_DIR": "./data",
	"JOURNAL_RETENTION": "168h0m0s", "DRAIN_TIMEOUT": "20s",
	"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "", "OTEL_EXPORTER_OTLP_HEADERS": "map[]",
	"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_SDK_DISABLED": "false",
}

func TestDefaults(t *testing.T) {
	c, faults := parseConfig(environment())
	wantFaults(t, "keys alone", faults)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range variables() {
		want, known := defaults[name]
		switch name {
		case "KEY":
			want, known = goodKey, true
		case "ADMIN_KEY":
			want, known = goodAdmin, true
		case "HOST":
			want, known = host, true
		}
		if got := show(c, name); !known || got != want {
			t.Errorf("%s: want the contract's default %q (there is one: %v), got %q", name, want, known, got)
		}
	}
	if c.production() || c.logLevel() != zapcore.InfoLevel {
		t.Errorf("want development at info, got production %v at %v", c.production(), c.logLevel())
	}
}

// A script and its hash, which come together.
const (
	goodScript    = "HLS_JS_URL=https://cdn.example/hls.js"
	goodIntegrity = "HLS_JS_INTEGRITY=sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
)

// values are good and bad ones of each variable; a good one with what comes of it.
var values = map[string]struct {
	good map[string]string
	bad  []string
	with string // the setting that it wants beside it
}{
	"KEY":                      {good: map[string]string{"x": "x", "a key with spaces": "a key with spaces"}, bad: []string{""}},
	"ADMIN_KEY":                {good: map[string]string{"x": "x"}, bad: []string{""}},
	"PORT":                     {good: map[string]string{"0": "0", "65535": "65535"}, bad: []string{"-1", "65536", "http", "80.0", " 80", "0x50", "8 0"}},
	"ADMIN_PORT":               {good: map[string]string{"0": "0", "1": "1"}, bad: []string{"-1", "65536", "x"}},
	"BIND":                     {good: map[string]string{"127.0.0.1": "127.0.0.1", "::1": "::1"}, bad: []string{"not an address", "127.0.0.1:80", "[::1]", "127.0.0.256"}},
	"ADMIN_BIND":               {good: map[string]string{"127.0.0.1": "127.0.0.1", "::1": "::1"}, bad: []string{"not an address", "127.0.0.1:8090"}},
	"HOST":                     {good: map[string]string{"chat.example": "chat.example", "192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::1", "localhost": "localhost"}, bad: []string{"http://chat.example", "chat.example:80", "chat example", "-chat", "chat/x", "chat\nx", "<b>"}},
	"ENV":                      {good: map[string]string{"production": "production", "development": "development"}, bad: []string{"prod", "Production", "test"}},
	"LOG_LEVEL":                {good: map[string]string{"debug": "true debug", "info": "true info", "warn": "true warn", "error": "true error", "fatal": "true fatal"}, bad: []string{"DEBUG", "warning", "panic", "0"}},
	"ROOM_PORTS":               {good: map[string]string{"34000": "34000 to 34000", "1-65535": "1 to 65535", "34000 - 34010": "34000 to 34010"}, bad: []string{"0-10", "34010-34000", "34000-", "-34000", "34000-65536", "34000,34001", "all"}},
	"MAX_ROOMS":                {good: map[string]string{"0": "0", "5000": "5000"}, bad: []string{"-1", "many", "1.5", "99999999999999999999"}},
	"MAX_CONNECTIONS":          {good: map[string]string{"200000": "200000"}, bad: []string{"-1", "1e5", "x"}},
	"MAX_CONNECTIONS_PER_ROOM": {good: map[string]string{"10": "10"}, bad: []string{"-1", "x"}},
	"MAX_CONNECTIONS_PER_IP":   {good: map[string]string{"10": "10"}, bad: []string{"-1", "x"}},
	"ROOM_IDLE_TIMEOUT":        {good: map[string]string{"30m": "30m0s", "0": "0s", "1h30m": "1h30m0s"}, bad: []string{"30", "-1s", "never", "1 h"}},
	"HISTORY":                  {good: map[string]string{"0": "0", "1000": "1000"}, bad: []string{"-1", "x"}},
	"GUESTS":                   {good: map[string]string{"chat": "chat", "read": "read", "none": "none"}, bad: []string{"Chat", "write", "all"}},
	"LIMIT_TEXT":               {good: map[string]string{"0": "0", "2000": "2000"}, bad: []string{"-1", "x"}},
	"LIMIT_MESSAGES":           {good: map[string]string{"0": "0", "1/1m": "1/1m0s", "10000/24h": "10000/24h0m0s"}, bad: []string{"20", "20/30", "/30s", "20/", "-1/1s", "0/1s", "20/0s", "10001/1s", "1/25h", "20 in 30s"}},
	"LIMIT_BURST":              {good: map[string]string{"0": "0", "5/2s": "5/2s"}, bad: []string{"3", "x"}},
	"LIMIT_MODERATORS":         {good: map[string]string{"0": "0", "5/2s": "5/2s"}, bad: []string{"3", "x"}},
	"LIMIT_COMMANDS":           {good: map[string]string{"0": "0", "5/2s": "5/2s"}, bad: []string{"3", "x"}},
	"LIMIT_BACKLOG":            {good: map[string]string{"4KiB": "4096", "4096": "4096", "1MiB": "1048576", "64 KiB": "65536", "1024MiB": "1073741824"}, bad: []string{"0", "4095", "-1", "256KB", "256kib", "1025MiB", "2147483647MiB", "KiB", "1.5MiB", "x"}},
	"TOKEN_SECRET":             {good: map[string]string{"x": "x", "a secret with spaces": "a secret with spaces"}, bad: []string{"a\nb", "a\x00b"}},
	"TOKEN_JWKS_URL":           {good: map[string]string{"https://platform.example/keys.json": "https://platform.example/keys.json", "http://127.0.0.1:8000/keys?p=1": "http://127.0.0.1:8000/keys?p=1"}, bad: []string{"keys.json", "ftp://platform.example/keys.json", "https://", "https://:443/keys.json", "http://[::1", "https://platform.example:port/", "https://ann:hunter2@platform.example:port/"}},
	"HLS_JS_URL": {with: goodIntegrity, good: map[string]string{
		"https://cdn.example/npm/hls.js@1.7.4/dist/hls.light.min.js": "https://cdn.example/npm/hls.js@1.7.4/dist/hls.light.min.js",
		"https://127.0.0.1:8443/hls.js?v=1%202":                      "https://127.0.0.1:8443/hls.js?v=1%202", "/hls.js": "/hls.js", "/static/hls.js": "/static/hls.js",
	}, bad: []string{
		"http://cdn.example/hls.js", "hls.js", "//cdn.example/hls.js", "/", "https://cdn.example", "https://cdn.example/", "https:///hls.js", "https://[2001:db8::1]/hls.js",
		"https://cdn.example/a b.js", "https://cdn.example/a;script-src *", "https://cdn.example/a,b.js", "https://cdn.example/'unsafe-inline'", `https://cdn.example/"onload="x`, "https://cdn.example:port/hls.js",
		"https://ann:hunter2@cdn.example/hls.js", "https://cdn.example/hls.js#x", "https://*.example/hls.js", "data:text/javascript,x", "javascript:alert(1)", `/\cdn.example/hls.js`, "/hls\n.js",
	}},
	"HLS_JS_INTEGRITY": {with: goodScript, good: map[string]string{
		"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=":                                             "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
		"sha384-OLBgp1GsljhM2TJ+sbHjaiH9txEUvgdDTAzHv2P24donTt6/529l+9Ua0vFImLlb":                         "sha384-OLBgp1GsljhM2TJ+sbHjaiH9txEUvgdDTAzHv2P24donTt6/529l+9Ua0vFImLlb",
		"sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==": "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
	}, bad: []string{
		"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "md5-1B2M2Y8AsgTpgAmY7PhCfg==", "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "sha256-", "sha256", "SHA256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
		"sha384-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "sha256-47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=", "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
		"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= sha256-OLBgp1GsljhM2TJ+sbHjaiH9txEUvgdDTAzHv2P24do=", "sha256-47DEQpj8HBSa+/TImW+5\nJCeuQeRkm5NMpJWZG3hSuFU=", "-",
	}},
	"ALLOWED_ORIGINS":                    {good: map[string]string{"*": "[*]", "https://Example.com, https://*.example.org": "[https://example.com https://*.example.org]"}, bad: []string{"example.com", "https://example.com/path", "ftp://example.com", "https://", ",", "https://u:p@example.com"}},
	"TRUSTED_PROXIES":                    {good: map[string]string{"10.0.0.0/8": "10.0.0.0/8", "::1, 192.0.2.1": "::1,192.0.2.1", "none": "none"}, bad: []string{"10.0.0.0/33", "proxy.example", "10.0.0", "1.2.3.4;5.6.7.8"}},
	"LOADBALANCERS":                      {good: map[string]string{"https://lb.example:2000/": "[https://lb.example:2000]", "http://a, https://b/x/ ,": "[http://a https://b/x]"}, bad: []string{"lb.example:2000", "ftp://lb.example", "https://", "https://lb.example?x=1", "https://lb.example#x", "http://:8080", "http://lb.example?", "http://[::1"}},
	"LOADBALANCER_KEY":                   {good: map[string]string{"secret": "secret"}, bad: []string{"a\nb", "a\x00b"}},
	"LISTING_URL":                        {good: map[string]string{"https://list.example/v1/": "https://list.example/v1/"}, bad: []string{"list.example", "ftp://list.example", "https://", "https://list.example?x=1"}},
	"LISTING_KEY":                        {good: map[string]string{"secret": "secret"}, bad: []string{"a\nb"}},
	"CREDIT_URL":                         {good: map[string]string{"http://user:pass@credit.example": "http://user:pass@credit.example"}, bad: []string{"credit.example", "/x", "https://credit.example#x"}},
	"CREDIT_KEY":                         {good: map[string]string{"secret": "secret"}, bad: []string{"a\x00b"}},
	"CREDIT_FAIL_OPEN":                   {good: map[string]string{"false": "false", "true": "true", "0": "false"}, bad: []string{"yes", "open", "2"}},
	"LOADBALANCER_INTERVAL":              {good: map[string]string{"1s": "1s", "500ms": "500ms"}, bad: []string{"0", "-1s", "10", "x"}},
	"MONGO_URI":                          {good: map[string]string{"mongodb://db.example": "mongodb://db.example", "mongodb://user:hunter2@a:27017,b/?replicaSet=rs": "mongodb://user:hunter2@a:27017,b/?replicaSet=rs"}, bad: []string{"db.example", "http://db.example", "mongodb+srv://", "mongodb://user:hunter2@"}},
	"MONGO_DATABASE":                     {good: map[string]string{"platform": "platform"}, bad: []string{"a/b", "a b", "a.b", "a$"}},
	"CACHE_FILE":                         {good: map[string]string{"cache.json": "cache.json"}},
	"CACHE_REFRESH":                      {good: map[string]string{"1s": "1s"}, bad: []string{"0", "-1s", "30", "x"}},
	"DATA_DIR":                           {good: map[string]string{"/var/lib/chatserver": "/var/lib/chatserver"}},
	"JOURNAL_RETENTION":                  {good: map[string]string{"1h": "1h0m0s"}, bad: []string{"0", "-1h", "7d", "168"}},
	"OTEL_EXPORTER_OTLP_ENDPOINT":        {good: map[string]string{"http://localhost:4318": "http://localhost:4318"}, bad: []string{"localhost:4318", "ftp://localhost", "https://"}},
	"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": {good: map[string]string{"https://otel.example/x": "https://otel.example/x"}, bad: []string{"localhost:4318", "ftp://localhost", "https://"}},
	"OTEL_EXPORTER_OTLP_HEADERS": {good: map[string]string{
		"x-key=abc": "map[X-Key:[abc]]", "a = b%20c , d=e=f%2C,": "map[A:[b c] D:[e=f,]]", "authorization=Basic%20dTpw": "map[Authorization:[Basic dTpw]]",
	}, bad: []string{"hunter2", "=hunter2", "a b=hunter2", "a=hunter2%0Ab", "a=hunter2%zz", "a:b=hunter2"}},
	"OTEL_EXPORTER_OTLP_PROTOCOL": {with: "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318", good: map[string]string{"http/protobuf": "http/protobuf"}, bad: []string{"grpc", "http/json", "x"}},
	"OTEL_SDK_DISABLED":           {good: map[string]string{"true": "true", "false": "false"}, bad: []string{"yes", "x"}},
	"DRAIN_TIMEOUT":               {good: map[string]string{"1s": "1s", "2m": "2m0s"}, bad: []string{"0", "-1s", "10", "x"}},
}

func TestValues(t *testing.T) {
	for _, name := range variables() {
		t.Run(name, func(t *testing.T) {
			v, ok := values[name]
			if !ok {
				t.Fatalf("say in values what %s may be and what not", name)
			}
			for text, want := range v.good {
				c, faults := parseConfig(environment(v.with, name+"="+text))
				wantFaults(t, fmt.Sprintf("%s=%q", name, text), faults)
				if got := show(c, name); got != want {
					t.Errorf("%s=%q: want %s, got %s", name, text, want, got)
				}
			}
			for _, text := range v.bad {
				_, faults := parseConfig(environment(v.with, name+"="+text))
				wantFaults(t, fmt.Sprintf("%s=%q", name, text), faults, name+" ")
			}
		})
	}
}

// A fault says in one line what the variable was and what it may be, unless it is a
// secret.
func TestFaultsSayWhatMayBe(t *testing.T) {
	for field := range reflect.TypeFor[config]().Fields() {
		name, may := field.Tag.Get("env"), field.Tag.Get("may")
		if may == "" || field.Tag.Get("doc") == "" {
			t.Errorf("%s: say in its tags what it means and what it may be", name)
		}
		for _, text := range values[name].bad {
			_, faults := parseConfig(environment(values[name].with, name+"="+text))
			said := strings.Join(faults, "\n")
			switch secret := field.Tag.Get("secret") != ""; {
			case secret && text != "" && strings.Contains(said, text):
				t.Errorf("%s=%q: the fault tells the secret: %s", name, text, said)
			case !secret && !strings.Contains(said, fmt.Sprintf("%q", userInURL.ReplaceAllString(text, "…@"))) && !strings.Contains(said, " is "+text):
				t.Errorf("%s=%q: want the fault to say what it was, got %q", name, text, said)
			case strings.ContainsAny(said, "\n\r\x00"):
				t.Errorf("%s=%q: want one fault of one line, got %q", name, text, said)
			}
		}
	}
	_, faults := parseConfig(environment("LIMIT_MESSAGES=20"))
	if want := []string{`LIMIT_MESSAGES is "20"; it may be a number and a time such as 20/30s, or 0`}; !slices.Equal(faults, want) {
		t.Errorf("want the fault %q, got %q", want, faults)
	}
}

// The password in the URL of a load balancer is a secret too.
func TestFaultsKeepPasswords(t *testing.T) {
	for _, url := range []string{
		"https://user:hunter2@lb.example?x", "https://user:hunter2@", "ftp://user:hunter2@lb.example",
		"https://lb.example, https://user:hunter2@lb.example:port",
	} {
		_, faults := parseConfig(environment("LOADBALANCERS=" + url))
		wantFaults(t, url, faults, "LOADBALANCERS ")
		if said := strings.Join(faults, "\n"); strings.Contains(said, "hunter2") {
			t.Errorf("the fault tells the password: %s", said)
		}
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	environ := []string{"KEY=short", "ADMIN_KEY=short", "ENV=production"}
	want := []string{"KEY has 5 ", "ADMIN_KEY has 5 ", "KEY and ADMIN_KEY are the same"}
	for name, v := range values {
		if name == "KEY" || name == "ADMIN_KEY" || name == "ENV" {
			continue
		}
		if len(v.bad) == 0 || name == "OTEL_EXPORTER_OTLP_PROTOCOL" { // which matters to nobody while the endpoint is bad
			continue
		}
		environ = append(environ, name+"="+v.bad[0])
		want = append(want, name+" ")
	}
	_, faults := parseConfig(environ)
	wantFaults(t, "all of them", faults, want...)

	code, stdout, stderr := execute(t, nil, environ)
	if code != exitUsage || stdout != "" {
		t.Errorf("want exit status 2 and nothing on stdout, got %d and %q", code, stdout)
	}
	for _, fault := range faults {
		if !strings.Contains(stderr, "chatserver: "+fault+"\n") {
			t.Errorf("want on stderr a line %q, got\n%s", fault, stderr)
		}
	}
	if !strings.HasSuffix(stderr, "chatserver: not started; chatserver -h lists all variables\n") {
		t.Errorf("want stderr to say at its end where to look, got\n%s", stderr)
	}
}

func TestKeysOfConfig(t *testing.T) {
	const long, other = "0123456789abcdef", "fedcba9876543210"
	for _, tt := range []struct {
		why    string
		vars   []string
		faults []string
	}{
		{"none", nil, []string{"KEY is empty", "ADMIN_KEY is empty"}},
		{"empty", []string{"KEY=", "ADMIN_KEY="}, []string{"KEY is empty", "ADMIN_KEY is empty"}},
		{"short", []string{"KEY=a", "ADMIN_KEY=b"}, nil},
		{"equal", []string{"KEY=" + long, "ADMIN_KEY=" + long}, []string{"KEY and ADMIN_KEY are the same"}},
		{"short in production", []string{"ENV=production", "KEY=" + long[1:], "ADMIN_KEY=" + other[1:]}, []string{"KEY has 15 ", "ADMIN_KEY has 15 "}},
		{"long in production", []string{"ENV=production", "KEY=" + long, "ADMIN_KEY=" + other}, nil},
		{"equal in production", []string{"ENV=production", "KEY=" + long, "ADMIN_KEY=" + long}, []string{"KEY and ADMIN_KEY are the same"}},
	} {
		_, faults := parseConfig(tt.vars)
		wantFaults(t, tt.why, faults, tt.faults...)
		for _, fault := range faults {
			if strings.Contains(fault, long[1:]) || strings.Contains(fault, other[1:]) {
				t.Errorf("%s: the fault tells a key: %s", tt.why, fault)
			}
		}
	}
}

// The secret of tokens may be missing, for the server has one of its own; if it is given
// it is as long as a key. Keys of tokens come by no road on which they can be changed.
func TestTokensOfConfig(t *testing.T) {
	const secret = "hunter2-hunter2-"
	for _, tt := range []struct {
		why    string
		vars   []string
		faults []string
	}{
		{"short", []string{"TOKEN_SECRET=x"}, nil},
		{"none in production", []string{"ENV=production", "TOKEN_SECRET="}, nil},
		{"short in production", []string{"ENV=production", "TOKEN_SECRET=" + secret[1:]}, []string{"TOKEN_SECRET has 15 "}},
		{"long in production", []string{"ENV=production", "TOKEN_SECRET=" + secret}, nil},
		{"a key set in production", []string{"ENV=production", "TOKEN_JWKS_URL=https://platform.example/keys"}, nil},
		{"a key set in the clear", []string{"ENV=production", "TOKEN_JWKS_URL=http://ann:hunter2@platform.example/"}, []string{`TOKEN_JWKS_URL is "http://…@platform.example/"; in production it must be an https URL`}},
		{"in capitals", []string{"ENV=production", "TOKEN_JWKS_URL=HTTP://platform.example/"}, []string{`TOKEN_JWKS_URL is "HTTP:`}},
	} {
		_, faults := parseConfig(environment(tt.vars...))
		wantFaults(t, tt.why, faults, tt.faults...)
		for _, fault := range faults {
			if strings.Contains(fault, "hunter2") {
				t.Errorf("%s: the fault tells a secret: %s", tt.why, fault)
			}
		}
	}
}

func TestFaultsBetweenVariables(t *testing.T) {
	for _, tt := range []struct {
		why    string
		vars   []string
		faults []string
	}{
		{"one port for both", []string{"PORT=8090"}, []string{"PORT and ADMIN_PORT are both 8090"}},
		{"on two addresses", []string{"PORT=8090", "BIND=127.0.0.1", "ADMIN_BIND=127.0.0.2"}, nil},
		{"both by the system", []string{"PORT=0", "ADMIN_PORT=0"}, nil},
		{"a script without its hash", []string{goodScript}, []string{`HLS_JS_URL is "https://cdn.example/hls.js" and HLS_JS_INTEGRITY is ""; set both, or neither`}},
		{"a hash without its script", []string{goodIntegrity}, []string{`HLS_JS_URL is "" and HLS_JS_INTEGRITY is "sha256-`}},
		{"a script and its hash", []string{goodScript, goodIntegrity}, nil},
		{"more rooms than ports", []string{"MAX_ROOMS=2000"}, nil}, // a warning, and the ports count
	} {
		_, faults := parseConfig(environment(tt.vars...))
		wantFaults(t, tt.why, faults, tt.faults...)
	}
}

// Who sets one of the standard variables for all programs of a machine should find them
// understood here as everywhere.
func TestTracesEndpoint(t *testing.T) {
	const base, whole = "OTEL_EXPORTER_OTLP_ENDPOINT=", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="
	for _, tt := range []struct {
		settings []string
		want     string
	}{
		{nil, ""},
		{[]string{base + "http://localhost:4318"}, "http://localhost:4318/v1/traces"},
		{[]string{base + "http://localhost:4318/"}, "http://localhost:4318/v1/traces"},
		{[]string{base + "https://otel.example/otlp?key=a%2Fb"}, "https://otel.example/otlp/v1/traces?key=a%2Fb"},
		{[]string{whole + "http://localhost:4318/x"}, "http://localhost:4318/x"},
		{[]string{base + "http://localhost:4318", whole + "http://otel.example/x"}, "http://otel.example/x"},
		{[]string{base + "http://localhost:4318", "OTEL_SDK_DISABLED=true"}, ""},
		{[]string{base + "http://localhost:4318", "OTEL_SDK_DISABLED=true", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, ""},
		{[]string{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, ""},
	} {
		c, faults := parseConfig(environment(tt.settings...))
		wantFaults(t, fmt.Sprint(tt.settings), faults)
		if got := c.tracesEndpoint(); got != tt.want {
			t.Errorf("%q: traces go to %q, want %q", tt.settings, got, tt.want)
		}
	}
}

func TestCapacity(t *testing.T) {
	for _, tt := range []struct {
		ports, rooms string
		want         int
		warns        bool
	}{
		{"34000-34999", "0", 1000, false},
		{"34000-34999", "10", 10, false},
		{"34000-34009", "10", 10, false},
		{"34000-34009", "11", 10, true},
		{"34000", "5000", 1, true},
	} {
		c, faults := parseConfig(environment("ROOM_PORTS="+tt.ports, "MAX_ROOMS="+tt.rooms))
		wantFaults(t, tt.ports, faults)
		core, logs := observer.New(zap.WarnLevel)
		s := &server{cfg: c, log: zap.New(core)}
		if got := s.roomOptions().MaxRooms; got != tt.want {
			t.Errorf("%s with MAX_ROOMS=%s: want a capacity of %d, got %d", tt.ports, tt.rooms, tt.want, got)
		}
		s.warn()
		if got := logs.FilterMessageSnippet("MAX_ROOMS").Len() == 1; got != tt.warns {
			t.Errorf("%s with MAX_ROOMS=%s: want a warning: %v, got %v", tt.ports, tt.rooms, tt.warns, logs.All())
		}
	}
}

func TestLogLevelByEnv(t *testing.T) {
	for vars, want := range map[[2]string]zapcore.Level{
		{"ENV=development", "LOG_LEVEL="}:      zapcore.InfoLevel,
		{"ENV=production", "LOG_LEVEL="}:       zapcore.ErrorLevel,
		{"ENV=production", "LOG_LEVEL=debug"}:  zapcore.DebugLevel,
		{"ENV=development", "LOG_LEVEL=fatal"}: zapcore.FatalLevel,
	} {
		c, faults := parseConfig(environment(vars[:]...))
		wantFaults(t, fmt.Sprint(vars), faults)
		if got := c.logLevel(); got != want {
			t.Errorf("%v: want level %v, got %v", vars, want, got)
		}
	}
}

// execute runs the program but for its process.
func execute(t *testing.T, args, environ []string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(args, environ, &out, &errs)
	for _, secret := range []string{goodKey, goodAdmin} {
		if strings.Contains(out.String()+errs.String(), secret) {
			t.Errorf("%q prints a key", args)
		}
	}
	return code, out.String(), errs.String()
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"-h"}, {"--help"}, {"-help"}, {"-version", "-h"}} {
		for _, environ := range [][]string{nil, environment(), {"PORT=x"}} {
			code, stdout, stderr := execute(t, args, environ)
			if code != exitOK || stderr != "" {
				t.Errorf("%q: want exit status 0 and nothing on stderr, got %d and %q", args, code, stderr)
			}
			for field := range reflect.TypeFor[config]().Fields() {
				name, standard := field.Tag.Get("env"), field.Tag.Get("envDefault")
				if standard == "" {
					standard = "-"
				}
				line := regexp.MustCompile(`(?m)^ +` + name + ` +` + regexp.QuoteMeta(standard+"  ") + ` *` + regexp.QuoteMeta(field.Tag.Get("doc")) + `$`)
				if !line.MatchString(stdout) {
					t.Errorf("%q: want a line with %s, its default %s and its meaning, got\n%s", args, name, standard, stdout)
				}
			}
		}
	}
}

func TestArguments(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		code   int
		stdout string
		stderr string // how it begins
	}{
		{[]string{"-version"}, exitOK, version + "\n", ""},
		{[]string{"--version"}, exitOK, version + "\n", ""},
		{[]string{"serve"}, exitUsage, "", `chatserver: unexpected argument "serve"`},
		{[]string{"-version", "x\x1b[2J"}, exitUsage, "", `chatserver: unexpected argument "x\x1b[2J"`},
		{[]string{"-port", "80"}, exitUsage, "", "flag provided but not defined: -port"},
	} {
		for _, environ := range [][]string{nil, environment()} {
			code, stdout, stderr := execute(t, tt.args, environ)
			if code != tt.code || stdout != tt.stdout || !strings.HasPrefix(stderr, tt.stderr) || (tt.stderr == "" && stderr != "") {
				t.Errorf("%q: want exit status %d, %q and %q…, got %d, %q and %q", tt.args, tt.code, tt.stdout, tt.stderr, code, stdout, stderr)
			}
		}
	}
}

// Nobody need listen for the manual to be printed.
func TestUsageOnABrokenTerminal(t *testing.T) {
	r, w := io.Pipe()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if code := run([]string{"-h"}, nil, w, w); code != exitOK {
		t.Errorf("want exit status 0, got %d", code)
	}
}
