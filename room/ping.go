package room

// onPing answers at once: a client asks whether the connection works, not the room.
func (s *speaker) onPing(id string, _ []byte) (effect, error) {
	s.asker.answer(pong{Type: "pong", ID: id})
	return nil, nil
}

// onPingFrame answers a WebSocket ping, which counts as a command.
func (c *conn) onPingFrame(data string) error {
	if err := c.pace(); err != nil {
		return err
	}
	c.out.reply(frame(opPong, []byte(data)))
	return nil
}
