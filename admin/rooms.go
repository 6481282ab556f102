package admin

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"chatserver/internal/fault"
	"chatserver/internal/rest"
	"chatserver/room"
)

// roomView is what operators see of a room.
type roomView struct {
	Name     string     `json:"name"`
	Port     int        `json:"port"`
	URL      string     `json:"url"`
	Viewers  int        `json:"viewers"`
	Seq      uint64     `json:"seq"`
	Epoch    string     `json:"epoch"`
	Created  time.Time  `json:"created"`
	Age      int64      `json:"age"`      // seconds
	Producer *room.User `json:"producer"` // null while none is in the room
	room.Counters
}

func viewOf(r *room.Room) roomView {
	s := r.State()
	return roomView{
		Name:     s.Name,
		Port:     r.Port(),
		URL:      r.URL(),
		Viewers:  s.Viewers,
		Seq:      s.Seq,
		Epoch:    s.Epoch,
		Created:  r.Created().UTC(),
		Age:      int64(time.Since(r.Created()).Seconds()),
		Producer: s.Producer,
		Counters: r.Counters(),
	}
}

// listRooms answers GET /api/v1/rooms.
func (a *admin) listRooms(c echo.Context) error {
	views := []roomView{}
	for _, r := range a.rooms.Rooms() {
		views = append(views, viewOf(r))
	}
	return rest.Data(c, http.StatusOK, views)
}

// showRoom answers GET /api/v1/room/:name.
func (a *admin) showRoom(c echo.Context) error {
	r, err := a.rooms.Room(rest.Param(c, "name"))
	if err != nil {
		return err
	}
	return rest.Data(c, http.StatusOK, viewOf(r))
}

// shutRoom answers the shutdown of a room.
type shutRoom struct {
	Name    string `json:"name"`
	Message string `json:"message"`
}

// closeRoom answers DELETE /api/v1/room/:name/shutdown. A room that is not there is
// no failure: what the caller wants is so.
func (a *admin) closeRoom(c echo.Context) error {
	name := rest.Param(c, "name")
	answer := func(status int, message string) error {
		return rest.Data(c, status, shutRoom{name, message})
	}
	switch err := a.rooms.Close(name); {
	case err == nil:
		return answer(http.StatusAccepted, "Shutting down")
	case fault.From(err).Code == fault.RoomNotFound:
		return answer(http.StatusOK, "Either shutdown already or doesn't exist")
	default:
		return err
	}
}

// removedUser answers the removal of a user.
type removedUser struct {
	User        string `json:"user"`
	Connections int    `json:"connections"` // that were closed
}

// removeUser answers DELETE /api/v1/room/:name/user/:id.
func (a *admin) removeUser(c echo.Context) error {
	r, err := a.rooms.Room(rest.Param(c, "name"))
	if err != nil {
		return err
	}
	id := rest.Param(c, "id")
	closed, err := r.RemoveUser(c.Request().Context(), id)
	if err != nil {
		return err
	}
	return rest.Data(c, http.StatusOK, removedUser{id, closed})
}

// announceAll answers POST /api/v1/message.
func (a *admin) announceAll(c echo.Context) error {
	said, err := announcement(c)
	if err != nil {
		return err
	}
	rooms, err := a.rooms.AnnounceAll(c.Request().Context(), said)
	if err != nil {
		return err
	}
	return rest.Data(c, http.StatusOK, map[string]int{"rooms": rooms})
}

// announce answers POST /api/v1/room/:name/message.
func (a *admin) announce(c echo.Context) error {
	r, err := a.rooms.Room(rest.Param(c, "name"))
	if err != nil {
		return err
	}
	said, err := announcement(c)
	if err != nil {
		return err
	}
	if err := r.Announce(c.Request().Context(), said, room.ScopeRoom); err != nil {
		return err
	}
	return rest.Data(c, http.StatusOK, map[string]int{"rooms": 1})
}

// announcement reads the text of an announcement; the room checks it.
func announcement(c echo.Context) (string, error) {
	var body struct {
		Text *string `json:"text"`
	}
	if err := rest.ReadJSON(c, &body); err != nil {
		return "", err
	}
	if body.Text == nil {
		return "", fault.New(fault.BadField, `text is missing; send {"text":"…"}`)
	}
	return *body.Text, nil
}
