package metrics

import "github.com/prometheus/client_golang/prometheus"

// described are the metrics that are read from [Sources].
var described []*prometheus.Desc

// describe adds one to them.
func describe(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
	described = append(described, d)
	return d
}

// The server.
var (
	connections       = describe("connections", "Places that clients have on the server: WebSockets, streams and sessions, those that have not joined yet too.")
	connectionsLimit  = describe("connections_limit", "Places that there are (MAX_CONNECTIONS); 0: no limit.")
	accepting         = describe("accepting", "1 while the server takes new rooms and connections, as far as it is for the operator to say.")
	draining          = describe("draining", "1 while the server is on its way to its end.")
	machineMemory     = describe("machine_memory_bytes", "Memory of the machine.")
	machineMemoryFree = describe("machine_memory_available_bytes", "Memory of the machine that programs can still get.")
)

// Rooms.
var (
	rooms             = describe("rooms", "Open rooms.")
	roomsCapacity     = describe("rooms_capacity", "Rooms that the server can hold.")
	viewers           = describe("viewers", "Who is in rooms now, by transport; polling: also a session that nobody reads at the moment.", "transport")
	otherRooms        = describe("other_rooms", "Open rooms that have no metrics of their own: those beyond the 50 with the most viewers.")
	otherRoomsViewers = describe("other_rooms_viewers", "Who is in those rooms.")

	roomViewers   = describe("room_viewers", "Who is in the room. This and all others of a room: for the 50 with the most viewers.", "room")
	roomEvents    = describe("room_events_total", "Events in the room's log, also of those before a restart of the server.", "room")
	roomSent      = describe("room_sent_bytes_total", "Bytes that the room's connections took.", "room")
	roomSkipped   = describe("room_skipped_events_total", "Events that the room's clients were too slow to take, counted for each client.", "room")
	roomRefusals  = describe("room_refusals_total", "Commands that were refused because the room had too much to do (busy) or the sender was too fast (rate_limited).", "room", "reason")
	roomPanics    = describe("room_panics_total", "Faults of the program in the room.", "room")
	roomInbox     = describe("room_inbox_commands", "Commands that wait for the room, of the 512 that can.", "room")
	roomInboxHigh = describe("room_inbox_high_commands", "Most commands that ever waited for the room.", "room")
)

// The journal and the database behind it.
var (
	journalUp       = describe("journal_up", "1 while the journal takes writes.")
	journalWaiting  = describe("journal_waiting_writes", "Writes that wait for their commit.")
	journalLag      = describe("journal_lag_seconds", "Age of the oldest of them; 0: none waits.")
	journalQueue    = describe("journal_queue_bytes", "What they take of the 64 MiB that may wait.")
	journalSize     = describe("journal_size_bytes", "Size of the journal's file.")
	journalLogs     = describe("journal_logs", "Logs in the journal: of open rooms, and of closed ones that are kept.")
	journalFailures = describe("journal_commit_failures_total", "Transactions of the journal that failed.")
	journalEvents   = describe("journal_events_total", "Events that were committed.")
	journalPruned   = describe("journal_pruned_events_total", "Events that were removed after JOURNAL_RETENTION.")

	databaseUp      = describe("database_up", "1 while MongoDB takes what it is given. Only with MONGO_URI, as the other two.")
	databaseWaiting = describe("database_waiting_events", "Events that MongoDB does not have yet.")
	databaseLag     = describe("database_lag_seconds", "Age of the oldest of them, rather too old than too young; 0: none waits.")
)

// The cache.
var (
	cacheAge       = describe("cache_age_seconds", "Time since the platform's database, or CACHE_FILE, was last read with success, or since the start.")
	cacheDocuments = describe("cache_documents", "Documents in force, by collection; bans set on this server count too.", "collection")
	cacheLeftOut   = describe("cache_left_out_documents", "Malformed documents that are left out.")
)

// What the server calls.
var (
	loadBalancer = called{
		up:          describe("loadbalancer_up", "1 if the newest call of the load balancer went well, 0 if it failed.", "url"),
		calls:       describe("loadbalancer_calls_total", "Calls of the load balancer, by result.", "url", "result"),
		lastSuccess: describe("loadbalancer_last_success_timestamp_seconds", "When a call of the load balancer last went well.", "url"),
	}
	service = called{
		up:          describe("service_up", "1 if the newest call of the service (listing or credit) went well, 0 if it failed.", "service"),
		calls:       describe("service_calls_total", "Calls of the service, by result.", "service", "result"),
		lastSuccess: describe("service_last_success_timestamp_seconds", "When a call of the service last went well.", "service"),
	}
)
