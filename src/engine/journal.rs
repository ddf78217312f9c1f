//! The undo journal: what was in the target before each batch, durable before the
//! batch is. One entry a batch: its length, number, content and BLAKE3. An entry that
//! is not whole was never acted upon.

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

/// Longest entry that is read: a batch of 4 MiB, or one record with its former self.
const MOST: u32 = 1 << 30;

/// Appends to a journal.
pub struct Journal {
    file: File,
    path: PathBuf,
    last: u64,
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
    /// Opens the journal at that path, made if need be. An entry that is not whole is
    /// cut off.
    pub fn open(path: &Path) -> Result<Self> {
        let wrap = |e| Error::io("write", path, e);
        let mut file = open_private(path)?;
        let length = file.metadata().map_err(wrap)?.len();
        let (mut end, mut last) = (HEAD, 0);
        if length < HEAD {
            file.set_len(0).map_err(wrap)?;
            file.write_all(MAGIC).map_err(wrap)?;
            file.write_all(&super::checkpoint::VERSION.to_be_bytes())
                .map_err(wrap)?;
        } else {
            let mut reader = JournalReader::open(path)?;
            while let Some((seq, _)) = reader.next()? {
                (end, last) = (reader.at, seq);
            }
            file.set_len(end).map_err(wrap)?;
        }
        file.seek(SeekFrom::Start(end)).map_err(wrap)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            last,
        })
    }

    /// Empties it: nothing of what it says is in the target.
    pub fn clear(&mut self) -> Result<()> {
        let wrap = |e| Error::io("write", &self.path, e);
        self.file.set_len(HEAD).map_err(wrap)?;
        self.file.seek(SeekFrom::Start(HEAD)).map_err(wrap)?;
        self.last = 0;
        Ok(())
    }

    /// Number of the last entry; 0 if there is none.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Appends an entry; durable only after [`Journal::sync`].
    pub fn append(&mut self, seq: u64, undos: &[Undo]) -> Result<()> {
        let mut body = Vec::new();
        for undo in undos {
            write_undo(&mut body, undo)?;
        }
        let length = u32::try_from(body.len())
            .ok()
            .filter(|l| *l <= MOST)
            .ok_or_else(|| Error::internal("a batch is too large to be journalled"))?;
        let mut entry = Vec::with_capacity(body.len() + 44);
        entry.extend_from_slice(&length.to_be_bytes());
        entry.extend_from_slice(&seq.to_be_bytes());
        entry.extend_from_slice(&body);
        let hash = blake3::hash(&entry);
        entry.extend_from_slice(hash.as_bytes());
        self.file
            .write_all(&entry)
            .map_err(|e| Error::io("write", &self.path, e))?;
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

fn write_undo(out: &mut Vec<u8>, undo: &Undo) -> Result<()> {
    match &undo.after {
        None => out.push(0),
        Some(after) => {
            out.push(1);
            out.extend_from_slice(&after.core);
            out.extend_from_slice(&after.row.unwrap_or_default());
        }
    }
    out.push(u8::from(undo.before.is_some()));
    let bare;
    let record = match &undo.before {
        Some(record) => record,
        None => {
            bare = bare_record(undo.kind, &undo.key);
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
    let line = take(bytes, length as usize)?;
    let record = line::decode(line.strip_suffix(b"\n")?).ok()?;
    Some(Undo {
        kind: record.kind(),
        key: record.key().clone(),
        before: had.then_some(record),
        after,
    })
}

/// Reads a journal from its start.
pub struct JournalReader {
    file: BufReader<File>,
    path: PathBuf,
    length: u64,
    at: u64,
}

impl JournalReader {
    /// Opens one; another version is refused.
    pub fn open(path: &Path) -> Result<Self> {
        let wrap = |e| Error::io("read", path, e);
        let file = File::open(path).map_err(wrap)?;
        let length = file.metadata().map_err(wrap)?.len();
        let mut file = BufReader::new(file);
        let mut head = [0; HEAD as usize];
        file.read_exact(&mut head).map_err(wrap)?;
        if head[..16] != *MAGIC || head[16..] != super::checkpoint::VERSION.to_be_bytes() {
            return Err(Error::new(
                ErrorKind::UnknownLayout,
                format!("{} is not an undo journal of this version", path.display()),
            )
            .remedy("Roll back with the memferry that wrote it."));
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            length,
            at: HEAD,
        })
    }

    /// Where each whole entry begins, from the first.
    pub fn places(&mut self) -> Result<Vec<u64>> {
        let mut places = Vec::new();
        loop {
            let at = self.at;
            match self.next()? {
                Some(_) => places.push(at),
                None => return Ok(places),
            }
        }
    }

    /// The entry that begins there.
    pub fn entry(&mut self, place: u64) -> Result<Option<(u64, Vec<Undo>)>> {
        self.file
            .seek(SeekFrom::Start(place))
            .map_err(|e| Error::io("read", &self.path, e))?;
        self.at = place;
        self.next()
    }

    /// The next entry with its number; `None` at the end, or at an entry that is not
    /// whole.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<(u64, Vec<Undo>)>> {
        let wrap = |e| Error::io("read", &self.path, e);
        let left = self.length - self.at;
        let mut head = [0; 12];
        if left < 12 + 32 {
            return Ok(None);
        }
        self.file.read_exact(&mut head).map_err(wrap)?;
        let mut length = [0; 4];
        length.copy_from_slice(&head[..4]);
        let length = u32::from_be_bytes(length);
        if length > MOST || u64::from(length) + 44 > left {
            return Ok(None);
        }
        let mut body = vec![0; length as usize + 32];
        self.file.read_exact(&mut body).map_err(wrap)?;
        let (body, hash) = body.split_at(length as usize);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&head).update(body);
        if hasher.finalize().as_bytes() != hash {
            return Ok(None);
        }
        let mut seq = [0; 8];
        seq.copy_from_slice(&head[4..]);
        let mut undos = Vec::new();
        let mut rest = body;
        while !rest.is_empty() {
            match read_undo(&mut rest) {
                Some(undo) => undos.push(undo),
                None => {
                    return Err(Error::new(
                        ErrorKind::Corrupt,
                        format!("{} cannot be read", self.path.display()),
                    )
                    .remedy("Restore the target from its backup."));
                }
            }
        }
        self.at += 44 + u64::from(length);
        Ok(Some((u64::from_be_bytes(seq), undos)))
    }
}
