package room

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"chatserver/internal/clientip"
	"chatserver/internal/fault"
)

// Origins lists the web origins whose pages may connect: "*" for all, or
// "https://example.com" and "https://*.example.com" with "*" as a wildcard in
// the host. A page that the room served itself may always connect.
type Origins []string

// UnmarshalText reads a comma separated list.
func (o *Origins) UnmarshalText(text []byte) error {
	var list Origins
	for item := range strings.SplitSeq(string(text), ",") {
		item = strings.ToLower(strings.TrimSpace(item))
		switch {
		case item == "":
			continue
		case item != "*":
			u, err := url.Parse(item)
			if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil {
				return fmt.Errorf("%q is no origin such as https://example.com", item)
			}
		}
		list = append(list, item)
	}
	if len(list) == 0 {
		return fmt.Errorf("the list is empty")
	}
	*o = list
	return nil
}

// matches tells whether the list names the origin.
func (o Origins) matches(origin string) bool {
	origin = strings.ToLower(origin)
	for _, pattern := range o {
		if pattern == "*" || pattern == origin {
			return true
		}
		before, after, wild := strings.Cut(pattern, "*")
		if !wild || len(origin) <= len(before)+len(after) {
			continue
		}
		middle := origin[len(before) : len(origin)-len(after)]
		if strings.HasPrefix(origin, before) && strings.HasSuffix(origin, after) && !strings.ContainsAny(middle, "/:@?#") {
			return true
		}
	}
	return false
}

// check returns the origin of the page that sent r, "" when r comes from no page
// or from the room's own one, and an error when that page may not connect.
func (o Origins) check(r *http.Request, proxies clientip.Trusted) (string, error) {
	values := r.Header.Values("Origin")
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", fault.New(fault.BadOrigin, "the request has %d Origin headers; send one", len(values))
	}
	origin := values[0]
	if strings.EqualFold(origin, proxies.Scheme(r)+"://"+r.Host) {
		return "", nil
	}
	if !o.matches(origin) {
		return "", fault.New(fault.BadOrigin, "pages of the origin %.200q may not connect; the operator lists those that may in ALLOWED_ORIGINS", origin)
	}
	return origin, nil
}
