-- When which container was stale, from when until when: what the automatic cleanup would have done --------
CREATE TABLE stale_spells (
    id           INTEGER PRIMARY KEY,
    engine       TEXT NOT NULL,
    container_id TEXT NOT NULL,
    name         TEXT NOT NULL,
    image        TEXT NOT NULL,
    project      TEXT NOT NULL,
    since        INTEGER NOT NULL,            -- since when it was stale, ms
    until        INTEGER,                     -- NULL while it is
    ended        TEXT CHECK (ended IN ('gone', 'recovered'))
) STRICT;
CREATE UNIQUE INDEX stale_spells_open ON stale_spells (engine, container_id) WHERE until IS NULL;
CREATE INDEX stale_spells_until ON stale_spells (until) WHERE until IS NOT NULL;
INSERT INTO stale_spells (engine, container_id, name, image, project, since)
    SELECT engine, container_id, name, '', '', since FROM stale_told;

-- The automatic cleanup: what it did last, and for which rules it has made its trial ---------------------
CREATE TABLE cleanup_policy (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    tried     TEXT,                           -- the rules whose trial is made; NULL before it
    last_due  INTEGER,                        -- the time that the last run was for, ms
    last_at   INTEGER,
    last_run  TEXT                            -- JSON: what it did
) STRICT;
INSERT INTO cleanup_policy (id) VALUES (1);
