//! The typed view of a memory: what memorygraph understands of a node. For
//! validation, filters and display; never the carrier.

use super::time::Instant;
use super::{Canon, Node, Record, Value};
use std::borrow::Cow;

/// The label of a node that is a memory.
pub const LABEL: &str = "Memory";

/// The memory types that memorygraph knows.
pub const TYPES: [&str; 13] = [
    "task",
    "code_pattern",
    "problem",
    "solution",
    "project",
    "technology",
    "error",
    "fix",
    "command",
    "file_context",
    "workflow",
    "general",
    "conversation",
];

/// The relationship types that memorygraph knows; it reads any other as `RELATED_TO`.
pub const RELATIONSHIP_TYPES: [&str; 35] = [
    "CAUSES",
    "TRIGGERS",
    "LEADS_TO",
    "PREVENTS",
    "BREAKS",
    "SOLVES",
    "ADDRESSES",
    "ALTERNATIVE_TO",
    "IMPROVES",
    "REPLACES",
    "OCCURS_IN",
    "APPLIES_TO",
    "WORKS_WITH",
    "REQUIRES",
    "USED_IN",
    "BUILDS_ON",
    "CONTRADICTS",
    "CONFIRMS",
    "GENERALIZES",
    "SPECIALIZES",
    "SIMILAR_TO",
    "VARIANT_OF",
    "RELATED_TO",
    "ANALOGY_TO",
    "OPPOSITE_OF",
    "FOLLOWS",
    "DEPENDS_ON",
    "ENABLES",
    "BLOCKS",
    "PARALLEL_TO",
    "EFFECTIVE_FOR",
    "INEFFECTIVE_FOR",
    "PREFERRED_OVER",
    "DEPRECATED_BY",
    "VALIDATED_BY",
];

/// What people recognise a memory by, and what filters ask.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Its id, for display.
    pub id: String,
    /// `type`.
    pub memory_type: Option<String>,
    /// `title`.
    pub title: Option<String>,
    /// `tags`; those that are text.
    pub tags: Vec<String>,
    /// `context_project_path`.
    pub project: Option<String>,
    /// `context_tenant_id`.
    pub tenant: Option<String>,
    /// `created_at`, if it can be read as a time.
    pub created_at: Option<Instant>,
    /// `updated_at`, if it can be read as a time.
    pub updated_at: Option<Instant>,
}

impl Memory {
    /// The view of a node.
    pub fn of(node: &Node) -> Self {
        let map = node
            .properties
            .map()
            .unwrap_or(Cow::Owned(Default::default()));
        let text = |key: &str| match map.get(key) {
            Some(Value::Text(t)) => Some(t.to_lossy().into_owned()),
            _ => None,
        };
        let tags = match map.get("tags") {
            Some(Value::List(list)) => list
                .iter()
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        };
        Self {
            id: node.key.display(),
            memory_type: text("type"),
            title: text("title").or_else(|| text("name")),
            tags,
            project: text("context_project_path"),
            tenant: text("context_tenant_id"),
            created_at: map.get("created_at").and_then(Instant::of),
            updated_at: map.get("updated_at").and_then(Instant::of),
        }
    }
}

/// Whether a node is a memory.
pub fn is_memory(node: &Node) -> bool {
    node.labels.iter().any(|l| l == LABEL)
}

/// The name a record is counted under: a memory's type, another node's labels, a
/// relationship's type. `canon` has just digested it.
pub fn type_name(record: &Record, canon: &Canon) -> String {
    match record {
        Record::Node(n) if is_memory(n) => match canon.text("type") {
            Some(t) => String::from_utf8_lossy(t).into_owned(),
            None => "(no type)".to_owned(),
        },
        Record::Node(n) => {
            let labels: Vec<_> = n.labels.iter().map(|l| l.to_lossy()).collect();
            format!(":{}", labels.join(":"))
        }
        Record::Relationship(r) => r.rel_type.to_lossy().into_owned(),
    }
}
