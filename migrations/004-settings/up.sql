-- What admins have set; what is not here has its default --------------------------------------------
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL,                      -- as features/settings/model.rs writes it
    actor TEXT NOT NULL,                      -- who set it last
    at    INTEGER NOT NULL                    -- and when
) STRICT;
