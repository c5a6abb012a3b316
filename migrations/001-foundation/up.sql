-- Times are milliseconds since the Unix epoch, UTC. Every key that belongs to a Docker engine carries the engine's id (ours: 'local' first).

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- People and what they sign in with ------------------------------------------------------------
CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL COLLATE NOCASE UNIQUE,
    password_hash TEXT NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    disabled      INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    created_at    INTEGER NOT NULL,
    last_login_at INTEGER
) STRICT;

CREATE TABLE sessions (
    id_hash      TEXT PRIMARY KEY,            -- SHA-256 of the cookie's value, hex
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    data         TEXT NOT NULL,               -- JSON, what tower-sessions keeps
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,            -- absolute end, however often it is used
    address      TEXT NOT NULL DEFAULT '',
    agent        TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE api_tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    token_hash   TEXT NOT NULL UNIQUE,        -- SHA-256 of the token, hex
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER,
    UNIQUE (user_id, name)
) STRICT;

-- Subjects: what history belongs to. They outlive container ids ---------------------------------
CREATE TABLE subjects (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    engine TEXT NOT NULL,
    kind   TEXT NOT NULL,                     -- container, image, network, volume, engine, user …
    key    TEXT NOT NULL,                     -- project/service/number, service/slot, or the name
    UNIQUE (engine, kind, key)
) STRICT;

CREATE TABLE container_subjects (
    engine       TEXT NOT NULL,
    container_id TEXT NOT NULL,
    subject_id   INTEGER NOT NULL REFERENCES subjects (id) ON DELETE CASCADE,
    PRIMARY KEY (engine, container_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX container_subjects_subject ON container_subjects (subject_id);

-- What inspect said of a container that is not running, so that a restart does not ask again -----
CREATE TABLE container_facts (
    engine        TEXT NOT NULL,
    container_id  TEXT NOT NULL,
    facts         TEXT NOT NULL,              -- JSON, docker::types::Facts
    PRIMARY KEY (engine, container_id)
) STRICT, WITHOUT ROWID;

-- The journal --------------------------------------------------------------------------------------
CREATE TABLE events (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    at           INTEGER NOT NULL,
    engine       TEXT NOT NULL,
    source       TEXT NOT NULL,
    kind         TEXT NOT NULL,
    severity     INTEGER NOT NULL,            -- 0 debug, 1 info, 2 warning, 3 error
    subject_type TEXT NOT NULL DEFAULT '',
    subject_id   TEXT NOT NULL DEFAULT '',
    subject_name TEXT NOT NULL DEFAULT '',
    subject      INTEGER REFERENCES subjects (id) ON DELETE SET NULL,
    actor        TEXT NOT NULL DEFAULT '',
    message      TEXT NOT NULL,
    data         TEXT NOT NULL DEFAULT '{}',
    admins_only  INTEGER NOT NULL DEFAULT 0 CHECK (admins_only IN (0, 1))
) STRICT;
CREATE INDEX events_subject ON events (subject, id);

-- How far each reader of the journal, or of an engine's stream, has come: committed with its effect.
CREATE TABLE cursors (
    name       TEXT PRIMARY KEY,
    value      TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
-- What went wrong lately is counted on every dashboard.
CREATE INDEX events_trouble ON events (severity, at) WHERE severity >= 2;
