package mongodb

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	plain  = "mongodb://"
	lookup = "mongodb+srv://" // the hosts are found by DNS
)

// CheckURI tells whether the driver understands a URI. It asks no one, not even for
// the host's name. Its error does not repeat the URI, nor what the driver says of
// it: that may be a part of the password.
func CheckURI(uri string) error {
	rest, srv := strings.CutPrefix(uri, lookup)
	if srv {
		where := authority(uri)
		if host := where[strings.LastIndex(where, "@")+1:]; strings.ContainsAny(host, ":,") {
			return errors.New("the URI has a port or several hosts; with mongodb+srv:// it must have one host alone, for DNS tells the others")
		}
		uri = plain + rest
	}
	if !strings.HasPrefix(uri, plain) {
		return errors.New("the URI does not begin with mongodb:// or mongodb+srv://")
	}
	if err := options.Client().ApplyURI(uri).Validate(); err != nil {
		return errors.New("the URI is not understood; it must be like mongodb://user:password@host:27017/?option=value, with any of % : / ? # [ ] @ in user and password written as %25 %3A %2F %3F %23 %5B %5D %40, and options that the driver knows")
	}
	return nil
}

// CheckName tells whether a database can have a name.
func CheckName(database string) error {
	const most = 63 // bytes
	if database == "" || len(database) > most || strings.ContainsAny(database, "/\\. \"$*<>:|?\x00") || !utf8.ValidString(database) {
		return errors.New(`a database's name is 1 to 63 bytes without any of / \ . " $ * < > : | ? and white space`)
	}
	return nil
}

// authority returns what stands between the scheme and the path: user, password and
// hosts. A password that should have been escaped counts as a part of it.
func authority(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	at := strings.LastIndex(rest, "@") + 1
	if end := strings.IndexAny(rest[at:], "/?"); end >= 0 {
		return rest[:at+end]
	}
	return rest
}

// secretOptions are options of a URI whose values are secrets, in lower case.
var secretOptions = []string{"authmechanismproperties", "tlscertificatekeyfilepassword", "sslclientcertificatekeypassword", "proxypassword"}

// secretsOf returns what takes the secrets of a URI out of a text.
func secretsOf(uri string) *strings.Replacer {
	var secrets []string
	add := func(secret string) {
		if secret == "" {
			return
		}
		secrets = append(secrets, secret)
		if plain, err := url.PathUnescape(secret); err == nil && plain != secret {
			secrets = append(secrets, plain)
		}
	}
	add(uri)
	where := authority(uri)
	if at := strings.LastIndex(where, "@"); at >= 0 {
		user, password, _ := strings.Cut(where[:at], ":")
		add(where[:at])
		add(user)
		add(password)
	}
	_, query, _ := strings.Cut(uri, "?")
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		if key, value, _ := strings.Cut(pair, "="); slices.Contains(secretOptions, strings.ToLower(key)) {
			add(value)
		}
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // a part must not go first
	var pairs []string
	for _, secret := range secrets {
		pairs = append(pairs, secret, "***")
	}
	return strings.NewReplacer(pairs...)
}
