//! The schema of memorygraph 0.12, letter by letter as its own files hold it, so that
//! a new file cannot be told from one that memorygraph made.

/// A name and the statement that `sqlite_schema` holds for it.
pub(super) type Statement = (&'static str, &'static str);

/// The two tables, in the order memorygraph makes them.
pub(super) const TABLES: [Statement; 2] = [
    (
        "nodes",
        "CREATE TABLE nodes (
                    id TEXT PRIMARY KEY,
                    label TEXT NOT NULL,
                    properties TEXT NOT NULL,
                    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
                    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
                )",
    ),
    (
        "relationships",
        "CREATE TABLE relationships (
                    id TEXT PRIMARY KEY,
                    from_id TEXT NOT NULL,
                    to_id TEXT NOT NULL,
                    rel_type TEXT NOT NULL,
                    properties TEXT NOT NULL,
                    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,

                    -- Bi-temporal tracking fields (Phase 2.2)
                    valid_from TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
                    valid_until TIMESTAMP,
                    recorded_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
                    invalidated_by TEXT,

                    FOREIGN KEY (from_id) REFERENCES nodes(id) ON DELETE CASCADE,
                    FOREIGN KEY (to_id) REFERENCES nodes(id) ON DELETE CASCADE,
                    FOREIGN KEY (invalidated_by) REFERENCES relationships(id) ON DELETE SET NULL
                )",
    ),
];

/// The same two tables without types and constraints, for a file that is being built:
/// a column of type TEXT would turn the number 7 into the text `7`, one of type
/// TIMESTAMP the text `2024` into a number, and NOT NULL would refuse rows that the
/// source has. They become [`TABLES`] once the rows are in.
pub(super) const LOOSE_TABLES: [&str; 2] = [
    "CREATE TABLE nodes (id, label, properties, created_at, updated_at)",
    "CREATE TABLE relationships (id, from_id, to_id, rel_type, properties,
         created_at, valid_from, valid_until, recorded_at, invalidated_by)",
];

/// The indexes on their ids, for a file that is being built.
pub(super) const LOOSE_INDEXES: [&str; 2] = [
    "CREATE UNIQUE INDEX nodes_id ON nodes(id)",
    "CREATE UNIQUE INDEX relationships_id ON relationships(id)",
];

/// What [`LOOSE_TABLES`] and [`LOOSE_INDEXES`] become, in the order that memorygraph's
/// files have them: a name in `sqlite_schema`, the name it gets, and its statement.
pub(super) const FINAL: [(&str, &str, Option<&str>); 4] = [
    ("nodes", "nodes", Some(TABLES[0].1)),
    ("nodes_id", "sqlite_autoindex_nodes_1", None),
    ("relationships", "relationships", Some(TABLES[1].1)),
    ("relationships_id", "sqlite_autoindex_relationships_1", None),
];

/// The indexes and the (never filled) search table, in memorygraph's order.
pub(super) const REST: [Statement; 10] = [
    (
        "idx_nodes_label",
        "CREATE INDEX idx_nodes_label ON nodes(label)",
    ),
    (
        "idx_nodes_created",
        "CREATE INDEX idx_nodes_created ON nodes(created_at)",
    ),
    (
        "idx_rel_from",
        "CREATE INDEX idx_rel_from ON relationships(from_id)",
    ),
    (
        "idx_rel_to",
        "CREATE INDEX idx_rel_to ON relationships(to_id)",
    ),
    (
        "idx_rel_type",
        "CREATE INDEX idx_rel_type ON relationships(rel_type)",
    ),
    (
        "idx_relationships_temporal",
        "CREATE INDEX idx_relationships_temporal
                ON relationships(valid_from, valid_until)
            ",
    ),
    (
        "idx_relationships_current",
        "CREATE INDEX idx_relationships_current
                ON relationships(valid_until)
                WHERE valid_until IS NULL
            ",
    ),
    (
        "idx_relationships_recorded",
        "CREATE INDEX idx_relationships_recorded
                ON relationships(recorded_at)
            ",
    ),
    (
        "nodes_fts",
        "CREATE VIRTUAL TABLE nodes_fts USING fts5(
                        id,
                        title,
                        content,
                        summary,
                        content='nodes',
                        content_rowid='rowid'
                    )",
    ),
    (
        "idx_nodes_memory",
        "CREATE INDEX idx_nodes_memory ON nodes(label) WHERE label = 'Memory'",
    ),
];
