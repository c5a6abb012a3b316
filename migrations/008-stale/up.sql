-- Stale containers --------------------------------------------------------------------------------------
-- When each container was last seen alive, by what outlives its id.
CREATE TABLE stale_alive (
    subject_id INTEGER PRIMARY KEY REFERENCES subjects (id) ON DELETE CASCADE,
    at         INTEGER NOT NULL               -- ms
) STRICT;

-- Since when a container that is up is in trouble: Docker does not say.
CREATE TABLE stale_trouble (
    engine       TEXT NOT NULL,
    container_id TEXT NOT NULL,
    kind         TEXT NOT NULL,               -- restarting, unhealthy
    since        INTEGER NOT NULL,
    PRIMARY KEY (engine, container_id, kind)
) STRICT, WITHOUT ROWID;

-- What is stale now, so that it is told once, restarts aside.
CREATE TABLE stale_told (
    engine       TEXT NOT NULL,
    container_id TEXT NOT NULL,
    name         TEXT NOT NULL,
    since        INTEGER NOT NULL,            -- since when it is stale
    PRIMARY KEY (engine, container_id)
) STRICT, WITHOUT ROWID;

-- Cleanups: what somebody, or the policy, set out to remove ----------------------------------------------
CREATE TABLE cleanup_runs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    actor       TEXT NOT NULL,
    automatic   INTEGER NOT NULL CHECK (automatic IN (0, 1)),
    items       INTEGER NOT NULL,
    finished_at INTEGER,                      -- NULL while it runs, or when it was cut off
    cut_off     INTEGER NOT NULL DEFAULT 0 CHECK (cut_off IN (0, 1))
) STRICT;

-- One container of a cleanup. Its specification is kept before it is removed.
CREATE TABLE cleanups (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id       INTEGER NOT NULL REFERENCES cleanup_runs (id) ON DELETE CASCADE,
    engine       TEXT NOT NULL,
    container_id TEXT NOT NULL,
    subject_key  TEXT NOT NULL,
    name         TEXT NOT NULL,
    image        TEXT NOT NULL,
    image_id     TEXT NOT NULL,
    reasons      TEXT NOT NULL,               -- JSON, sentences
    at           INTEGER NOT NULL,
    actor        TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('removing', 'removed', 'kept', 'restored')),
    spec         TEXT,                        -- sealed; NULL once its time is over
    volumes      INTEGER NOT NULL,            -- whether its anonymous volumes were removed as well
    layer_image  TEXT,                        -- the image that its writable layer was committed to
    layer_until  INTEGER,
    bytes        INTEGER,                     -- that were freed, as far as known
    restored_at  INTEGER,
    restored_by  TEXT,
    restored_id  TEXT
) STRICT;
CREATE INDEX cleanups_state ON cleanups (state, at);
