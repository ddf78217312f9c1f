//! Makes a store as memorygraph 0.12 lays it out, with records of the size that real
//! ones have: about 1.4 kB of JSON for a memory, 450 bytes for a relationship.

use rusqlite::{Connection, Result, params};
use std::path::Path;

const SCHEMA: &str = "
CREATE TABLE nodes (id TEXT PRIMARY KEY, label TEXT NOT NULL, properties TEXT NOT NULL,
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE relationships (id TEXT PRIMARY KEY, from_id TEXT NOT NULL, to_id TEXT NOT NULL, rel_type TEXT NOT NULL,
  properties TEXT NOT NULL, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  valid_from TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, valid_until TIMESTAMP,
  recorded_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, invalidated_by TEXT,
  FOREIGN KEY (from_id) REFERENCES nodes(id) ON DELETE CASCADE,
  FOREIGN KEY (to_id) REFERENCES nodes(id) ON DELETE CASCADE,
  FOREIGN KEY (invalidated_by) REFERENCES relationships(id) ON DELETE SET NULL);
CREATE VIRTUAL TABLE nodes_fts USING fts5(id, title, content, summary, content='nodes', content_rowid='rowid');";

const INDEXES: &str = "
CREATE INDEX idx_nodes_label ON nodes(label);
CREATE INDEX idx_nodes_created ON nodes(created_at);
CREATE INDEX idx_rel_from ON relationships(from_id);
CREATE INDEX idx_rel_to ON relationships(to_id);
CREATE INDEX idx_rel_type ON relationships(rel_type);
CREATE INDEX idx_relationships_temporal ON relationships(valid_from, valid_until);
CREATE INDEX idx_relationships_current ON relationships(valid_until) WHERE valid_until IS NULL;
CREATE INDEX idx_relationships_recorded ON relationships(recorded_at);
CREATE INDEX idx_nodes_memory ON nodes(label) WHERE label = 'Memory';";

const TYPES: [&str; 6] = [
    "SOLVES",
    "CAUSES",
    "RELATED_TO",
    "DEPENDS_ON",
    "FOLLOWS",
    "USED_IN",
];

const WORDS: [&str; 12] = [
    "retry",
    "timeout",
    "index",
    "vector",
    "shard",
    "leader",
    "queue",
    "token",
    "schema",
    "caf\\u00e9",
    "\\\"quoted\\\"",
    "back\\\\slash",
];

/// A store with as many relationships as memories.
pub fn make(path: &Path, records: u64) -> Result<()> {
    make_with(path, records, records)
}

/// A store with so many memories and relationships.
pub fn make_with(path: &Path, memories: u64, relationships: u64) -> Result<()> {
    let mut db = Connection::open(path)?;
    db.execute_batch("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-64000;")?;
    db.execute_batch(SCHEMA)?;
    let work = db.transaction()?;
    let mut random = Random(0x5EED);
    {
        let mut node = work.prepare("INSERT INTO nodes VALUES (?,'Memory',?,?,?)")?;
        for n in 0..memories {
            let row_time = "2026-01-02 03:04:05";
            node.execute(params![
                id(n, 1),
                memory(n, &mut random),
                row_time,
                row_time
            ])?;
        }
        let mut relationship =
            work.prepare("INSERT INTO relationships VALUES (?,?,?,?,?,?,?,?,?,?)")?;
        for n in 0..relationships {
            let (from, to) = (random.below(memories), random.below(memories));
            let id = id(n, 2);
            let time = time(n);
            let properties = format!(
                "{{\"strength\": 0.{}, \"confidence\": 0.{}, \"context\": \"{} and {} in the same service, seen twice\", \"evidence_count\": {}, \"success_rate\": null, \"created_at\": \"{time}\", \"last_validated\": \"{time}\", \"validation_count\": 0, \"counter_evidence_count\": 0, \"valid_from\": \"{time}\", \"valid_until\": null, \"recorded_at\": \"{time}\", \"invalidated_by\": null, \"id\": \"{id}\"}}",
                random.below(1_000_000_000) + 1,
                random.below(1_000_000) + 1,
                word(&mut random),
                word(&mut random),
                n % 9,
            );
            let kind = TYPES[random.below(TYPES.len() as u64) as usize];
            relationship.execute(params![
                id,
                self::id(from, 1),
                self::id(to, 1),
                kind,
                properties,
                "2026-01-02 03:04:05",
                time,
                None::<String>,
                time,
                None::<String>
            ])?;
        }
    }
    work.commit()?;
    db.execute_batch(INDEXES)
}

fn memory(n: u64, random: &mut Random) -> String {
    let mut content = String::with_capacity(700);
    while content.len() < 600 {
        content.push_str(word(random));
        content.push(' ');
    }
    let (id, time) = (id(n, 1), time(n));
    format!(
        "{{\"id\": \"{id}\", \"type\": \"solution\", \"title\": \"{} {} {n}\", \"content\": \"{content}\", \"tags\": [\"{}\", \"{}\"], \"importance\": 0.{}, \"confidence\": 0.8, \"usage_count\": {}, \"created_at\": \"{time}\", \"updated_at\": \"{time}\", \"summary\": \"{} {} {} {}\", \"effectiveness\": 0.5, \"context_project_path\": \"/home/dev/{}\", \"context_files_involved\": [\"src/{}.rs\", \"src/{}.rs\"], \"context_languages\": [\"rust\"], \"context_frameworks\": \"[]\", \"context_technologies\": [\"{}\"], \"context_git_branch\": \"main\", \"context_timestamp\": \"{time}\", \"context_session_id\": \"session-{n}\", \"context_additional_metadata\": \"{{\\\"k\\\": 1}}\", \"context_visibility\": \"project\"}}",
        word(random),
        word(random),
        word(random),
        word(random),
        random.below(1_000_000_000) + 1,
        random.below(40),
        word(random),
        word(random),
        word(random),
        word(random),
        n % 50,
        n % 300,
        n % 700,
        word(random),
    )
}

fn word(random: &mut Random) -> &'static str {
    WORDS[random.below(WORDS.len() as u64) as usize]
}

fn time(n: u64) -> String {
    format!(
        "2025-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}+00:00",
        n % 12 + 1,
        n % 28 + 1,
        n % 24,
        n % 60,
        n / 60 % 60,
        n % 1_000_000
    )
}

/// A UUID as random as those of memorygraph: inserts are spread over the whole index.
fn id(n: u64, salt: u64) -> String {
    let mut random = Random(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt << 56);
    let (a, b) = (random.next(), random.next());
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }
}
