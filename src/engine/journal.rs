//! The undo journal: what was in the target before each batch, durable before the
//! batch is. One entry a batch: its length, number, content, BLAKE3 and its length once
//! more, so that it can be read backwards. An entry at the end that is not whole was
//! never acted upon; one that was, and is damaged, is told.

use super::home::open_private;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Digest, Key, Kind, Map, Node, Properties, Record, Relationship, Row};
use crate::store::Change;
use crate::store::protocol::line;
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 16] = b"memferry undo  \n";
const HEAD: u64 = 20;

/// What stands before the content of an entry: its length and number.
const HEADING: usize = 4 + 8;

/// What an entry has beside its content: length, number, hash, length.
const FRAME: u64 = HEADING as u64 + 32 + 4;

/// Longest entry that is read: a batch of 4 MiB, or one record with its former self.
const MOST: u32 = 1 << 30;

/// Appends to a journal.
pub struct Journal {
    file: File,
    path: PathBuf,
    last: u64,
    end: u64,
    /// Where the last entry begins, and the number before it.
    before: (u64, u64),
}

/// What one record was before a batch, and what the batch made of it.
#[derive(Clone, Debug)]
pub struct Undo {
    /// Kind of the record.
    pub kind: Kind,
    /// Its key.
    pub key: Key,
    /// As it was; `None`: absent.
    pub before: Option<Record>,
    /// The digest it was given; `None`: removed.
    pub after: Option<Digest>,
}

impl Undo {
    /// The change that takes it back.
    pub fn change(&self) -> Change {
        Change {
            kind: self.kind,
            key: self.key.clone(),
            before: self.after,
            after: self.before.clone(),
        }
    }
}

impl Journal {
    /// Opens the journal at that path, made if need be. An entry at the end that is not
    /// whole is cut off; `acknowledged` is the last that must be there.
    pub fn open(path: &Path, acknowledged: u64) -> Result<Self> {
        let wrap = |e| Error::io("write", path, e);
        let mut file = open_private(path)?;
        let length = file.metadata().map_err(wrap)?.len();
        let (mut end, mut last) = (HEAD, 0);
        if length < HEAD && acknowledged == 0 {
            file.set_len(0).map_err(wrap)?;
            file.write_all(MAGIC).map_err(wrap)?;
            file.write_all(&super::checkpoint::VERSION.to_be_bytes())
                .map_err(wrap)?;
        } else {
            (end, last) = JournalReader::open(path, acknowledged)?.end()?;
            file.set_len(end).map_err(wrap)?;
        }
        file.seek(SeekFrom::Start(end)).map_err(wrap)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            last,
            end,
            before: (end, last),
        })
    }

    /// Empties it: nothing of what it says is in the target.
    pub fn clear(&mut self) -> Result<()> {
        self.cut(HEAD, 0)
    }

    /// Takes the last entry out again: nothing of it was done.
    pub fn retract(&mut self) -> Result<()> {
        self.cut(self.before.0, self.before.1)
    }

    fn cut(&mut self, end: u64, last: u64) -> Result<()> {
        let wrap = |e| Error::io("write", &self.path, e);
        self.file.set_len(end).map_err(wrap)?;
        self.file.seek(SeekFrom::Start(end)).map_err(wrap)?;
        (self.end, self.last, self.before) = (end, last, (end, last));
        Ok(())
    }

    /// Number of the last entry; 0 if there is none.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Appends an entry; durable only after [`Journal::sync`].
    pub fn append(&mut self, seq: u64, entry: Entry) -> Result<()> {
        let Entry(mut entry) = entry;
        let length = u32::try_from(entry.len() - HEADING)
            .ok()
            .filter(|l| *l <= MOST)
            .ok_or_else(|| Error::internal("a batch is too large to be journalled"))?;
        entry[..4].copy_from_slice(&length.to_be_bytes());
        entry[4..HEADING].copy_from_slice(&seq.to_be_bytes());
        let hash = blake3::hash(&entry);
        entry.extend_from_slice(hash.as_bytes());
        entry.extend_from_slice(&length.to_be_bytes());
        self.before = (self.end, self.last);
        let written = self.file.write_all(&entry);
        written.map_err(|e| Error::io("write", &self.path, e))?;
        self.end += entry.len() as u64;
        self.last = seq;
        Ok(())
    }

    /// Makes it durable.
    pub fn sync(&self) -> Result<()> {
        self.file
            .sync_data()
            .map_err(|e| Error::io("write", &self.path, e))
    }
}

/// What an entry says, made before it has a number.
pub struct Entry(Vec<u8>);

impl Entry {
    /// Of records as they were (`None`: absent), each with the digest that it is given
    /// (`None`: removed).
    pub fn of<'a>(
        undos: impl IntoIterator<Item = (Kind, &'a Key, Option<&'a Record>, Option<Digest>)>,
    ) -> Result<Self> {
        let mut entry = vec![0; HEADING];
        for (kind, key, before, after) in undos {
            write_undo(&mut entry, (kind, key), before, after)?;
        }
        Ok(Self(entry))
    }
}

fn write_undo(
    out: &mut Vec<u8>,
    (kind, key): (Kind, &Key),
    before: Option<&Record>,
    after: Option<Digest>,
) -> Result<()> {
    match after {
        None => out.push(0),
        Some(after) => {
            out.push(1);
            out.extend_from_slice(&after.core);
            out.extend_from_slice(&after.row.unwrap_or_default());
        }
    }
    out.push(u8::from(before.is_some()));
    let bare;
    let record = match before {
        Some(record) => record,
        None => {
            bare = bare_record(kind, key);
            &bare
        }
    };
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    line::encode(out, record, None).map_err(|why| {
        Error::new(
            ErrorKind::TooLarge,
            format!("a record cannot be journalled: {why}"),
        )
    })?;
    let length = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// A record with nothing but its key.
fn bare_record(kind: Kind, key: &Key) -> Record {
    let (key, properties, row) = (key.clone(), Properties::Typed(Map::new()), Row::default());
    match kind {
        Kind::Node => Record::Node(Node {
            key,
            labels: Vec::new(),
            properties,
            row,
        }),
        Kind::Relationship => Record::Relationship(Relationship {
            from: key.clone(),
            to: key.clone(),
            rel_type: "".into(),
            key,
            properties,
            row,
        }),
    }
}

fn read_undo(bytes: &mut &[u8]) -> Option<Undo> {
    fn take<'a>(bytes: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
        let (head, rest) = bytes.split_at_checked(n)?;
        *bytes = rest;
        Some(head)
    }
    let after = match take(bytes, 1)?[0] {
        0 => None,
        _ => {
            let core = take(bytes, 32)?.try_into().ok()?;
            let row: [u8; 16] = take(bytes, 16)?.try_into().ok()?;
            let row = (row != [0; 16]).then_some(row);
            Some(Digest { core, row })
        }
    };
    let had = take(bytes, 1)?[0] == 1;
    let length = u32::from_be_bytes(take(bytes, 4)?.try_into().ok()?);
    let line = take(bytes, length as usize)?.strip_suffix(b"\n")?;
    let record = line::decode(line).ok()?;
    Some(Undo {
        kind: record.kind(),
        key: record.key().clone(),
        before: had.then_some(record),
        after,
    })
}

/// Reads a journal, from its start or backwards from its end.
pub struct JournalReader {
    file: BufReader<File>,
    path: PathBuf,
    length: u64,
    at: u64,
    acknowledged: u64,
}

impl JournalReader {
    /// Opens one; another version is refused. `acknowledged` is the last entry that must
    /// be whole.
    pub fn open(path: &Path, acknowledged: u64) -> Result<Self> {
        let wrap = |e| Error::io("read", path, e);
        let file = File::open(path).map_err(wrap)?;
        let length = file.metadata().map_err(wrap)?.len();
        let mut reader = Self {
            file: BufReader::new(file),
            path: path.to_owned(),
            length,
            at: HEAD,
            acknowledged,
        };
        let mut head = [0; HEAD as usize];
        if length < HEAD {
            return Err(reader.damaged());
        }
        reader.file.read_exact(&mut head).map_err(wrap)?;
        if head[..16] != *MAGIC {
            return Err(reader.damaged());
        }
        if head[16..] != super::checkpoint::VERSION.to_be_bytes() {
            return Err(Error::new(
                ErrorKind::UnknownLayout,
                format!("{} is not an undo journal of this version", path.display()),
            )
            .remedy("Roll back with the memferry that wrote it."));
        }
        Ok(reader)
    }

    fn damaged(&self) -> Error {
        Error::new(
            ErrorKind::Corrupt,
            format!("the undo journal {} is damaged", self.path.display()),
        )
        .remedy(
            "What this run wrote cannot be taken back from it; restore the target from its backup.",
        )
    }

    /// Where the last whole entry ends, and its number: all entries are read and checked.
    pub fn end(&mut self) -> Result<(u64, u64)> {
        let mut last = 0;
        while let Some((seq, _)) = self.next()? {
            last = seq;
        }
        match last < self.acknowledged {
            true => Err(self.damaged()),
            false => Ok((self.at, last)),
        }
    }

    /// From here on, [`JournalReader::previous`] reads from the last whole entry.
    pub fn at_end(mut self) -> Result<Self> {
        self.end()?;
        Ok(self)
    }

    /// The entry before, with its number; `None` at the start.
    pub fn previous(&mut self) -> Result<Option<(u64, Vec<Undo>)>> {
        if self.at <= HEAD {
            return Ok(None);
        }
        let end = self.at;
        let wrap = |e| Error::io("read", &self.path, e);
        self.file.seek(SeekFrom::Start(end - 4)).map_err(wrap)?;
        let mut length = [0; 4];
        self.file.read_exact(&mut length).map_err(wrap)?;
        let start = end.checked_sub(FRAME + u64::from(u32::from_be_bytes(length)));
        let start = start.filter(|start| *start >= HEAD);
        let start = start.ok_or_else(|| self.damaged())?;
        let wrap = |e| Error::io("read", &self.path, e);
        self.file.seek(SeekFrom::Start(start)).map_err(wrap)?;
        self.at = start;
        let entry = self.next()?.ok_or_else(|| self.damaged())?;
        self.at = start;
        Ok(Some(entry))
    }

    /// The next entry with its number; `None` at the end, or at an entry that is not
    /// whole.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<(u64, Vec<Undo>)>> {
        let wrap = |e| Error::io("read", &self.path, e);
        let left = self.length - self.at;
        let mut head = [0; 12];
        if left < FRAME {
            return Ok(None);
        }
        self.file.read_exact(&mut head).map_err(wrap)?;
        let mut length = [0; 4];
        length.copy_from_slice(&head[..4]);
        let length = u32::from_be_bytes(length);
        if length > MOST || u64::from(length) + FRAME > left {
            return Ok(None);
        }
        let mut body = vec![0; length as usize + 36];
        self.file.read_exact(&mut body).map_err(wrap)?;
        let (body, end) = body.split_at(length as usize);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&head).update(body);
        if hasher.finalize().as_bytes()[..] != end[..32] || end[32..] != head[..4] {
            return Ok(None);
        }
        let mut seq = [0; 8];
        seq.copy_from_slice(&head[4..]);
        let mut undos = Vec::new();
        let mut rest = body;
        while !rest.is_empty() {
            match read_undo(&mut rest) {
                Some(undo) => undos.push(undo),
                None => return Err(self.damaged()),
            }
        }
        self.at += FRAME + u64::from(length);
        Ok(Some((u64::from_be_bytes(seq), undos)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;

    fn undo(n: i64) -> Undo {
        let digest = Digest {
            core: [n as u8; 32],
            row: None,
        };
        Undo {
            kind: Kind::Node,
            key: Key::Id(Value::Int(n)),
            before: (n % 2 == 0).then(|| bare_record(Kind::Node, &Key::Id(Value::Int(n)))),
            after: (n % 3 > 0).then_some(digest),
        }
    }

    fn entry(undos: &[Undo]) -> Entry {
        let each = undos.iter();
        Entry::of(each.map(|u| (u.kind, &u.key, u.before.as_ref(), u.after))).unwrap()
    }

    fn numbers(reader: &mut JournalReader) -> Vec<(u64, usize)> {
        let mut out = Vec::new();
        while let Some((seq, undos)) = reader.previous().unwrap() {
            out.push((seq, undos.len()));
        }
        out
    }

    #[test]
    fn read_backwards_and_cut_where_it_is_torn() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("undo.journal");
        let mut journal = Journal::open(&path, 0).unwrap();
        let undos: Vec<_> = (0..6).map(undo).collect();
        for seq in 1..=4 {
            journal.append(seq, entry(&undos[..seq as usize])).unwrap();
        }
        journal.retract().unwrap();
        journal.append(5, entry(&undos)).unwrap();
        journal.sync().unwrap();
        let whole = std::fs::read(&path).unwrap();
        let read = |acknowledged| JournalReader::open(&path, acknowledged)?.at_end();
        assert_eq!(
            numbers(&mut read(5).unwrap()),
            [(5, 6), (3, 3), (2, 2), (1, 1)]
        );
        assert!(read(6).is_err());

        for cut in [1, 40, 200] {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            assert_eq!(read(5).err().map(|e| e.kind()), Some(ErrorKind::Corrupt));
            let journal = Journal::open(&path, 3).unwrap();
            assert_eq!(journal.last(), 3);
            assert_eq!(numbers(&mut read(3).unwrap()).len(), 3);
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            std::fs::write(&path, &damaged).unwrap();
            assert!(read(5).is_err(), "a flipped byte at {at} passes");
            assert!(Journal::open(&path, 5).is_err());
        }
    }
}
