//! The one error type. It is written for the person who reads it: what is wrong,
//! where, and what to do next. Nothing decides by its text; [`ErrorKind`] is for that.

use std::fmt;

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The command, plan or address is wrong.
    Usage,
    /// A person or a check said no; nothing was changed.
    Refused,
    /// There is no such file, store, run or backup.
    NotFound,
    /// It is there and must not be.
    AlreadyExists,
    /// It is there, and is not what it was taken for.
    NotThisStore,
    /// The right sort of store in a layout or version that cannot be handled.
    UnknownLayout,
    /// Damaged content.
    Corrupt,
    /// Somebody else holds it.
    Locked,
    /// Not permitted.
    Denied,
    /// User or password refused, or missing.
    Auth,
    /// No answer.
    Unreachable,
    /// No room.
    Full,
    /// Beyond a limit of the store or of memferry.
    TooLarge,
    /// This store cannot do that.
    Unsupported,
    /// The source was written to while it was read; reading again may succeed.
    Drifted,
    /// Somebody else changed a record since this run last saw it.
    Conflict,
    /// Stopped on request.
    Interrupted,
    /// The operating system failed otherwise.
    Io,
    /// A fault of memferry.
    Internal,
}

/// An error, with what to do next.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    temporary: bool,
    message: String,
    remedy: Option<String>,
    context: Vec<(&'static str, String)>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// What is wrong, in one sentence without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            temporary: false,
            message: message.into(),
            remedy: None,
            context: Vec::new(),
            cause: None,
        }
    }

    /// What to do next, as a sentence.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Says that trying again may help.
    pub fn temporary(mut self) -> Self {
        self.temporary = true;
        self
    }

    /// Where it happened: a name and a value without secrets.
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.context.push((name, value.to_string()));
        self
    }

    /// What caused it.
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// A failed file operation, with the kind that fits and the path.
    pub fn io(doing: &str, path: &std::path::Path, cause: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let (kind, remedy) = match cause.kind() {
            Io::NotFound => (ErrorKind::NotFound, Some("Check the path.")),
            Io::AlreadyExists => (ErrorKind::AlreadyExists, None),
            Io::PermissionDenied | Io::ReadOnlyFilesystem => (
                ErrorKind::Denied,
                Some("Check who owns the file and its folder, and their permissions."),
            ),
            Io::NotADirectory => (
                ErrorKind::Io,
                Some("A part of that path is a file, not a folder; check it."),
            ),
            Io::StorageFull | Io::QuotaExceeded => (
                ErrorKind::Full,
                Some("Free some room there, or choose another folder."),
            ),
            _ => (ErrorKind::Io, None),
        };
        let error = Self::new(kind, format!("cannot {doing} {}", path.display())).because(cause);
        match remedy {
            Some(remedy) => error.remedy(remedy),
            None => error,
        }
    }

    /// A fault of memferry itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
            .remedy("This is a fault of memferry; please report it.")
    }

    /// Its kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether trying again may help.
    pub fn is_temporary(&self) -> bool {
        self.temporary
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do next.
    pub fn what_to_do(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    /// Where it happened.
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.context
    }
}

/// The message, where, and the causes, on one line; the remedy is shown apart.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (name, value) in &self.context {
            write!(f, ", {name} {value}")?;
        }
        let mut cause = self.cause.as_deref().map(|c| c as &dyn std::error::Error);
        while let Some(c) = cause {
            write!(f, ": {c}")?;
            cause = c.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
