//! Doubles to the last bit. Servers print 15 digits, which leaves several doubles to
//! choose from; but they count exactly. So a double is asked for times a power of two,
//! as an integer: in a column of its own beside the records where such a double is
//! usual, one by one where it is not.

use super::compact::{FloatAt, Held, RawEdge, RawNode, odd};
use super::names::Names;
use super::session::{Row, Session};
use crate::error::Result;
use crate::model::{Kind, Value};
use crate::store::protocol::cypher;
use std::collections::BTreeMap;
use std::io;

/// Columns beside a record at most: each costs the server a tenth of a microsecond.
const MOST_COLUMNS: usize = 12;

/// Doubles asked for in one query.
const AT_ONCE: usize = 1_000;

/// Properties whose doubles lie between 0 and 1 in every store of memorygraph: of
/// memories, and of relationships.
const USUAL: [&[&str]; 2] = [
    &["importance", "confidence", "effectiveness"],
    &["strength", "confidence", "success_rate"],
];

/// One record in so many must have a double that no column tells before there is one more
/// for all of them: asking takes as long as so many records with a column more.
const RARE: usize = 4_096;

/// The scale of the column that holds values from 2^-10 to 2.
const USUAL_SCALE: i32 = 62;

/// Which columns are asked for beside the records of a kind.
#[derive(Default)]
pub(super) struct Columns {
    list: Vec<Column>,
    /// Some property holds now a number, now something else.
    guarded: bool,
    /// Whether what an edge's ends say of their keys stands in front of them.
    pub(super) ends: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Column {
    key: u32,
    scale: i32,
}

/// What came in the columns beside a record.
pub(super) type Beside = Vec<Option<i64>>;

/// A record with doubles to settle.
pub(super) trait Floats {
    fn held(&mut self) -> &mut Held;
    /// How a query finds it: its id, and for an edge that of its source.
    fn place(&self) -> (u64, u64);
}

impl Floats for RawNode {
    fn held(&mut self) -> &mut Held {
        &mut self.held
    }
    fn place(&self) -> (u64, u64) {
        (self.id, 0)
    }
}

impl Floats for RawEdge {
    fn held(&mut self) -> &mut Held {
        &mut self.held
    }
    fn place(&self) -> (u64, u64) {
        (self.id, self.from)
    }
}

impl Columns {
    /// Those that are usual.
    pub(super) fn usual(kind: Kind, names: &Names) -> Self {
        let list = USUAL[kind as usize].iter();
        let list = list.filter_map(|name| names.key(name));
        Self {
            list: list
                .map(|key| Column {
                    key,
                    scale: USUAL_SCALE,
                })
                .collect(),
            ..Self::default()
        }
    }

    /// Makes the columns safe where a property is not always a number. Whether they were
    /// not before.
    pub(super) fn guard(&mut self) -> bool {
        !self.list.is_empty() && !std::mem::replace(&mut self.guarded, true)
    }

    /// Appends the columns to what a query returns of `variable`.
    pub(super) fn write(&self, out: &mut Vec<u8>, variable: &str, names: &Names) {
        if self.ends {
            out.extend_from_slice(b", a.id, b.id");
        }
        for column in &self.list {
            let mut property = variable.as_bytes().to_vec();
            property.push(b'.');
            cypher::write_name(&mut property, &names.keys[column.key as usize]);
            out.extend_from_slice(b", ");
            out.extend_from_slice(b"toInteger(");
            if self.guarded {
                out.extend_from_slice(b"toFloatOrNull(");
            }
            out.extend_from_slice(&property);
            out.extend_from_slice(if self.guarded { b")*" } else { b"*" });
            cypher::write_float(out, power(column.scale));
            out.push(b')');
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Reads what came in so many of them.
    pub(super) fn read(columns: usize, row: &mut Row<'_>) -> io::Result<Beside> {
        let mut beside = Vec::with_capacity(columns);
        for _ in 0..columns {
            beside.push(match row.value()? {
                Value::Int(i) => Some(i),
                _ => None,
            });
        }
        Ok(beside)
    }

    fn at(&self, column: Column) -> Option<usize> {
        self.list.iter().position(|c| *c == column)
    }

    /// Takes in a column for a value of which there may be more to come.
    fn learn(&mut self, column: Column, names: &Names) {
        let name = names.keys.get(column.key as usize);
        let sayable = name.is_some_and(cypher::name_fits) && column.scale.abs() < 1_000;
        if sayable && self.list.len() < MOST_COLUMNS && self.at(column).is_none() {
            self.list.push(column);
        }
    }
}

/// 2 to the power of `n`, for -1022 to 1023.
fn power(n: i32) -> f64 {
    f64::from_bits(((n + 1023) as u64) << 52)
}

/// The exponent of a double: of the power of two that is not above it.
fn exponent(value: f64) -> i32 {
    let bits = value.to_bits() & !(1 << 63);
    match bits >> 52 {
        0 => 63 - bits.leading_zeros() as i32 - 1074,
        e => e as i32 - 1023,
    }
}

/// The scale at which doubles of about this size are whole numbers within 64 bits.
fn scale_of(printed: f64) -> i32 {
    USUAL_SCALE - 10 * (exponent(printed) + 9).div_euclid(10)
}

/// The double that is `count` times 2 to the power of `-scale`, if it can be the one that
/// was printed.
fn exact(count: i64, scale: i32, printed: f64) -> Option<f64> {
    let whole = count as f64;
    let fits = whole as i64 == count && count != i64::MAX;
    let half = scale / 2;
    let value = whole * power(-half) * power(half - scale);
    let near = (value - printed).abs() <= printed.abs() * 1e-14 || value == printed;
    (fits && near).then_some(value)
}

/// A double that no column told.
pub(super) struct Asked {
    record: usize,
    at: FloatAt,
    printed: f64,
}

/// Settles the doubles of records that were read with these columns beside them.
pub(super) fn settle<T: Floats>(
    session: &mut Session,
    names: &Names,
    columns: &mut Columns,
    kind: Kind,
    records: &mut [(T, Beside)],
) -> Result<()> {
    let left = told(names, columns, records);
    ask_for(session, names, kind, records, &left)
}

/// Settles those that the columns tell; the others are left. Columns are only ever added,
/// so that records read before that have fewer beside them.
pub(super) fn told<T: Floats>(
    names: &Names,
    columns: &mut Columns,
    records: &mut [(T, Beside)],
) -> Vec<Asked> {
    let mut asked: Vec<Asked> = Vec::new();
    for (number, (record, beside)) in records.iter_mut().enumerate() {
        let held = record.held();
        for at in std::mem::take(&mut held.floats) {
            let Some(printed) = held.packed.float(at.at) else {
                continue;
            };
            let scale = scale_of(printed);
            let column = Column { key: at.key, scale };
            let told = match at.path.is_empty() {
                true => columns.at(column).and_then(|c| *beside.get(c)?),
                false => None,
            };
            if let Some(exact) = told.and_then(|count| exact(count, scale, printed)) {
                held.packed.set_float(at.at, exact);
                continue;
            }
            asked.push(Asked {
                record: number,
                at,
                printed,
            });
        }
    }
    // Only now, so that what was read stays in step with the columns it was read with.
    let mut missed: BTreeMap<Column, usize> = BTreeMap::new();
    for one in asked.iter().filter(|one| one.at.path.is_empty()) {
        let (key, scale) = (one.at.key, scale_of(one.printed));
        *missed.entry(Column { key, scale }).or_default() += 1;
    }
    for (column, times) in missed {
        if times * RARE >= records.len() {
            columns.learn(column, names);
        }
    }
    asked
}

/// Asks for those that are left, one by one.
pub(super) fn ask_for<T: Floats>(
    session: &mut Session,
    names: &Names,
    kind: Kind,
    records: &mut [(T, Beside)],
    asked: &[Asked],
) -> Result<()> {
    let deepest = asked.iter().map(|one| one.at.path.len()).max();
    for depth in 0..deepest.map_or(0, |d| d + 1) {
        let level: Vec<&Asked> = asked
            .iter()
            .filter(|one| one.at.path.len() == depth)
            .collect();
        for part in level.chunks(AT_ONCE) {
            ask(session, names, kind, records, part, depth)?;
        }
    }
    Ok(())
}

/// Asks for doubles at one depth of lists, each at its own scale.
fn ask<T: Floats>(
    session: &mut Session,
    names: &Names,
    kind: Kind,
    records: &mut [(T, Beside)],
    asked: &[&Asked],
    depth: usize,
) -> Result<()> {
    let mut query = b"CYPHER q=[".to_vec();
    let scale = |one: &Asked| 60 - exponent(one.printed);
    for (number, one) in asked.iter().enumerate() {
        let (id, from) = records[one.record].0.place();
        let comma = if number > 0 { "," } else { "" };
        query.extend_from_slice(format!("{comma}[{number},{id},{from},").as_bytes());
        let name = names
            .keys
            .get(one.at.key as usize)
            .map(|name| name.as_bytes());
        cypher::write_text(&mut query, name.unwrap_or_default());
        let half = scale(one) / 2;
        for factor in [power(half), power(scale(one) - half)] {
            query.push(b',');
            cypher::write_float(&mut query, factor);
        }
        for step in &one.at.path {
            query.extend_from_slice(format!(",{step}").as_bytes());
        }
        query.push(b']');
    }
    query.extend_from_slice(match kind {
        Kind::Node => b"] UNWIND $q AS q MATCH (m) WHERE ID(m)=q[1] ".as_slice(),
        Kind::Relationship => {
            b"] UNWIND $q AS q MATCH (a)-[m]->() WHERE ID(a)=q[2] AND ID(m)=q[1] ".as_slice()
        }
    });
    let steps: String = (0..depth).map(|n| format!("[q[{}]]", n + 6)).collect();
    query.extend_from_slice(
        format!("RETURN q[0], toInteger((m[q[3]]{steps}*q[4])*q[5])").as_bytes(),
    );
    session.read(&query, |row| {
        let number = row.id()? as usize;
        let count = row.value()?;
        let one = asked
            .get(number)
            .ok_or_else(|| odd("an answer nobody asked for"))?;
        let Value::Int(count) = count else {
            // Changed meanwhile: whoever watches finds out.
            return Ok(());
        };
        if let Some(exact) = exact(count, scale(one), one.printed) {
            let held = records[one.record].0.held();
            held.packed.set_float(one.at.at, exact);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A double as servers print it.
    fn printed(value: f64) -> f64 {
        format!("{value:.14e}").parse().unwrap()
    }

    /// A double as servers count it.
    fn counted(value: f64, scale: i32) -> i64 {
        let half = scale / 2;
        ((value * power(half)) * power(scale - half)) as i64
    }

    proptest! {
        #[test]
        fn every_double_is_told_at_its_own_scale(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite() && value != 0.0);
            let scale = 60 - exponent(printed(value));
            let told = exact(counted(value, scale), scale, printed(value));
            prop_assert_eq!(told.map(f64::to_bits), Some(bits));
        }

        #[test]
        fn a_column_tells_the_double_or_nothing(bits in any::<u64>(), small in 0.0f64..2.0) {
            for value in [f64::from_bits(bits), small] {
                if !value.is_finite() || value == 0.0 {
                    continue;
                }
                let scale = scale_of(printed(value));
                if scale.abs() >= 1_000 {
                    continue;
                }
                let count = (value * power(scale)) as i64;
                let told = exact(count, scale, printed(value));
                prop_assert!(told.is_none_or(|t| t.to_bits() == value.to_bits()));
            }
        }
    }

    #[test]
    fn usual_values_are_told_by_the_usual_columns() {
        for value in [
            0.1 + 0.2,
            1.0,
            0.7,
            0.002,
            1.0 / 3.0,
            0.999_999_999_999_999_9,
        ] {
            assert_eq!(scale_of(printed(value)), USUAL_SCALE, "{value}");
            let count = (value * power(USUAL_SCALE)) as i64;
            assert_eq!(exact(count, USUAL_SCALE, printed(value)), Some(value));
        }
        assert_eq!(exponent(5e-324), -1074);
        assert_eq!(exponent(f64::MAX), 1023);
        assert_eq!(exponent(1.0), 0);
    }
}
