//! Writes a new export from a shelf of records in one go: what memorygraph sees as it
//! comes, the rest by way of a file without a name.

use super::index::{self, FORMAT, OURS};
use super::layout::line;
use super::snapshot::Picture;
use super::split::split;
use crate::error::{Error, ErrorKind, Result};
use crate::model::json::{self, Style};
use crate::model::time::Instant;
use crate::model::{Canon, Kind};
use crate::store::Snapshot;
use crate::store::protocol::building::Form;
use crate::store::protocol::file;
use crate::store::protocol::shelf::Shelf;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// An export file.
pub(super) struct Export;

impl Form for Export {
    const MAX_RECORD: Option<usize> = Some(super::snapshot::MAX_RECORD);

    fn write(&self, shelf: &Shelf, aside: &Path, origin: Option<&str>) -> Result<()> {
        let mut out = Output {
            out: BufWriter::with_capacity(256 << 10, file::create_private(aside)?),
            path: aside.to_owned(),
            canon: Canon::new(),
        };
        out.text("{\n  \"format_version\": \"2.0\",\n  \"export_version\": \"1.0\",\n")?;
        out.text(&format!(
            "  \"export_date\": \"{}\",\n  \"backend_type\": \"{OURS}\",\n",
            Instant::now().to_iso()
        ))?;
        let nodes = out.list("memories", shelf, Kind::Node)?;
        let relationships = out.list("relationships", shelf, Kind::Relationship)?;
        out.text(&format!(
            "  \"memory_count\": {},\n  \"relationship_count\": {},\n",
            nodes.plain, relationships.plain
        ))?;
        out.text(&format!("  \"{OURS}\": {{\n    \"format\": {FORMAT},\n"))?;
        if let Some(origin) = origin {
            let mut text = b"    \"origin\": ".to_vec();
            json::write_text(&mut text, origin.as_bytes(), Style::PYTHON);
            text.extend_from_slice(b",\n");
            out.bytes(&text)?;
        }
        out.ours("nodes", nodes)?;
        out.text(",\n")?;
        out.ours("relationships", relationships)?;
        out.text("\n  }\n}\n")?;
        out.flush()?;
        Ok(())
    }

    fn snapshot(&self, aside: &Path) -> Result<Box<dyn Snapshot>> {
        Ok(Box::new(Picture::open(index::open(aside)?, None)?))
    }

    fn clear(&self, aside: &Path) -> Result<()> {
        file::remove(aside).map(|_| ())
    }
}

/// What became of the records of a kind.
struct Written {
    /// How many memorygraph sees.
    plain: u64,
    /// The others, laid out, in a file without a name.
    ours: File,
    /// Whether there are any.
    any: bool,
}

struct Output {
    out: BufWriter<File>,
    path: PathBuf,
    canon: Canon,
}

impl Output {
    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.out.write_all(bytes);
        written.map_err(|cause| Error::io("write", &self.path, cause))
    }

    fn text(&mut self, text: &str) -> Result<()> {
        self.bytes(text.as_bytes())
    }

    fn flush(&mut self) -> Result<()> {
        let flushed = self.out.flush();
        flushed.map_err(|cause| Error::io("write", &self.path, cause))
    }

    /// Writes the list that memorygraph reads, keeping the rest for our section.
    fn list(&mut self, name: &str, shelf: &Shelf, kind: Kind) -> Result<Written> {
        let path = self.path.clone();
        let io = |cause| Error::io("write beside", &path, cause);
        let ours = tempfile::tempfile_in(file::folder_of(&path)).map_err(io)?;
        let mut spool = BufWriter::new(ours);
        let (mut plain, mut any) = (0, false);
        self.text(&format!("  \"{name}\": ["))?;
        let mut between = Vec::new();
        shelf.each(kind, &mut |_, record| {
            let element = split(&record, &mut self.canon).map_err(|problem| {
                Error::new(
                    ErrorKind::Unsupported,
                    format!("a record cannot be written as JSON: {problem}"),
                )
                .with("id", record.key().display())
            })?;
            between.clear();
            if element.plain {
                line(&mut between, plain > 0, 2);
                plain += 1;
                self.bytes(&between)?;
                return self.bytes(&element.text);
            }
            line(&mut between, any, 3);
            any = true;
            spool.write_all(&between).map_err(io)?;
            spool.write_all(&element.text).map_err(io)
        })?;
        self.text(if plain > 0 { "\n  ],\n" } else { "],\n" })?;
        let ours = spool.into_inner().map_err(|e| io(e.into_error()))?;
        Ok(Written { plain, ours, any })
    }

    /// Writes a list of our section.
    fn ours(&mut self, name: &str, written: Written) -> Result<()> {
        use std::io::{Seek as _, SeekFrom};
        let mut spool = written.ours;
        self.text(&format!("    \"{name}\": ["))?;
        let copied = spool
            .seek(SeekFrom::Start(0))
            .and_then(|_| std::io::copy(&mut spool, &mut self.out));
        copied.map_err(|cause| Error::io("write", &self.path, cause))?;
        self.text(if written.any { "\n    ]" } else { "]" })
    }
}
