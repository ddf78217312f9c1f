//! TLS to a server: its certificate is held against the system's authorities, or against
//! those of one file alone. There is no way to skip that.

use crate::error::{Error, ErrorKind, Result};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

/// An encrypted connection.
pub(super) type Encrypted = StreamOwned<ClientConnection, TcpStream>;

/// What is trusted, read once.
#[derive(Clone)]
pub(crate) struct Trust {
    config: Arc<ClientConfig>,
    /// The authorities' certificates as they stand in their file.
    pub(super) pem: Option<Vec<u8>>,
}

fn wrong(path: &Path) -> Error {
    Error::new(
        ErrorKind::Usage,
        format!("{} holds no certificate", path.display()),
    )
    .remedy("Give a file of certificates in PEM form, as `-----BEGIN CERTIFICATE-----` begins one.")
}

impl Trust {
    /// The authorities of a file of certificates in PEM form, or the system's.
    pub(crate) fn new(authorities: Option<&Path>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        let mut pem = None;
        match authorities {
            Some(path) => {
                let text = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
                for found in CertificateDer::pem_slice_iter(&text) {
                    let found = found.map_err(|e| wrong(path).because(e.to_string()))?;
                    roots.add(found).map_err(|e| wrong(path).because(e))?;
                }
                if roots.is_empty() {
                    return Err(wrong(path));
                }
                pem = Some(text);
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::internal("TLS cannot be set up").because(e))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            config: Arc::new(config),
            pem,
        })
    }

    /// Encrypts a connection to a host, whose certificate must name it.
    pub(super) fn wear(&self, host: &str, mut stream: TcpStream, place: &str) -> Result<Encrypted> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned()).map_err(|e| {
            Error::new(ErrorKind::Usage, format!("{host:?} is no name of a host"))
                .because(e)
                .remedy("Check the name of the host.")
        })?;
        let mut connection = ClientConnection::new(self.config.clone(), name)
            .map_err(|e| Error::internal("TLS cannot be set up").because(e))?;
        while connection.is_handshaking() {
            let moved = connection.complete_io(&mut stream);
            moved.map_err(|e| failed(e, place))?;
        }
        Ok(StreamOwned::new(connection, stream))
    }
}

/// Why no encrypted connection came about.
fn failed(cause: io::Error, place: &str) -> Error {
    use rustls::Error as Tls;
    let inner = cause.get_ref().and_then(|e| e.downcast_ref::<Tls>());
    let (kind, what, remedy) = match inner {
        Some(Tls::InvalidCertificate(wrong)) => {
            (ErrorKind::Denied, in_words(wrong), distrust(wrong))
        }
        Some(Tls::AlertReceived(_) | Tls::PeerIncompatible(_)) => (
            ErrorKind::Denied,
            "the server refuses an encrypted connection with these means",
            "See its log; it may ask for a certificate of the client, or for a newer TLS.",
        ),
        Some(_) => (
            ErrorKind::NotThisStore,
            "what answers there speaks no TLS",
            "Check the port, or leave TLS out (`redis://`, or `tls=no`).",
        ),
        // A server without TLS waits for the end of a command, or hangs up.
        None => (
            ErrorKind::Unreachable,
            "the server does not answer the beginning of TLS",
            "Check host and port, and that the server speaks TLS there; if not, leave TLS out (`redis://`, or `tls=no`).",
        ),
    };
    Error::new(kind, what)
        .with("server", place)
        .because(cause)
        .remedy(remedy)
}

fn in_words(wrong: &CertificateError) -> &'static str {
    match wrong {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is for another name"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet"
        }
        // A wrong authority of the right name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the server's certificate is from an authority that is not trusted"
        }
        _ => "the server's certificate is not valid",
    }
}

fn distrust(wrong: &CertificateError) -> &'static str {
    match wrong {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "Name the server as its certificate does."
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "Name the file of its certificate authority (`ca`), as PEM."
        }
        _ => "Renew the server's certificate, and check the clocks of both machines.",
    }
}
