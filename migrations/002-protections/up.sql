-- Containers that a user has protected: by what outlives their ids (see subjects) ------------------
CREATE TABLE protections (
    subject_id INTEGER PRIMARY KEY REFERENCES subjects (id) ON DELETE CASCADE,
    actor      TEXT NOT NULL,
    at         INTEGER NOT NULL
) STRICT;
