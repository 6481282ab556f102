package room

import (
	"regexp"

	"chatserver/internal/fault"
)

// roomName is the form of a room's name. It is safe in a URL, a file name, a log
// line and a page as it stands.
var roomName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// CheckName returns a bad_room_name error unless name may name a room.
func CheckName(name string) error {
	if roomName.MatchString(name) {
		return nil
	}
	return &fault.Error{
		Code:   fault.BadRoomName,
		Detail: "a room's name is 1 to 64 of A-Z a-z 0-9 . _ - and starts with a letter or a digit; choose such a name",
		Limit:  64,
	}
}
