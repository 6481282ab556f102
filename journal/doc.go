// Package journal is the embedded store on local disk that makes rooms survive a
// crash. One file holds the events of every room, the votes of their polls, the rooms
// that are open, the sanctions, the tickets of who pays, the secret of user tokens, and how
// far a database has been brought.
//
// # Lives
//
// A life is one log of a room, named by its epoch: from the room's creation until
// it is closed, across restarts of the server. Within a life seq goes up by exactly
// one. The journal refuses an event with any other seq, so a log in it has no hole.
//
// # Writing
//
// All writes are accepted or refused at once, by an error, and never wait. One
// goroutine puts what all rooms wrote meanwhile into one transaction. A lone write
// is committed at once; under load transactions start at least [Options.Gather]
// apart. The done function of a write is called on that goroutine, after the commit
// and in the order in which writes were accepted; it must not block. What was
// refused by an error is not in the journal and never will be, its done function is
// not called: the caller must not publish it.
//
// # Failure
//
// When the disk is full or fails, every write that waits is answered with
// [ErrUnavailable], but stays in the queue, since a room may have shown it to
// everybody: the journal tries again every second until it succeeds or is closed.
// Until then [Journal.Healthy] says what is wrong, and events and new rooms are
// refused; other writes are taken as long as the queue has room. Both turns are
// logged once. Reading goes on.
//
// # Removals
//
// An event may remove earlier ones of its life, or all of them ([Event.Removes],
// [Event.Clears]). What it does is stored with it, in one transaction, and is seen by
// every reading that begins after Append has returned: the removed events come with
// [Event.Removed], and their Data as it was. It is for the reader to keep them back.
//
// # Ballots
//
// What users choose in a poll is kept apart from events, by [Journal.PutVote], so that it
// survives a crash, until an event ends the poll ([Event.Ends]). From then on nobody finds
// the votes any more; they are removed in the background.
//
// # Tickets
//
// What a credit service is owed an account of is kept by [Journal.PutTicket] until it is
// taken away again. The journal knows nothing of it but its id.
//
// # Reading
//
// Whatever is read is copied in portions. No transaction of the file is open while
// the caller has the word, so a slow reader costs nothing: neither does the file
// grow for its sake, nor does a write wait.
//
// # Retention
//
// Events older than [Options.Retention] are removed in small steps, with the marks that
// they are removed and the votes of polls that they opened, and with its last event a
// closed life. The space is used again; the file does not shrink. With
// [Options.Forward] no event is removed before the database has it, however long
// the database is away: the server promises to lose nothing. The price is disk,
// visible in [Stats] as Unsent and FileSize.
//
// # Damage
//
// [Open] reads the whole file before it trusts it (for two seconds, if it is huge;
// the structure above what grows always). Each record has a checksum that is
// verified whenever it is read. Damage that comes up later is an error of the read
// that meets it, and leaves the other rooms readable.
package journal
