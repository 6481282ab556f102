package cache

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"
)

// BanForm is a ban, without its id, in texts as a document of the source may have them.
// Empty ones count as absent.
type BanForm struct {
	Kind    string `json:"kind"`
	User    string `json:"user"`
	IP      string `json:"ip"`
	Room    string `json:"room"`
	Reason  string `json:"reason"`
	By      string `json:"by"`
	Expires string `json:"expires"`
}

// ParseBan returns the ban of a form. Its error names the field that is wrong.
func ParseBan(f BanForm) (Ban, error) {
	r := reader{doc: fields{"kind": f.Kind, "user": f.User, "ip": f.IP, "room": f.Room, "reason": f.Reason, "by": f.By, "expires": f.Expires}}
	ban := r.ban()
	return ban, r.err
}

// sanction is what the store keeps of a ban.
type sanction struct {
	Kind    Kind       `json:"kind,omitempty"`
	User    string     `json:"user,omitempty"`
	IP      string     `json:"ip,omitempty"`
	Room    string     `json:"room,omitempty"`
	Reason  string     `json:"reason,omitempty"`
	By      string     `json:"by,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
	Lifted  *time.Time `json:"lifted,omitempty"` // it was lifted; nothing else counts
}

// DecodeBan reads what [Store] was given. lifted is when the ban was lifted, zero if
// it holds.
func DecodeBan(id string, value []byte) (ban Ban, lifted time.Time, err error) {
	var s sanction
	if err := json.Unmarshal(value, &s); err != nil {
		return Ban{}, time.Time{}, fmt.Errorf("ban %.64q: %w", id, err)
	}
	if s.Lifted != nil {
		return Ban{ID: id}, *s.Lifted, nil
	}
	if s.Kind != KindBan && s.Kind != KindTimeout {
		return Ban{}, time.Time{}, fmt.Errorf("ban %.64q is of the unknown kind %.64q", id, s.Kind)
	}
	ban = Ban{ID: id, Kind: s.Kind, User: s.User, Room: s.Room, Reason: s.Reason, By: s.By}
	if s.Expires != nil {
		ban.Expires = *s.Expires
	}
	if s.IP != "" {
		if ban.Net, err = netip.ParsePrefix(s.IP); err != nil {
			return Ban{}, time.Time{}, fmt.Errorf("ban %.64q: %w", id, err)
		}
	}
	return ban, time.Time{}, nil
}

func encodeBan(b *Ban) []byte {
	s := sanction{Kind: b.Kind, User: b.User, Room: b.Room, Reason: b.Reason, By: b.By}
	if b.Net.IsValid() {
		s.IP = b.Net.String()
	}
	if !b.Expires.IsZero() {
		s.Expires = &b.Expires
	}
	return encode(s)
}

func encode(s sanction) []byte {
	data, err := json.Marshal(s)
	if err != nil {
		panic("cache: encode: " + err.Error()) // it holds nothing that cannot be encoded
	}
	return data
}
