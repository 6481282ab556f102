// Package strictjson reads the JSON that comes from outside: commands of the chat,
// bodies of both REST APIs, settings.
//
// It takes what encoding/json takes, less the texts that encoding/json would change
// in silence: bytes that are not UTF-8, and halves of surrogate pairs. Names of
// fields match in any case; of a field that comes twice the last one holds, and null
// is as if the field had not come.
//
// Every failure is a [*fault.Error], in the caller's words: a field that has the
// wrong type is [fault.BadField] and named by its path, such as user.id, all else is
// [fault.BadJSON].
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"chatserver/internal/fault"
)

// Object reads the one JSON object in data into v, a pointer to a struct or a map.
// Fields that a struct does not have are ignored.
func Object(data []byte, v any) error {
	switch {
	case !utf8.Valid(data):
		return fault.New(fault.BadJSON, "this is not UTF-8; send JSON as UTF-8")
	case loneSurrogate(data):
		return fault.New(fault.BadJSON, "a string holds half of a surrogate pair; send whole characters")
	}
	if err := json.Unmarshal(data, v); err != nil {
		return inWords(err)
	}
	return nil
}

// Known is [Object] for a struct whose fields are all that there may be: any other
// one, and one in another case, is a [fault.BadField] that names it and lists them.
func Known(data []byte, v any) error {
	if err := Object(data, v); err != nil {
		return err
	}
	var sent map[string]json.RawMessage
	if err := json.Unmarshal(data, &sent); err != nil {
		return inWords(err)
	}
	known := fields(reflect.TypeOf(v).Elem())
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		if !slices.Contains(known, name) {
			return fault.New(fault.BadField, "%.100q is none of the fields that may be here: %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// fields returns the names that a struct's fields have on the wire.
func fields(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// inWords says in the caller's words what encoding/json did not like.
func inWords(err error) error {
	var mismatch *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &mismatch) && mismatch.Field != "":
		// Value holds a number as it was sent, however long.
		return fault.New(fault.BadField, "%s must be %s, not a JSON %.40s", mismatch.Field, fitting(mismatch.Type), mismatch.Value)
	case errors.As(err, &syntax):
		return fault.New(fault.BadJSON, "this is not JSON: %v at byte %d; send one object (in the chat, on one line)", syntax, syntax.Offset)
	default:
		return fault.New(fault.BadJSON, "this is not a JSON object; send one object")
	}
}

// fitting names the JSON value that fits a Go type.
func fitting(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Uint64:
		return "a whole number, 0 or more"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	default:
		return "an object"
	}
}

// loneSurrogate tells whether an escape \uD800 to \uDFFF stands without its other
// half, which encoding/json would replace in silence.
func loneSurrogate(data []byte) bool {
	for {
		i := bytes.IndexByte(data, '\\')
		if i < 0 || i+1 >= len(data) {
			return false
		}
		data = data[i:]
		unit, ok := escapedUnit(data)
		if !ok {
			data = data[2:] // another escape, "\\" too
			continue
		}
		data = data[6:]
		switch {
		case unit >= 0xDC00 && unit <= 0xDFFF:
			return true
		case unit >= 0xD800 && unit <= 0xDBFF:
			low, ok := escapedUnit(data)
			if !ok || low < 0xDC00 || low > 0xDFFF {
				return true
			}
			data = data[6:]
		}
	}
}

// escapedUnit reads the UTF-16 unit of an escape such as \u00e9 at the start of data.
func escapedUnit(data []byte) (unit uint16, ok bool) {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return 0, false
	}
	for _, c := range data[2:6] {
		unit <<= 4
		switch {
		case c >= '0' && c <= '9':
			unit |= uint16(c - '0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			unit |= uint16(c|0x20-'a') + 10
		default:
			return 0, false
		}
	}
	return unit, true
}
