package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"strings"
	"text/tabwriter"

	"github.com/caarlos0/env/v11"
	"go.uber.org/zap/zapcore"

	"chatserver/internal/clientip"
	"chatserver/internal/limit"
	"chatserver/room"
)

// config is the environment. The tags are all that is said of a variable: its name
// and default, what it means, what it may be, and whether it is a secret that must
// not be printed.
type config struct {
	Key       secret `env:"KEY" may:"any text without control characters, 16 characters or more in production" doc:"key that API callers send as X-API-Key; required" secret:"yes"`
	AdminKey  secret `env:"ADMIN_KEY" may:"any text without control characters but that of KEY, 16 characters or more in production" doc:"key for the admin API; required" secret:"yes"`
	Port      port   `env:"PORT" envDefault:"80" may:"0 to 65535" doc:"the API's port; 0 lets the system choose"`
	AdminPort port   `env:"ADMIN_PORT" envDefault:"8090" may:"0 to 65535" doc:"the admin API's port; 0 lets the system choose"`
	Bind      bind   `env:"BIND" may:"an address of this machine" doc:"address of the API and the rooms; empty: all"`
	AdminBind bind   `env:"ADMIN_BIND" may:"an address of this machine" doc:"address of the admin API; empty: all"`
	Host      string `env:"HOST" may:"a host name or an address" doc:"name under which load balancers and browsers reach this server; empty: the machine's host name"`
	Env       mode   `env:"ENV" envDefault:"development" may:"development or production" doc:"production logs only errors that stop a room or the server, and verifies load balancers' certificates"`
	LogLevel  level  `env:"LOG_LEVEL" may:"debug, info, warn, error or fatal" doc:"what is logged; empty: info, in production error"`

	RoomPorts             portRange        `env:"ROOM_PORTS" envDefault:"34000-34999" may:"a range such as 34000-34999 within 1 to 65535" doc:"ports that rooms may take"`
	MaxRooms              count            `env:"MAX_ROOMS" envDefault:"0" may:"a whole number, 0 or more" doc:"capacity in rooms; 0: the size of ROOM_PORTS"`
	MaxConnections        count            `env:"MAX_CONNECTIONS" envDefault:"0" may:"a whole number, 0 or more" doc:"connections of the whole server; 0: no limit"`
	MaxConnectionsPerRoom count            `env:"MAX_CONNECTIONS_PER_ROOM" envDefault:"0" may:"a whole number, 0 or more" doc:"connections of one room; 0: no limit"`
	MaxConnectionsPerIP   count            `env:"MAX_CONNECTIONS_PER_IP" envDefault:"0" may:"a whole number, 0 or more" doc:"connections of one address, IPv6 by /64; 0: no limit"`
	RoomIdleTimeout       span             `env:"ROOM_IDLE_TIMEOUT" envDefault:"0" may:"a time such as 30m, or 0" doc:"a room with nobody in it for so long closes; 0: never"`
	History               count            `env:"HISTORY" envDefault:"100" may:"a whole number, 0 or more" doc:"events that a new arrival is shown"`
	Guests                guests           `env:"GUESTS" envDefault:"chat" may:"chat, read or none" doc:"what a consumer without a token may do"`
	LimitText             count            `env:"LIMIT_TEXT" envDefault:"500" may:"a whole number, 0 or more" doc:"characters of a message; 0: no limit"`
	LimitMessages         limit.Rate       `env:"LIMIT_MESSAGES" envDefault:"20/30s" may:"a number and a time such as 20/30s, or 0" doc:"messages of a consumer; 0: no limit, for a bench only"`
	LimitBurst            limit.Rate       `env:"LIMIT_BURST" envDefault:"3/1s" may:"a number and a time such as 3/1s, or 0" doc:"messages of a consumer in a short time; 0: no limit"`
	LimitModerators       limit.Rate       `env:"LIMIT_MODERATORS" envDefault:"100/30s" may:"a number and a time such as 100/30s, or 0" doc:"messages of a moderator or the producer; 0: no limit"`
	LimitCommands         limit.Rate       `env:"LIMIT_COMMANDS" envDefault:"30/1s" may:"a number and a time such as 30/1s, or 0" doc:"commands of one connection, of every kind; 0: no limit"`
	LimitBacklog          size             `env:"LIMIT_BACKLOG" envDefault:"256KiB" may:"a size such as 256KiB or 1MiB, 4KiB or more" doc:"bytes that one slow reader may have waiting"`
	TokenSecret           secret           `env:"TOKEN_SECRET" may:"any text without control characters, 16 characters or more in production" doc:"HS256 secret of user tokens; empty: one of the server's own, kept in the journal" secret:"yes"`
	TokenJWKSURL          webURL           `env:"TOKEN_JWKS_URL" may:"an http or https URL such as https://example.com/keys.json, in production https" doc:"key set of tokens that the platform signs itself (RS256, ES256, EdDSA); empty: none"`
	AllowedOrigins        room.Origins     `env:"ALLOWED_ORIGINS" envDefault:"*" may:"origins such as https://example.com or https://*.example.com, comma separated, or *" doc:"origins whose pages may connect"`
	HLSURL                scriptURL        `env:"HLS_JS_URL" may:"an https URL such as https://cdn.example.com/hls.light.min.js, or a path of the pages' own origin such as /hls.light.min.js" doc:"hls.js, for browsers that cannot play streams by themselves; empty: none"`
	HLSIntegrity          integrity        `env:"HLS_JS_INTEGRITY" may:"sha256-, sha384- or sha512- and the hash of the script in base64" doc:"what hls.js must hash to; browsers run nothing else"`
	TrustedProxies        clientip.Trusted `env:"TRUSTED_PROXIES" envDefault:"127.0.0.0/8,::1" may:"addresses or prefixes such as 10.0.0.0/8, comma separated" doc:"whose X-Forwarded-For is believed"`

	LoadBalancers        urls     `env:"LOADBALANCERS" may:"http or https URLs, comma separated" doc:"base URLs of the load balancers"`
	LoadBalancerKey      secret   `env:"LOADBALANCER_KEY" may:"any text without control characters" doc:"X-API-Key for them" secret:"yes"`
	LoadBalancerInterval interval `env:"LOADBALANCER_INTERVAL" envDefault:"10s" may:"a time such as 10s, above 0" doc:"time between heartbeats"`

	ListingURL     baseURL `env:"LISTING_URL" may:"a base URL such as https://listing.example.com/v1" doc:"listing service, which is told of the open rooms; empty: none"`
	ListingKey     secret  `env:"LISTING_KEY" may:"any text without control characters" doc:"X-API-Key for it" secret:"yes"`
	CreditURL      baseURL `env:"CREDIT_URL" may:"a base URL such as https://credit.example.com/v1" doc:"credit service, which says who may be in paid rooms and takes tips; empty: none"`
	CreditKey      secret  `env:"CREDIT_KEY" may:"any text without control characters" doc:"X-API-Key for it" secret:"yes"`
	CreditFailOpen bool    `env:"CREDIT_FAIL_OPEN" envDefault:"true" may:"true or false" doc:"let consumers be in paid rooms while the credit service fails"`

	MongoURI         mongoURI     `env:"MONGO_URI" may:"a MongoDB connection string such as mongodb://user:password@host:27017/?replicaSet=rs" doc:"the platform's database; empty: the cache is read from CACHE_FILE" secret:"yes"`
	MongoDatabase    databaseName `env:"MONGO_DATABASE" envDefault:"chatserver" may:"a name that MongoDB takes for a database" doc:"name of the platform's database"`
	CacheFile        string       `env:"CACHE_FILE" may:"the path of a JSON file" doc:"file with the database's collections, for a machine without MongoDB"`
	CacheRefresh     interval     `env:"CACHE_REFRESH" envDefault:"30s" may:"a time such as 30s, above 0" doc:"time between two readings of the database or the file"`
	DataDir          string       `env:"DATA_DIR" envDefault:"./data" may:"the path of a directory" doc:"where the journal lives"`
	JournalRetention interval     `env:"JOURNAL_RETENTION" envDefault:"168h" may:"a time such as 168h, above 0" doc:"how long events are kept"`

	OTLPEndpoint       webURL  `env:"OTEL_EXPORTER_OTLP_ENDPOINT" may:"an http or https URL such as http://localhost:4318" doc:"OpenTelemetry collector that gets traces of REST calls, at its path /v1/traces; empty: none does"`
	OTLPTracesEndpoint webURL  `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" may:"an http or https URL such as http://localhost:4318/v1/traces" doc:"the same with its path; it comes first"`
	OTLPHeaders        headers `env:"OTEL_EXPORTER_OTLP_HEADERS" may:"names and values such as x-key=abc, comma separated, with any of , % and white space in values written as %2C %25 %20" doc:"headers for the collector" secret:"yes"`
	OTLPProtocol       string  `env:"OTEL_EXPORTER_OTLP_PROTOCOL" envDefault:"http/protobuf" may:"http/protobuf" doc:"how the collector is spoken to"`
	OTelDisabled       bool    `env:"OTEL_SDK_DISABLED" envDefault:"false" may:"true or false" doc:"no traces are made, whatever the others say"`

	DrainTimeout interval `env:"DRAIN_TIMEOUT" envDefault:"20s" may:"a time such as 20s, above 0" doc:"how long a stop waits for clients to leave"`
}

// production tells whether the server runs for real.
func (c *config) production() bool { return c.Env == modeProduction }

// logLevel returns the level to start with.
func (c *config) logLevel() zapcore.Level {
	switch {
	case c.LogLevel.set:
		return c.LogLevel.value
	case c.production():
		return zapcore.ErrorLevel
	default:
		return zapcore.InfoLevel
	}
}

// minSecret is the least length of a key in production, in bytes.
const minSecret = 16

// parseConfig reads the environment, a list of NAME=value. It returns every fault,
// a line each that names the variable, what it was and what it may be.
func parseConfig(environ []string) (config, []string) {
	var c config
	vars := env.ToMap(environ)
	var faults []string
	var all env.AggregateError
	if err := env.ParseWithOptions(&c, env.Options{Environment: vars}); errors.As(err, &all) {
		for _, err := range all.Errors {
			faults = append(faults, describe(err, vars))
		}
	} else if err != nil {
		faults = append(faults, err.Error())
	}
	faults = append(faults, c.check()...)
	if c.Host == "" {
		c.Host, _ = os.Hostname()
	}
	if c.Host == "" {
		c.Host = "localhost"
	}
	return c, faults
}

// describe turns a parser's error into a fault that names the variable.
func describe(err error, vars map[string]string) string {
	var parse env.ParseError
	if !errors.As(err, &parse) {
		return err.Error()
	}
	field, _ := reflect.TypeFor[config]().FieldByName(parse.Name)
	return faultOf(field, vars[field.Tag.Get("env")])
}

func faultOf(field reflect.StructField, value string) string {
	name, may := field.Tag.Get("env"), field.Tag.Get("may")
	if field.Tag.Get("secret") != "" {
		return fmt.Sprintf("%s is malformed; it may be %s", name, may)
	}
	return fmt.Sprintf("%s is %q; it may be %s", name, userInURL.ReplaceAllString(value, "…@"), may)
}

// userInURL is the user and the password in a URL, however malformed.
var userInURL = regexp.MustCompile(`[^/,\s]*@`)

// hostForm is what may stand between http:// and a port.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$|^[0-9a-fA-F:]*:[0-9a-fA-F:.]*$`)

// check returns the faults that parsing alone cannot see.
func (c *config) check() []string {
	var faults []string
	refuse := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for _, key := range []struct {
		name  string
		value secret
	}{{"KEY", c.Key}, {"ADMIN_KEY", c.AdminKey}} {
		switch {
		case key.value == "":
			refuse("%s is empty; set it to a secret of your own", key.name)
		case c.production() && len(key.value) < minSecret:
			refuse("%s has %d characters; in production it must have %d or more", key.name, len(key.value), minSecret)
		}
	}
	if n := len(c.TokenSecret); c.production() && n > 0 && n < minSecret {
		refuse("TOKEN_SECRET has %d characters; in production it must have %d or more, or be empty", n, minSecret)
	}
	if c.production() && strings.HasPrefix(strings.ToLower(string(c.TokenJWKSURL)), "http:") {
		refuse("TOKEN_JWKS_URL is %q; in production it must be an https URL, since whoever changes its answer can make tokens", userInURL.ReplaceAllString(string(c.TokenJWKSURL), "…@"))
	}
	if c.Key != "" && c.Key == c.AdminKey {
		refuse("KEY and ADMIN_KEY are the same; they must differ, so that API callers are no operators")
	}
	if c.Port != 0 && c.Port == c.AdminPort && c.Bind == c.AdminBind {
		refuse("PORT and ADMIN_PORT are both %d; they must differ", c.Port)
	}
	if (c.HLSURL == "") != (c.HLSIntegrity == "") {
		refuse("HLS_JS_URL is %q and HLS_JS_INTEGRITY is %q; set both, or neither", c.HLSURL, c.HLSIntegrity)
	}
	if c.tracesEndpoint() != "" && c.OTLPProtocol != "http/protobuf" {
		refuse("OTEL_EXPORTER_OTLP_PROTOCOL is %q; it may be http/protobuf alone: give the collector's endpoint for that, or set OTEL_SDK_DISABLED=true", c.OTLPProtocol)
	}
	if c.Host != "" && !hostForm.MatchString(c.Host) {
		refuse("HOST is %q; it may be a host name or an address, without scheme and port", c.Host)
	}
	return faults
}

// tracesEndpoint returns the URL that traces go to; empty: none are made.
func (c *config) tracesEndpoint() string {
	base, err := url.Parse(string(c.OTLPEndpoint))
	switch {
	case c.OTelDisabled:
		return ""
	case c.OTLPTracesEndpoint != "" || c.OTLPEndpoint == "" || err != nil:
		return string(c.OTLPTracesEndpoint)
	default:
		return base.JoinPath("v1/traces").String()
	}
}

// roomLimits returns the limits of users, as rooms know them.
func (c *config) roomLimits() room.Limits {
	return room.Limits{
		Text:       int(c.LimitText),
		Messages:   c.LimitMessages,
		Burst:      c.LimitBurst,
		Moderators: c.LimitModerators,
		Commands:   c.LimitCommands,
		Backlog:    int(c.LimitBacklog),
	}
}

// printUsage prints the manual, from the tags of config.
func printUsage(w io.Writer) {
	_, _ = fmt.Fprint(w, `chatserver is the live chat that runs beside a video stream.

  chatserver              serves until SIGTERM or SIGINT; SIGHUP restarts it
  chatserver doctor URL   checks a running deployment from outside; doctor -h says how
  chatserver -version     prints the version
  chatserver -health      exits 0 when the server on this machine answers
  chatserver -h           prints this

It is configured by environment variables alone:

`)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for field := range reflect.TypeFor[config]().Fields() {
		value := field.Tag.Get("envDefault")
		if value == "" {
			value = "-"
		}
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\n", field.Tag.Get("env"), value, field.Tag.Get("doc"))
	}
	_ = table.Flush() // nothing can be done about a broken terminal
}
