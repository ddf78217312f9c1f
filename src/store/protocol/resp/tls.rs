//! TLS to a server: its certificate is held against the system's authorities, or against
//! those of one file alone. There is no way to skip that.

use crate::error::{Error, ErrorKind, Result};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
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
        let failed = |cause: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(ErrorKind::Denied, "no encrypted connection to the server comes about")
                .with("server", place)
                .because(cause)
                .remedy("Check that the server speaks TLS on that port, and name the file of its certificate authority (`ca`) if the system does not know it.")
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|e| failed(e.into()))?;
        let mut connection =
            ClientConnection::new(self.config.clone(), name).map_err(|e| failed(e.into()))?;
        while connection.is_handshaking() {
            let moved = connection.complete_io(&mut stream);
            moved.map_err(|e| failed(e.into()))?;
        }
        Ok(StreamOwned::new(connection, stream))
    }
}
