-- How each container was left by the last event told of it: what changed while nobody watched is the
-- difference between this and what the engine says on return -------------------------------------
CREATE TABLE known_containers (
    engine       TEXT NOT NULL,
    container_id TEXT NOT NULL,
    name         TEXT NOT NULL,
    key          TEXT NOT NULL,               -- of its subject
    running      INTEGER NOT NULL CHECK (running IN (0, 1)),
    started_at   INTEGER,
    exit_code    INTEGER,
    PRIMARY KEY (engine, container_id)
) STRICT, WITHOUT ROWID;
