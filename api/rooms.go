package api

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"chatserver/internal/fault"
	"chatserver/internal/rest"
	"chatserver/room"
)

// retryAfter is when a caller may try again that found no place.
const retryAfter = 5 * time.Second

// createdRoom answers the creation of a room. Callers of the predecessor check for
// port 0.
type createdRoom struct {
	Port    int    `json:"port"`
	Message string `json:"message"`
}

// roomLine is a room in the list of rooms.
type roomLine struct {
	Name    string    `json:"name"`
	Port    int       `json:"port"`
	URL     string    `json:"url"`
	Viewers int       `json:"viewers"`
	Title   string    `json:"title"`
	Created time.Time `json:"created"`
}

// roomView is one room with all that is known of it.
type roomView struct {
	roomLine
	StreamURL  string        `json:"stream_url"`
	Seq        uint64        `json:"seq"`
	Epoch      string        `json:"epoch"`
	Settings   room.Settings `json:"settings"`
	Owner      string        `json:"owner"`
	Moderators []string      `json:"moderators"`
	Counters   room.Counters `json:"counters"`
}

func lineOf(r *room.Room, s *room.State) roomLine {
	return roomLine{Name: s.Name, Port: r.Port(), URL: r.URL(), Viewers: s.Viewers, Title: s.Title, Created: r.Created().UTC()}
}

func viewOf(r *room.Room) roomView {
	s := r.State()
	moderators := append([]string{}, s.Staff.Moderators...)
	return roomView{lineOf(r, s), s.StreamURL, s.Seq, s.Epoch, s.Settings, s.Staff.Owner, moderators, r.Counters()}
}

// listRooms answers GET /api/v1/rooms.
func (a *api) listRooms(c echo.Context) error {
	lines := []roomLine{}
	for _, r := range a.rooms.Rooms() {
		lines = append(lines, lineOf(r, r.State()))
	}
	return rest.Data(c, http.StatusOK, lines)
}

// createRoom answers POST /api/v1/room/:name.
func (a *api) createRoom(c echo.Context) error {
	name := rest.Param(c, "name")
	if err := room.CheckName(name); err != nil {
		return err
	}
	body, err := rest.Body(c)
	if err != nil {
		return err
	}
	patch, err := room.ParseSettings(body)
	if err != nil {
		return err
	}
	r, created, err := a.rooms.Create(name, patch)
	switch {
	case errors.Is(err, room.ErrNoMoreRooms):
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(int(retryAfter.Seconds())))
		return rest.Data(c, http.StatusServiceUnavailable, createdRoom{0, "No more rooms can be created"})
	case err != nil:
		return err
	case created:
		return rest.Data(c, http.StatusCreated, createdRoom{r.Port(), "Room created"})
	default:
		return rest.Data(c, http.StatusOK, createdRoom{r.Port(), name + " already exists"})
	}
}

// showRoom answers GET /api/v1/room/:name.
func (a *api) showRoom(c echo.Context) error {
	r, err := a.rooms.Room(rest.Param(c, "name"))
	if err != nil {
		return err
	}
	return rest.Data(c, http.StatusOK, viewOf(r))
}

// setRoom answers PATCH /api/v1/room/:name.
func (a *api) setRoom(c echo.Context) error {
	r, err := a.rooms.Room(rest.Param(c, "name"))
	if err != nil {
		return err
	}
	body, err := rest.Body(c)
	if err != nil {
		return err
	}
	patch, err := room.ParseSettings(body)
	if err != nil {
		return err
	}
	settings, err := r.Set(c.Request().Context(), patch)
	if err != nil {
		return err
	}
	return rest.Data(c, http.StatusOK, settings)
}

// closedRoom answers the end of a room.
type closedRoom struct {
	Name    string `json:"name"`
	Message string `json:"message"`
}

// closeRoom answers DELETE /api/v1/room/:name.
func (a *api) closeRoom(c echo.Context) error {
	name := rest.Param(c, "name")
	if err := a.rooms.Close(name); err != nil {
		return err
	}
	return rest.Data(c, http.StatusOK, closedRoom{name, "Room closed"})
}

// messageBody is what POST /api/v1/room/:name/message takes.
type messageBody struct {
	Text *string    `json:"text"`
	User *room.User `json:"user"`
}

// say answers POST /api/v1/room/:name/message.
func (a *api) say(c echo.Context) error {
	r, err := a.rooms.Room(rest.Param(c, "name"))
	if err != nil {
		return err
	}
	var m messageBody
	if err := rest.ReadJSON(c, &m); err != nil {
		return err
	}
	if m.Text == nil {
		return fault.New(fault.BadField, "text is missing")
	}
	if m.User != nil {
		user, err := room.CheckUser(*m.User)
		if err != nil {
			return err
		}
		m.User = &user
	}
	seq, err := r.Say(c.Request().Context(), m.User, *m.Text)
	if err != nil {
		return err
	}
	return rest.Data(c, http.StatusOK, map[string]uint64{"seq": seq})
}
