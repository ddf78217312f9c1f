//! The report as one JSON document, and its reader. Whatever would act in a terminal
//! stands there as `\u…`, which is the same JSON: piping it to a screen is safe.

use super::inert::is_hidden;
use super::{Report, VERSION};
use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};
use std::io::{self, Write};

/// The report, indented, with a line feed at the end.
pub fn render(report: &Report) -> Result<String> {
    document(report)
}

/// Any value as an indented document with a line feed at the end.
pub fn document<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    let mut text = written(value, PrettyFormatter::new())?;
    text.push('\n');
    Ok(text)
}

/// Any value on one line, without a line feed.
pub fn line<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    written(value, CompactFormatter)
}

/// Reads a report that any earlier memferry, or this one, wrote.
pub fn read(text: &str) -> Result<Report> {
    #[derive(Deserialize)]
    struct Version {
        version: Option<u64>,
    }
    let version: Version = serde_json::from_str(text).map_err(not_a_report)?;
    match version.version {
        Some(version) if version > u64::from(VERSION) => Err(Error::new(
            ErrorKind::UnknownLayout,
            format!("the report has version {version}; this memferry reads up to {VERSION}"),
        )
        .remedy("Use the memferry that wrote it, or a newer one.")),
        Some(_) => serde_json::from_str(text).map_err(not_a_report),
        None => Err(Error::new(
            ErrorKind::NotThisStore,
            "this is not a report: it names no version",
        )
        .remedy("Choose a run's report.json.")),
    }
}

fn not_a_report(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Corrupt, "this is not a report")
        .because(error)
        .remedy("Choose a run's report.json, or make it again with `memferry verify RUN`.")
}

fn written<T: Serialize + ?Sized, F: Formatter>(value: &T, format: F) -> Result<String> {
    let mut out = Vec::new();
    let mut to = serde_json::Serializer::with_formatter(&mut out, Inert(format));
    value
        .serialize(&mut to)
        .map_err(|e| Error::internal("cannot write JSON").because(e))?;
    String::from_utf8(out).map_err(|e| Error::internal("wrote JSON that is not text").because(e))
}

/// A formatter that also escapes what the format would let stand.
struct Inert<F>(F);

/// Hands a method on.
macro_rules! same {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {$(
        fn $method<W: ?Sized + Write>(&mut self, to: &mut W $(, $name: $type)*) -> io::Result<()> {
            self.0.$method(to $(, $name)*)
        }
    )*};
}

impl<F: Formatter> Formatter for Inert<F> {
    same! {
        begin_array(); end_array(); begin_array_value(first: bool); end_array_value();
        begin_object(); end_object(); begin_object_key(first: bool); end_object_key();
        begin_object_value(); end_object_value();
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        to: &mut W,
        text: &str,
    ) -> io::Result<()> {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_hidden(*c)) {
            to.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(to, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        to.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{self, HOSTILE, OUTCOMES};
    use super::*;

    #[test]
    fn reads_what_it_wrote() {
        for (_, outcome) in OUTCOMES {
            let report = samples::report(outcome);
            assert_eq!(read(&render(&report).unwrap()).unwrap(), report);
        }
        let report = samples::hostile();
        let text = render(&report).unwrap();
        assert_eq!(read(&text).unwrap(), report);
        assert!(text.chars().all(|c| c == '\n' || !is_hidden(c)));
        let line = line(HOSTILE).unwrap();
        assert!(!line.chars().any(is_hidden));
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), HOSTILE);
    }

    #[test]
    fn refuses_a_newer_report_naming_both_versions() {
        let text = render(&samples::report(super::super::Outcome::Done)).unwrap();
        let newer = text.replacen("\"version\": 1", "\"version\": 7, \"new\": true", 1);
        let error = read(&newer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownLayout);
        assert_eq!(
            error.message(),
            "the report has version 7; this memferry reads up to 1"
        );
    }

    #[test]
    fn refuses_what_is_no_report() {
        for text in [
            "",
            "{}",
            "[]",
            "null",
            "{\"version\": 1}",
            "{\"version\": \"1\"}",
            "\u{feff}{",
        ] {
            assert!(read(text).unwrap_err().what_to_do().is_some(), "{text}");
        }
    }
}
