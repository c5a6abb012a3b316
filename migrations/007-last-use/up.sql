-- When containers were last seen to use an image, a volume or a network: Docker does not tell -------
CREATE TABLE last_uses (
    engine TEXT NOT NULL,
    kind   TEXT NOT NULL,                     -- image, volume or network
    id     TEXT NOT NULL,                     -- Docker's id; a volume's name
    at     INTEGER NOT NULL,                  -- ms since the epoch
    user   TEXT NOT NULL,                     -- the name of a container that used it then
    PRIMARY KEY (engine, kind, id)
) STRICT, WITHOUT ROWID;
