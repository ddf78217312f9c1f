//! Who the primary of a group is, asked of its sentinels through the crate `redis`. They
//! are asked in turn; one that is gone or does not know the group passes the question on.

use super::endpoint::Place;
use super::fault::{self, Refusal};
use super::tls::Trust;
use crate::error::{Error, ErrorKind, Result};
use redis::{Client, ConnectionAddr, IntoConnectionInfo as _, RedisError, TlsCertificates};
use std::fmt;
use std::io;
use std::time::Duration;

/// A group behind sentinels.
#[derive(Clone)]
pub(crate) struct Group {
    /// Its name.
    pub(crate) name: String,
    /// Hosts and ports of its sentinels.
    pub(crate) sentinels: Vec<(String, u16)>,
    /// Who asks them, where they do not answer everybody.
    pub(crate) user: Option<String>,
    /// That user's password.
    pub(crate) password: Option<String>,
}

/// Without the password.
impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group({}, {:?})", self.name, self.sentinels)
    }
}

impl Group {
    /// Where the primary is now. No sentinel takes longer than `patience` to connect to,
    /// or to answer.
    pub(super) fn primary(&self, trust: Option<&Trust>, patience: Duration) -> Result<Place> {
        let mut last = None;
        for (host, port) in &self.sentinels {
            let place = format!("{host}:{port}");
            match self.ask(host, *port, trust, patience) {
                Ok(Ok(found)) => return Ok(found),
                // What a sentinel says weighs more than that another one is gone.
                Ok(Err(known)) => last = Some(self.unknown(&known).with("sentinel", place)),
                Err(e) => {
                    last.get_or_insert(failed(&place, e));
                }
            }
        }
        Err(last.unwrap_or_else(|| {
            Error::new(ErrorKind::Usage, "no sentinel is named")
                .remedy("Name one or more as the host: HOST:PORT,HOST:PORT.")
        }))
    }

    /// What one sentinel says; the groups it does know if this one is none of them.
    fn ask(
        &self,
        host: &str,
        port: u16,
        trust: Option<&Trust>,
        patience: Duration,
    ) -> redis::RedisResult<std::result::Result<Place, Vec<String>>> {
        let (host, encrypted) = (host.to_owned(), trust.is_some());
        let at = match encrypted {
            true => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            },
            false => ConnectionAddr::Tcp(host, port),
        };
        let mut login = redis::RedisConnectionInfo::default();
        if let Some(user) = &self.user {
            login = login.set_username(user);
        }
        if let Some(password) = &self.password {
            login = login.set_password(password);
        }
        let info = at.into_connection_info()?.set_redis_settings(login);
        let client = match trust {
            None => Client::open(info)?,
            Some(trust) => Client::build_with_tls(
                info,
                TlsCertificates {
                    client_tls: None,
                    root_cert: trust.pem.clone(),
                },
            )?,
        };
        let mut connection = client.get_connection_with_timeout(patience)?;
        connection.set_read_timeout(Some(patience))?;
        connection.set_write_timeout(Some(patience))?;
        let found: Option<(String, u16)> = redis::cmd("SENTINEL")
            .arg("GET-MASTER-ADDR-BY-NAME")
            .arg(&self.name)
            .query(&mut connection)?;
        if let Some((host, port)) = found {
            return Ok(Ok(Place::Tcp(host, port)));
        }
        let groups: Vec<std::collections::HashMap<String, String>> = redis::cmd("SENTINEL")
            .arg("MASTERS")
            .query(&mut connection)?;
        let names = groups.into_iter().filter_map(|mut g| g.remove("name"));
        Ok(Err(names.collect()))
    }

    fn unknown(&self, known: &[String]) -> Error {
        Error::new(
            ErrorKind::NotFound,
            format!("the sentinels know no group {:?}", self.name),
        )
        .with("groups there", known.join(", "))
        .remedy("Check the name of the group (`sentinel`); `SENTINEL MASTERS` on a sentinel lists them.")
    }
}

/// Why a sentinel does not answer as one.
fn failed(place: &str, cause: RedisError) -> Error {
    use redis::{ErrorKind as Kind, ServerErrorKind};
    let words = cause.detail().unwrap_or_default().to_owned();
    match (cause.kind(), cause.code()) {
        (Kind::Io, _) => {
            let inner = std::error::Error::source(&cause);
            let inner = inner.and_then(|e| e.downcast_ref::<io::Error>());
            let kind = inner.map_or(io::ErrorKind::Other, io::Error::kind);
            fault::lost("asking a sentinel", place, io::Error::new(kind, cause))
        }
        (Kind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => Error::new(
            ErrorKind::Auth,
            "the sentinel refuses without its own user and password, or these",
        )
        .with("sentinel", place)
        .because(io::Error::other(words))
        .remedy("Give the sentinels' password (`sentinel_password`, and `sentinel_user`); the server's own is another."),
        (Kind::Server(ServerErrorKind::ResponseError), _) => Error::new(
            ErrorKind::NotThisStore,
            "what answers there is no sentinel",
        )
        .with("sentinel", place)
        .because(io::Error::other(words))
        .remedy("Check host and port; without the setting `sentinel` they are those of the server itself."),
        (_, Some(code)) => Refusal {
            code: code.to_owned(),
            message: format!("{code} {words}"),
        }
        .error()
        .with("sentinel", place),
        _ => Error::new(ErrorKind::Unreachable, "the sentinel does not answer as one")
            .with("sentinel", place)
            .because(cause)
            .remedy("Check host and port, and whether it asks for TLS."),
    }
}
