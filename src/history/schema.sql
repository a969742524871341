-- One file of zoogate's history: what happened in one week (ISO 8601, UTC), zoogate-YYYY-Www.db.
--
-- Moments are milliseconds since 1970 (…_ms); `at` is the same as text in UTC. Lengths of time are milliseconds too, or
-- microseconds (…_us). `run` is when that zoogate started, in milliseconds since 1970: numbers of connections and incidents
-- are of one run. Names of servers are their addresses as configured. Node data, passwords and credentials are in no table;
-- ids of sessions are, and a session's password follows from its id: keep these files to yourself.

-- The starts of zoogate that wrote to this file.
CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', run / 1000.0, 'unixepoch')) VIRTUAL,
    version TEXT NOT NULL
);

-- Every holder that is named in this file. Searches for a part of a name begin here.
CREATE TABLE identities (
    identity TEXT PRIMARY KEY
) WITHOUT ROWID;

-- Sessions that came to another server.
CREATE TABLE moves (
    run INTEGER NOT NULL,
    connection INTEGER NOT NULL,        -- the connection that the session left
    at_ms INTEGER NOT NULL,
    at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    session TEXT NOT NULL,
    former_session TEXT,                -- where the client came back with a new session
    identity TEXT,                      -- who held it; NULL where that is not known
    client TEXT NOT NULL,
    from_server TEXT NOT NULL,
    server TEXT NOT NULL,               -- where it came to
    gap_ms INTEGER NOT NULL,            -- how long it was without a server
    unanswered INTEGER NOT NULL,        -- requests that never got a reply
    routed TEXT NOT NULL,               -- why it came to that server
    reason TEXT,                        -- why the connection that it left ended; NULL while that is not decided
    cause TEXT,                         -- why it came to that end
    incident INTEGER,                   -- the incident that the end belongs to
    PRIMARY KEY (run, connection, session)
);
CREATE INDEX moves_at ON moves (at_ms);
CREATE INDEX moves_identity ON moves (identity, at_ms);
CREATE INDEX moves_session ON moves (session, at_ms);
-- What a summary reads stands in these two: no row is looked at for it.
CREATE INDEX moves_cause ON moves (cause, server, at_ms, gap_ms);
CREATE INDEX moves_holder ON moves (cause, identity, at_ms);

-- Sessions that a server refused because they had moved (SESSION_MOVED).
CREATE TABLE refusals (
    run INTEGER NOT NULL,
    connection INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    session TEXT NOT NULL,
    identity TEXT,
    client TEXT NOT NULL,
    server TEXT NOT NULL,               -- who refused it
    claimed_by TEXT,                    -- the server that had it, where that was seen
    evidence TEXT NOT NULL,
    confidence TEXT NOT NULL,
    why TEXT NOT NULL,                  -- the evidence in words
    unanswered INTEGER NOT NULL,
    cause TEXT,
    incident INTEGER
);
CREATE INDEX refusals_at ON refusals (at_ms);
CREATE INDEX refusals_identity ON refusals (identity, at_ms);
CREATE INDEX refusals_session ON refusals (session, at_ms);
CREATE INDEX refusals_cause ON refusals (cause, server, at_ms);
CREATE INDEX refusals_connection ON refusals (run, connection);

-- All that one cause did. Rows are written again while an incident goes on.
CREATE TABLE incidents (
    run INTEGER NOT NULL,
    incident INTEGER NOT NULL,          -- its number in that run
    at_ms INTEGER NOT NULL,             -- when it began
    at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    until_ms INTEGER,                   -- when it was over; of one that was cut, when something was last seen of it
    until TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', until_ms / 1000.0, 'unixepoch')) VIRTUAL,
    last_ms INTEGER NOT NULL,           -- when its last event was
    state TEXT NOT NULL,                -- open; closed; cut: zoogate was killed while it was open
    times INTEGER NOT NULL,             -- how often it came again shortly after it was over; 1 when it did not
    cause TEXT NOT NULL,
    since_ms INTEGER,                   -- since when the cause had been so
    confidence TEXT NOT NULL,
    first TEXT NOT NULL,                -- who failed first
    server TEXT,                        -- whom it is about, where that makes the difference
    client TEXT,
    session TEXT,
    identity TEXT,                      -- who held the sessions that it hit, with commas between them
    summary TEXT NOT NULL,
    connections INTEGER NOT NULL,
    sessions INTEGER NOT NULL,
    moved INTEGER NOT NULL,
    expired INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    unanswered INTEGER NOT NULL,
    gap_ms INTEGER NOT NULL,            -- longest time that a session was without a connection
    PRIMARY KEY (run, incident)
);
-- What a summary reads stands in these three: no row is looked at for it.
CREATE INDEX incidents_at ON incidents (at_ms, cause, server, until_ms, last_ms);
CREATE INDEX incidents_cause ON incidents (cause, server, at_ms, until_ms, last_ms, run, incident);
CREATE INDEX incidents_server ON incidents (server, cause, at_ms, until_ms, last_ms, run, incident);
CREATE INDEX incidents_session ON incidents (session, at_ms);

-- The long texts of an incident, for those who look at it: no list and no count reads past them.
CREATE TABLE incident_texts (
    run INTEGER NOT NULL,
    incident INTEGER NOT NULL,
    evidence TEXT NOT NULL,             -- JSON, as in /api/incidents
    impact TEXT NOT NULL,               -- likewise
    revisions TEXT NOT NULL,            -- likewise: what the cause was held to be before
    PRIMARY KEY (run, incident)
);

-- Who held the sessions that an incident hit, each on a line of its own.
CREATE TABLE incident_holders (
    identity TEXT NOT NULL,
    run INTEGER NOT NULL,
    incident INTEGER NOT NULL,
    cause TEXT NOT NULL,                -- as in incidents
    at_ms INTEGER NOT NULL,             -- likewise
    PRIMARY KEY (identity, run, incident)
) WITHOUT ROWID;
CREATE INDEX incident_holders_cause ON incident_holders (cause, identity, at_ms);
CREATE INDEX incident_holders_incident ON incident_holders (run, incident);

-- What happened in the ensemble.
CREATE TABLE ensemble_events (
    run INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    server TEXT,                        -- NULL when it is about all of them
    change TEXT NOT NULL,
    lasted_ms INTEGER,                  -- how long a server had not served that serves again, or nobody had led
    text TEXT NOT NULL
);
CREATE INDEX ensemble_events_at ON ensemble_events (at_ms);
CREATE INDEX ensemble_events_change ON ensemble_events (change, server, at_ms, lasted_ms);
CREATE INDEX ensemble_events_server ON ensemble_events (server, at_ms);

-- Latencies of an hour by server and class of operations. `identity` is '' for all clients of the server; what has a name
-- there is counted in that row too.
CREATE TABLE latency_hours (
    at_ms INTEGER NOT NULL,             -- when the hour began
    at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    run INTEGER NOT NULL,
    server TEXT NOT NULL,
    class TEXT NOT NULL,                -- read, write, ping
    identity TEXT NOT NULL,
    operations INTEGER NOT NULL,
    mean_us INTEGER NOT NULL,
    p50_us INTEGER NOT NULL,
    p99_us INTEGER NOT NULL,
    max_us INTEGER NOT NULL,
    PRIMARY KEY (at_ms, server, class, identity, run)
) WITHOUT ROWID;

-- What might have been lost soon, told before it was. Rows are written again when a risk goes out.
CREATE TABLE risks (
    run INTEGER NOT NULL,
    risk INTEGER NOT NULL,              -- its number in that run
    at_ms INTEGER NOT NULL,             -- when it was seen first
    at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    until_ms INTEGER,                   -- when it went out
    state TEXT NOT NULL,                -- open; passed: nothing was lost; lost; cut: zoogate was killed while it was open
    code TEXT NOT NULL,
    session TEXT NOT NULL,
    identity TEXT,
    client TEXT,
    server TEXT,
    text TEXT NOT NULL,                 -- what it is, with its numbers
    facts TEXT NOT NULL,                -- JSON, as in /api/risks
    PRIMARY KEY (run, risk)
);
CREATE INDEX risks_at ON risks (at_ms);
CREATE INDEX risks_identity ON risks (identity, at_ms);
CREATE INDEX risks_session ON risks (session, at_ms);
CREATE INDEX risks_code ON risks (code, server, at_ms, until_ms);

-- All of it in order of time, for people: SELECT * FROM history ORDER BY at DESC LIMIT 20;
CREATE VIEW history AS
    SELECT 'move' AS kind, at, cause, identity, session, server, 'from ' || from_server AS text FROM moves
    UNION ALL SELECT 'refusal', at, cause, identity, session, server, why FROM refusals
    UNION ALL SELECT 'incident', at, cause, identity, session, server, summary FROM incidents
    UNION ALL SELECT 'ensemble', at, change, NULL, NULL, server, text FROM ensemble_events
    UNION ALL SELECT 'risk', at, code, identity, session, server, text FROM risks;
