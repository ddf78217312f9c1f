//! Who the primary of a group is, asked of its sentinels through the crate `redis`.

use super::endpoint::Place;
use super::tls::Trust;
use crate::error::{Error, ErrorKind, Result};
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{ConnectionAddr, TlsCertificates, TlsMode};

/// A group behind sentinels.
#[derive(Clone)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) sentinels: Vec<(String, u16)>,
}

impl Group {
    /// Where the primary is now.
    pub(super) fn primary(
        &self,
        user: Option<&str>,
        password: Option<&str>,
        trust: Option<&Trust>,
    ) -> Result<Place> {
        let failed = |e: redis::RedisError| {
            Error::new(
                ErrorKind::Unreachable,
                format!("the sentinels know no primary of {:?}", self.name),
            )
            .because(e)
            .temporary()
            .remedy("Check the sentinels' addresses and the name of the group; `SENTINEL MASTERS` on a sentinel lists the groups.")
        };
        let encrypted = trust.is_some();
        let sentinels = self.sentinels.iter().map(|(host, port)| match encrypted {
            true => ConnectionAddr::TcpTls {
                host: host.clone(),
                port: *port,
                insecure: false,
                tls_params: None,
            },
            false => ConnectionAddr::Tcp(host.clone(), *port),
        });
        let kind = SentinelServerType::Master;
        let mut builder =
            SentinelClientBuilder::new(sentinels, &self.name, kind).map_err(failed)?;
        if let Some(user) = user {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = password {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(trust) = trust {
            let certificates = || TlsCertificates {
                client_tls: None,
                root_cert: trust.pem.clone(),
            };
            builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_redis_certificates(certificates())
                .set_client_to_sentinel_tls_mode(TlsMode::Secure)
                .set_client_to_sentinel_certificates(certificates());
        }
        let mut client = builder.build().map_err(failed)?;
        let primary = client.get_client().map_err(failed)?;
        match primary.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Ok(Place::Tcp(host.clone(), *port))
            }
            _ => Err(Error::internal("sentinels name a server by no host")),
        }
    }
}
