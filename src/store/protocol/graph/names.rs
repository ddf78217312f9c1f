//! The names behind the numbers of compact replies: labels, types and properties of one
//! graph. A number that is not known yet means that somebody added a name meanwhile.

use super::record::ID;
use super::session::Session;
use crate::error::Result;
use crate::mapping::reserved;
use crate::model::{Text, Value};
use std::collections::HashMap;

/// Names by their numbers.
#[derive(Default)]
pub(super) struct Names {
    pub(super) labels: Vec<Text>,
    pub(super) types: Vec<Text>,
    pub(super) keys: Vec<Text>,
    by_key: HashMap<Text, u32>,
    /// The number of the property that is the key.
    pub(super) id: Option<u32>,
    /// That of the reserved property.
    pub(super) reserved: Option<u32>,
}

impl Names {
    /// As they are now.
    pub(super) fn read(session: &mut Session) -> Result<Self> {
        let labels = column(session, b"CALL db.labels()")?;
        let types = column(session, b"CALL db.relationshipTypes()")?;
        let keys = column(session, b"CALL db.propertyKeys()")?;
        let by_key = keys.iter().cloned().zip(0..).collect();
        let names = Self {
            labels,
            types,
            keys,
            by_key,
            id: None,
            reserved: None,
        };
        Ok(Self {
            id: names.key(ID),
            reserved: names.key(reserved::PROPERTY),
            ..names
        })
    }

    /// The number of a property's name.
    pub(super) fn key(&self, name: &str) -> Option<u32> {
        self.by_key.get(&Text::from(name)).copied()
    }
}

fn column(session: &mut Session, query: &[u8]) -> Result<Vec<Text>> {
    let mut names = Vec::new();
    session.read(query, |row| {
        names.push(match row.value()? {
            Value::Text(text) => text,
            _ => Text::default(),
        });
        Ok(())
    })?;
    Ok(names)
}
