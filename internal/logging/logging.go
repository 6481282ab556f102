// Package logging makes the server's logger: JSON for machines in production, a
// console for people in development, both to one writer.
package logging

import (
	"fmt"
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Levels are the levels that may be set, from the most to the least talkative.
const Levels = "debug, info, warn, error, fatal"

// ParseLevel reads one of [Levels].
func ParseLevel(s string) (zapcore.Level, error) {
	level, err := zapcore.ParseLevel(s)
	if err != nil || level.String() != s || level == zapcore.PanicLevel || level == zapcore.DPanicLevel {
		return 0, fmt.Errorf("%.20q is not one of %s", s, Levels)
	}
	return level, nil
}

// New returns a logger that writes to w from the level on. The level can be changed
// while the logger is in use.
func New(w io.Writer, production bool, level zap.AtomicLevel) *zap.Logger {
	var encoder zapcore.Encoder
	if production {
		c := zap.NewProductionEncoderConfig()
		c.EncodeTime = zapcore.RFC3339NanoTimeEncoder
		encoder = zapcore.NewJSONEncoder(c)
	} else {
		c := zap.NewDevelopmentEncoderConfig()
		c.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		encoder = zapcore.NewConsoleEncoder(c)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), level))
}
