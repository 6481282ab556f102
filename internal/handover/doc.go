// Package handover has a fresh process of the program go on with the listeners of this
// one, so that whoever connects meanwhile waits in the kernel, and nobody is refused.
//
// # Order
//
// The old process is the predecessor, the fresh one its successor; a socket pair joins
// them, whose end ENV names to the successor.
//
//  1. [Start] runs the program. The successor checks what it can without the listeners,
//     and says [Predecessor.Prepared]. Until then nothing has changed for anybody: if it
//     fails, or takes too long, it is killed, and Start returns why.
//  2. The predecessor has its [Sockets] kept open ([Sockets.Hold]), ends its servers, and
//     lets go of whatever only one process can have.
//  3. [Successor.Take] sends the listening sockets and a state. Prepared returns with them,
//     and the successor begins to serve. It says [Predecessor.Ready].
//  4. Take returns. [Successor.Release] tells the successor that it is alone; then the
//     predecessor may end.
//
// If step 3 fails, Take says why. After [Successor.Kill] nothing of the successor is left,
// and the predecessor can serve again on the sockets that it has held.
//
// # What is not promised
//
// A socket is shared from step 3 on: between that and Release both processes could accept.
// That is why the predecessor's servers must have ended. On Windows there is no such way to
// pass on sockets; [Start] and [Inherit] say so with [errors.ErrUnsupported].
package handover

import "time"

// variable names the successor's end of the socket pair.
const variable = "CHATSERVER_HANDOVER"

// killWait bounds how long the output of a process that was killed is waited for.
const killWait = time.Second

// Options say what to run.
type Options struct {
	Path    string   // of the program
	Args    []string // without its name
	Environ []string // NAME=value
}

// message is what the two processes tell each other, a line of JSON each.
type message struct {
	Prepared bool     `json:"prepared,omitempty"`
	Ready    bool     `json:"ready,omitempty"`
	Failed   string   `json:"failed,omitempty"`  // why; the last word
	Sockets  []string `json:"sockets,omitempty"` // names, in the order in which they were sent
	State    []byte   `json:"state,omitempty"`
}
