//! TLS with an authority of one's own. The server at hand is built without TLS, so a real
//! one ends it in front of it, as `stunnel` would.

use crate::ports::free_port;
use crate::scene::{Before, GRAPH, Scene, Store, real, said};
use memferry::error::{Error, ErrorKind};
use memferry::store::{Address, registry};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConnection;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    fn write(&self, path: PathBuf) -> PathBuf {
        std::fs::write(&path, &self.pem).unwrap();
        path
    }

    /// What a server of that name shows, until the end of that year.
    fn server(&self, name: &str, until: i32) -> Arc<rustls::ServerConfig> {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 12, 31);
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        let chain = vec![CertificateDer::from(signed.der().to_vec())];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key);
        Arc::new(config.unwrap())
    }
}

/// Ends TLS in front of a socket; the port.
fn in_front_of(socket: &Path, config: Arc<rustls::ServerConfig>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let socket = socket.to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (config, socket) = (config.clone(), socket.clone());
            std::thread::spawn(move || serve(client, config, &socket));
        }
    });
    port
}

fn serve(mut client: TcpStream, config: Arc<rustls::ServerConfig>, socket: &Path) {
    client.set_nodelay(true).unwrap();
    let mut server = UnixStream::connect(socket).unwrap();
    let tls = Arc::new(Mutex::new(ServerConnection::new(config).unwrap()));
    let (mut back, mut answers) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let shared = tls.clone();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(n @ 1..) = answers.read(&mut buffer) {
            let mut tls = shared.lock().unwrap();
            tls.writer().write_all(&buffer[..n]).unwrap();
            if flush(&mut tls, &mut back).is_err() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut buffer = vec![0; 16 << 10];
    let mut plain = vec![0; 64 << 10];
    'all: while let Ok(n @ 1..) = client.read(&mut buffer) {
        let mut left = &buffer[..n];
        while !left.is_empty() {
            let mut tls = tls.lock().unwrap();
            tls.read_tls(&mut left).unwrap();
            let understood = tls.process_new_packets();
            // An alert, too.
            let _ = flush(&mut tls, &mut client);
            if understood.is_err() {
                break 'all;
            }
            while let Ok(n @ 1..) = tls.reader().read(&mut plain) {
                if server.write_all(&plain[..n]).is_err() {
                    break 'all;
                }
            }
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

fn flush(tls: &mut ServerConnection, to: &mut TcpStream) -> std::io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(to)?;
    }
    Ok(())
}

fn at(scheme: &str, host: &str, port: u16, ca: Option<&Path>) -> String {
    let ca = ca.map(|ca| format!("&ca={}", ca.display().to_string().replace('/', "%2F")));
    let ca = ca.unwrap_or_default();
    format!("{scheme}://{host}:{port}/{GRAPH}?timeout=2{ca}")
}

async fn looked(address: &str) -> Result<bool, Error> {
    let store = registry::open(&Address::parse(address).unwrap())?;
    Ok(store.describe().await?.exists)
}

async fn refused(address: &str) -> Error {
    let begun = Instant::now();
    let error = looked(address).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(60), "{error}");
    error
}

#[track_caller]
fn says(error: &Error, kind: ErrorKind, what: &str, remedy: &str) {
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.message().contains(what), "{what:?} in: {error}");
    let to_do = error.what_to_do().unwrap_or_default();
    assert!(to_do.contains(remedy), "{remedy:?} in: {to_do}");
}

#[test]
fn a_store_moves_over_tls_with_an_authority_of_its_own() {
    let scene = Scene::new(Store::FalkorDb, Before::New);
    let mut client = scene.client();
    assert!(
        client
            .say(&["CONFIG", "SET", "requirepass", "pw"])
            .contains("OK")
    );
    let authority = Authority::new();
    let ca = authority.write(scene.path("ca.pem"));
    let port = in_front_of(&scene.socket(), authority.server("localhost", 2999));
    let target = at("rediss", "localhost", port, Some(&ca));
    for expected in ["Moved and verified", "nothing to write"] {
        let out = scene
            .migrate_to(&real("plain-1500.db"), &target)
            .env("MEMORY_FALKORDB_PASSWORD", "pw")
            .output()
            .unwrap();
        let said = said(&out);
        assert!(out.status.success() && said.contains(expected), "{said}");
    }
    let source = format!("sqlite:{}", real("plain-1500.db").display());
    let out = scene
        .command(&["verify", &source, &target])
        .env("MEMORY_FALKORDB_PASSWORD", "pw")
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", said(&out));
}

#[tokio::test]
async fn a_certificate_that_cannot_be_trusted() {
    let scene = Scene::new(Store::FalkorDb, Before::Empty);
    let (authority, other) = (Authority::new(), Authority::new());
    let ca = authority.write(scene.path("ca.pem"));
    let wrong = other.write(scene.path("other.pem"));
    let socket = scene.socket();
    let port = in_front_of(&socket, authority.server("localhost", 2999));
    assert!(
        looked(&at("rediss", "localhost", port, Some(&ca)))
            .await
            .unwrap()
    );
    // The wrong authority, and the system's.
    for ca in [Some(wrong.as_path()), None] {
        let error = refused(&at("rediss", "localhost", port, ca)).await;
        says(
            &error,
            ErrorKind::Denied,
            "authority that is not trusted",
            "`ca`",
        );
    }
    let error = refused(&at("rediss", "127.0.0.1", port, Some(&ca))).await;
    says(
        &error,
        ErrorKind::Denied,
        "for another name",
        "as its certificate does",
    );
    let elsewhere = in_front_of(&socket, authority.server("elsewhere.example", 2999));
    let error = refused(&at("rediss", "localhost", elsewhere, Some(&ca))).await;
    says(
        &error,
        ErrorKind::Denied,
        "for another name",
        "as its certificate does",
    );
    let old = in_front_of(&socket, authority.server("localhost", 2021));
    let error = refused(&at("rediss", "localhost", old, Some(&ca))).await;
    says(&error, ErrorKind::Denied, "expired", "Renew");
}

#[tokio::test]
async fn plain_text_to_a_port_with_tls_and_tls_to_one_without() {
    let port = free_port();
    let listening = ["--port", &port.to_string(), "--bind", "127.0.0.1"];
    let scene = Scene::with(Store::FalkorDb, Before::Empty, &listening);
    let authority = Authority::new();
    let ca = authority.write(scene.path("ca.pem"));
    let encrypted = in_front_of(&scene.socket(), authority.server("localhost", 2999));
    let error = refused(&at("redis", "localhost", encrypted, None)).await;
    says(&error, error.kind(), "", "TLS");
    // A Redis takes what TLS begins with for a command that goes on, or for a wrong one:
    // that depends on random bytes.
    for _ in 0..4 {
        let error = refused(&at("rediss", "localhost", port, Some(&ca))).await;
        says(&error, error.kind(), "TLS", "leave TLS out");
    }
}

#[tokio::test]
async fn a_file_that_holds_no_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let none = dir.path().join("none.pem");
    std::fs::write(&none, "no certificate\n").unwrap();
    let error = refused(&at("rediss", "localhost", 1, Some(&none))).await;
    says(&error, ErrorKind::Usage, "holds no certificate", "PEM");
    let error = refused(&at(
        "rediss",
        "localhost",
        1,
        Some(&dir.path().join("absent")),
    ))
    .await;
    assert!(error.message().contains("absent"), "{error}");
}
