//! What a Redis database file (RDB) says of itself, read without a server: who wrote
//! it, which graphs and other keys are in it, in which version of the graph module's
//! format, and whether its checksum holds. Nothing is unpacked but short names, so
//! memory stays bounded. Format: `rdb.h` and `rdb.c` of Redis, up to version 15.

use crate::error::{Error, ErrorKind, Result};
use std::io::{self, Read};

/// The name of the module's type, in 54 of the 64 bits of a module's number; the
/// others are the version of its encoding.
const GRAPH_TYPE: &str = "graphdata";

/// Longest name that is kept; longer ones are cut.
const MAX_NAME: usize = 1 << 10;

/// Most keys that are kept by name.
const MAX_KEYS: usize = 1_000;

/// What is in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rdb {
    /// Version of the file format.
    pub version: u32,
    /// Version of the Redis that wrote it, if it says so.
    pub redis: Option<String>,
    /// When it was written, in seconds since 1970.
    pub written_at: Option<i64>,
    /// Versions of the graph module's encoding in it; the highest counts.
    pub graph_format: Option<u32>,
    /// Graphs, by name, in the order of the file.
    pub graphs: Vec<String>,
    /// Names of other keys.
    pub others: Vec<String>,
    /// Whether everything was understood; if not, keys may be missing above.
    pub whole: bool,
    /// Whether a checksum is in the file and holds.
    pub checked: bool,
}

/// Reads only the start of a file: who wrote it. `NotThisStore` if it is no such file.
pub fn read_start(file: impl Read) -> Result<Rdb> {
    let (_, rdb) = begin(file)?;
    Ok(rdb)
}

/// Reads a file through. `Corrupt` if the checksum does not hold or it ends too early,
/// `NotThisStore` if it is no such file.
pub fn read(file: impl Read) -> Result<Rdb> {
    let (mut reader, mut rdb) = begin(file)?;
    match reader.walk(&mut rdb) {
        Ok(()) => rdb.whole = true,
        Err(Stop::Unknown) => {}
        Err(Stop::Short) => return Err(cut_short()),
        Err(Stop::Io(cause)) => return Err(unreadable(cause)),
    }
    rdb.checked = reader.checksum(&rdb)?;
    Ok(rdb)
}

fn begin<R: Read>(file: R) -> Result<(Reader<R>, Rdb)> {
    let mut reader = Reader::new(file);
    let mut rdb = Rdb::default();
    let begun = reader.header(&mut rdb).and_then(|ours| match ours {
        true => reader.about(&mut rdb).map(|()| true),
        false => Ok(false),
    });
    match begun {
        Ok(true) => Ok((reader, rdb)),
        Ok(false) => Err(Error::new(
            ErrorKind::NotThisStore,
            "it is no Redis database file",
        )),
        Err(Stop::Io(cause)) => Err(unreadable(cause)),
        // What cannot be understood behind the header is met again by whoever reads on.
        Err(_) => Err(cut_short()),
    }
}

fn unreadable(cause: io::Error) -> Error {
    Error::new(ErrorKind::Io, "it cannot be read to its end").because(cause)
}

fn cut_short() -> Error {
    Error::new(ErrorKind::Corrupt, "it ends too early")
}

/// Why the walk ended before the end of the file.
enum Stop {
    /// Something this reader does not know.
    Unknown,
    /// The file is shorter than what it says.
    Short,
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::UnexpectedEof => Self::Short,
            _ => Self::Io(cause),
        }
    }
}

type Walk<T> = std::result::Result<T, Stop>;

static CRC: crc::Crc<u64, crc::Table<16>> =
    crc::Crc::<u64, crc::Table<16>>::new(&crc::CRC_64_REDIS);

/// Opcodes between keys.
mod op {
    pub const SLOT_INFO: u8 = 0xF4;
    pub const FUNCTION: u8 = 0xF5;
    pub const MODULE_AUX: u8 = 0xF7;
    pub const IDLE: u8 = 0xF8;
    pub const FREQUENCY: u8 = 0xF9;
    pub const AUX: u8 = 0xFA;
    pub const RESIZE: u8 = 0xFB;
    pub const EXPIRE_MS: u8 = 0xFC;
    pub const EXPIRE: u8 = 0xFD;
    pub const SELECT: u8 = 0xFE;
    pub const END: u8 = 0xFF;
}

/// A length, or how what follows is encoded.
enum Length {
    Plain(u64),
    Encoded(u8),
}

struct Reader<R> {
    file: io::BufReader<R>,
    digest: crc::Digest<'static, u64, crc::Table<16>>,
}

impl<R: Read> Reader<R> {
    fn new(file: R) -> Self {
        Self {
            file: io::BufReader::with_capacity(64 << 10, file),
            digest: CRC.digest(),
        }
    }

    fn take(&mut self, into: &mut [u8]) -> Walk<()> {
        self.file.read_exact(into)?;
        self.digest.update(into);
        Ok(())
    }

    fn byte(&mut self) -> Walk<u8> {
        let mut one = [0];
        self.take(&mut one)?;
        Ok(one[0])
    }

    fn skip(&mut self, mut bytes: u64) -> Walk<()> {
        let mut buffer = [0; 8 << 10];
        while bytes > 0 {
            let now = buffer
                .len()
                .min(usize::try_from(bytes).unwrap_or(usize::MAX));
            self.take(&mut buffer[..now])?;
            bytes -= now as u64;
        }
        Ok(())
    }

    fn header(&mut self, rdb: &mut Rdb) -> Walk<bool> {
        let mut start = [0; 9];
        let mut seen = 0;
        while seen < start.len() {
            match self.file.read(&mut start[seen..])? {
                0 => break,
                n => seen += n,
            }
        }
        let magic = b"REDIS";
        let whole = seen == start.len();
        if !magic.starts_with(&start[..seen.min(magic.len())]) || seen == 0 {
            return Ok(false);
        }
        if !whole {
            return Err(Stop::Short);
        }
        self.digest.update(&start);
        let digits = std::str::from_utf8(&start[magic.len()..]).ok();
        match digits.and_then(|d| d.parse().ok()) {
            Some(version) => rdb.version = version,
            None => return Ok(false),
        }
        Ok(true)
    }

    /// What the file says of itself before its content.
    fn about(&mut self, rdb: &mut Rdb) -> Walk<()> {
        use std::io::BufRead as _;
        while self.file.fill_buf()?.first() == Some(&op::AUX) {
            self.byte()?;
            self.aux(rdb)?;
        }
        Ok(())
    }

    fn walk(&mut self, rdb: &mut Rdb) -> Walk<()> {
        loop {
            match self.byte()? {
                op::END => return Ok(()),
                op::AUX => self.aux(rdb)?,
                op::MODULE_AUX => {
                    let id = self.plain()?;
                    rdb.saw_module(id);
                    self.module_values()?;
                }
                op::SELECT | op::IDLE => drop(self.plain()?),
                op::RESIZE => self.lengths(2)?,
                op::SLOT_INFO => self.lengths(3)?,
                op::FREQUENCY => self.skip(1)?,
                op::EXPIRE => self.skip(4)?,
                op::EXPIRE_MS => self.skip(8)?,
                op::FUNCTION => self.skip_text()?,
                0xF0.. => return Err(Stop::Unknown),
                kind => {
                    let name = self.text()?;
                    let graph = self.value(kind, rdb)?;
                    rdb.saw_key(&name, graph);
                }
            }
        }
    }

    fn aux(&mut self, rdb: &mut Rdb) -> Walk<()> {
        let name = self.text()?;
        let value = String::from_utf8_lossy(&self.text()?).into_owned();
        match name.as_slice() {
            b"redis-ver" => rdb.redis = Some(value),
            b"ctime" => rdb.written_at = value.parse().ok(),
            _ => {}
        }
        Ok(())
    }

    /// Passes over a value; tells whether it is a graph.
    fn value(&mut self, kind: u8, rdb: &mut Rdb) -> Walk<bool> {
        match kind {
            // A string; a ziplist, intset, zipmap or listpack in one.
            0 | 9..=13 | 16 | 17 | 20 => self.skip_text()?,
            // Lists and sets, and lists of ziplists.
            1 | 2 | 14 => self.each(Self::skip_text)?,
            3 => self.each(|r| {
                r.skip_text()?;
                match r.byte()? {
                    253..=255 => Ok(()),
                    length => r.skip(u64::from(length)),
                }
            })?,
            4 => self.each(|r| r.texts(2))?,
            5 => self.each(|r| {
                r.skip_text()?;
                r.skip(8)
            })?,
            7 => {
                let id = self.plain()?;
                let graph = rdb.saw_module(id);
                self.module_values()?;
                return Ok(graph);
            }
            15 | 19 | 21 => self.stream(kind)?,
            18 => self.each(|r| {
                r.plain()?;
                r.skip_text()
            })?,
            _ => return Err(Stop::Unknown),
        }
        Ok(false)
    }

    fn each(&mut self, one: impl Fn(&mut Self) -> Walk<()>) -> Walk<()> {
        for _ in 0..self.plain()? {
            one(self)?;
        }
        Ok(())
    }

    fn texts(&mut self, many: u32) -> Walk<()> {
        (0..many).try_for_each(|_| self.skip_text())
    }

    fn lengths(&mut self, many: u32) -> Walk<()> {
        (0..many).try_for_each(|_| self.plain().map(drop))
    }

    /// A stream, of which the telemetry of the graph module is one.
    fn stream(&mut self, kind: u8) -> Walk<()> {
        self.each(|r| r.texts(2))?;
        self.lengths(if kind == 15 { 3 } else { 8 })?;
        self.each(|r| {
            r.skip_text()?;
            r.lengths(if kind == 15 { 2 } else { 3 })?;
            r.each(|r| {
                r.skip(24)?;
                r.lengths(1)
            })?;
            r.each(|r| {
                r.skip_text()?;
                r.skip(if kind == 21 { 16 } else { 8 })?;
                r.each(|r| r.skip(16))
            })
        })
    }

    /// What a module wrote, up to its end mark.
    fn module_values(&mut self) -> Walk<()> {
        loop {
            match self.plain()? {
                0 => return Ok(()),
                1 | 2 => self.lengths(1)?,
                3 => self.skip(4)?,
                4 => self.skip(8)?,
                5 => self.skip_text()?,
                _ => return Err(Stop::Unknown),
            }
        }
    }

    fn length(&mut self) -> Walk<Length> {
        let first = self.byte()?;
        Ok(match first >> 6 {
            0 => Length::Plain(u64::from(first & 0x3F)),
            1 => Length::Plain(u64::from(first & 0x3F) << 8 | u64::from(self.byte()?)),
            2 => {
                let bytes = match first {
                    0x80 => 4,
                    0x81 => 8,
                    _ => return Err(Stop::Unknown),
                };
                let mut number = 0;
                for _ in 0..bytes {
                    number = number << 8 | u64::from(self.byte()?);
                }
                Length::Plain(number)
            }
            _ => Length::Encoded(first & 0x3F),
        })
    }

    fn plain(&mut self) -> Walk<u64> {
        match self.length()? {
            Length::Plain(n) => Ok(n),
            Length::Encoded(_) => Err(Stop::Unknown),
        }
    }

    fn skip_text(&mut self) -> Walk<()> {
        match self.length()? {
            Length::Plain(n) => self.skip(n),
            Length::Encoded(0) => self.skip(1),
            Length::Encoded(1) => self.skip(2),
            Length::Encoded(2) => self.skip(4),
            Length::Encoded(3) => {
                let packed = self.plain()?;
                self.plain()?;
                self.skip(packed)
            }
            Length::Encoded(_) => Err(Stop::Unknown),
        }
    }

    /// A name, cut if it is long.
    fn text(&mut self) -> Walk<Vec<u8>> {
        Ok(match self.length()? {
            Length::Plain(n) => self.start_of(n)?,
            Length::Encoded(0) => {
                let [b] = self.some()?;
                i8::from_le_bytes([b]).to_string().into_bytes()
            }
            Length::Encoded(1) => i16::from_le_bytes(self.some()?).to_string().into_bytes(),
            Length::Encoded(2) => i32::from_le_bytes(self.some()?).to_string().into_bytes(),
            Length::Encoded(3) => {
                let packed = self.plain()?;
                self.plain()?;
                unpack(&self.start_of(packed)?)
            }
            Length::Encoded(_) => return Err(Stop::Unknown),
        })
    }

    fn some<const N: usize>(&mut self) -> Walk<[u8; N]> {
        let mut bytes = [0; N];
        self.take(&mut bytes)?;
        Ok(bytes)
    }

    fn start_of(&mut self, length: u64) -> Walk<Vec<u8>> {
        let kept = length.min(MAX_NAME as u64);
        let mut bytes = vec![0; usize::try_from(kept).unwrap_or(MAX_NAME)];
        self.take(&mut bytes)?;
        self.skip(length - kept)?;
        Ok(bytes)
    }

    /// Whether what was read, or else the whole file, has the checksum behind it.
    fn checksum(mut self, rdb: &Rdb) -> Result<bool> {
        // Old files have none.
        if rdb.version < 5 {
            return Ok(false);
        }
        let mut tail = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        // Like Redis, which looks at nothing behind the end.
        while !(rdb.whole && tail.len() >= 8) {
            match self.file.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => {
                    tail.extend_from_slice(&buffer[..n]);
                    let ready = match rdb.whole {
                        true => 0,
                        false => tail.len().saturating_sub(8),
                    };
                    self.digest.update(&tail[..ready]);
                    tail.drain(..ready);
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(unreadable(cause)),
            }
        }
        let Some(stored) = tail.first_chunk::<8>().copied() else {
            return Err(cut_short());
        };
        match u64::from_le_bytes(stored) {
            // Written with checksums turned off.
            0 => Ok(false),
            stored if stored == self.digest.finalize() => Ok(true),
            _ => Err(Error::new(
                ErrorKind::Corrupt,
                "its content does not fit its checksum",
            )),
        }
    }
}

impl Rdb {
    /// Takes note of a module's value; tells whether it is a graph.
    fn saw_module(&mut self, id: u64) -> bool {
        let graph = module_name(id) == GRAPH_TYPE;
        if graph {
            let format = (id & 0x3FF) as u32;
            self.graph_format = Some(self.graph_format.map_or(format, |f| f.max(format)));
        }
        graph
    }

    fn saw_key(&mut self, name: &[u8], graph: bool) {
        let names = match graph {
            true => &mut self.graphs,
            false => &mut self.others,
        };
        if names.len() < MAX_KEYS {
            names.push(String::from_utf8_lossy(name).into_owned());
        }
    }
}

/// Nine characters of six bits each, above the ten bits of the version.
fn module_name(id: u64) -> String {
    const CHARACTERS: &[u8; 64] =
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..9)
        .map(|n| CHARACTERS[(id >> (58 - 6 * n) & 0x3F) as usize] as char)
        .collect()
}

/// Unpacks LZF as far as it goes: names only, so what is damaged is merely cut.
fn unpack(packed: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    let mut bytes = packed.iter().copied();
    while out.len() < MAX_NAME {
        let Some(control) = bytes.next() else { break };
        if control < 32 {
            out.extend(bytes.by_ref().take(usize::from(control) + 1));
            continue;
        }
        let mut length = usize::from(control >> 5);
        if length == 7 {
            length += usize::from(bytes.next().unwrap_or(0));
        }
        let back = usize::from(control & 0x1F) << 8 | usize::from(bytes.next().unwrap_or(0));
        let Some(start) = out.len().checked_sub(back + 1) else {
            break;
        };
        for at in start..start + length + 2 {
            out.push(out[at]);
        }
    }
    out
}

#[cfg(test)]
mod tests;
