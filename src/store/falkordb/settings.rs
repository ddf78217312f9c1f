//! What an address of a server may say, and the server it leads to.

use crate::error::Result;
use crate::store::protocol::resp::{Endpoint, Group, Trust};
use crate::store::{Address, Setting, SettingKind};
use std::path::Path;
use std::time::Duration;

/// Name of the graph that memorygraph uses.
const GRAPH: &str = "memorygraph";

const HOST: &str = "localhost";
const PORT: u16 = 6379;

const fn setting(name: &'static str, label: &'static str, help: &'static str) -> Setting {
    Setting {
        name,
        label,
        help,
        kind: SettingKind::Text,
        default: None,
        env: &[],
        secret: false,
        required: false,
    }
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        kind: SettingKind::Choice(&["falkordb", "redis", "rediss"]),
        ..setting("scheme", "Scheme", "How the address was written")
    },
    Setting {
        default: Some(HOST),
        env: &["MEMORY_FALKORDB_HOST", "FALKORDB_HOST"],
        ..setting(
            "host",
            "Host",
            "Name or address of the server; of several sentinels HOST:PORT,HOST",
        )
    },
    Setting {
        kind: SettingKind::Integer {
            min: 1,
            max: 65_535,
        },
        default: Some("6379"),
        env: &["MEMORY_FALKORDB_PORT", "FALKORDB_PORT"],
        ..setting("port", "Port", "Port of the server")
    },
    Setting {
        default: Some(GRAPH),
        ..setting("name", "Graph", "Name of the graph on the server")
    },
    setting("user", "User", "User of the server, if it has several"),
    Setting {
        secret: true,
        env: &["MEMORY_FALKORDB_PASSWORD", "FALKORDB_PASSWORD"],
        ..setting("password", "Password", "Password of the user")
    },
    Setting {
        kind: SettingKind::Path,
        ..setting(
            "socket",
            "Socket",
            "Path of the server's Unix socket, instead of host and port",
        )
    },
    Setting {
        kind: SettingKind::Flag,
        ..setting(
            "tls",
            "TLS",
            "Encrypt the connection; `rediss://` says so, too",
        )
    },
    Setting {
        kind: SettingKind::Path,
        ..setting(
            "ca",
            "Authority",
            "File of the certificate authority to trust, PEM; else the system's",
        )
    },
    setting(
        "sentinel",
        "Sentinel",
        "Name of the group whose primary is meant; host and port are a sentinel's",
    ),
    setting(
        "sentinel_user",
        "Sentinel user",
        "User of the sentinels, if they ask for one",
    ),
    Setting {
        secret: true,
        ..setting(
            "sentinel_password",
            "Sentinel pw",
            "Password of the sentinels, if they ask for one",
        )
    },
    Setting {
        kind: SettingKind::Integer {
            min: 1,
            max: 86_400,
        },
        ..setting(
            "timeout",
            "Timeout",
            "Seconds to wait for one answer of the server (60)",
        )
    },
];

/// Name of the graph.
pub(super) fn graph(address: &Address) -> String {
    let name = address.get("name").filter(|name| !name.is_empty());
    name.unwrap_or(GRAPH).to_owned()
}

/// The server.
pub(super) fn endpoint(address: &Address) -> Result<Endpoint> {
    let port = address.get("port").and_then(|port| port.parse().ok());
    let (host, port) = (address.get("host").unwrap_or(HOST), port.unwrap_or(PORT));
    let mut endpoint = match address.get("socket") {
        Some(path) => Endpoint::unix(Path::new(path)),
        None => Endpoint::tcp(host, port),
    };
    endpoint = endpoint.login(address.get("user"), address.get("password"));
    if address.get("scheme") == Some("rediss") || address.get("tls") == Some("yes") {
        endpoint = endpoint.encrypted(Trust::new(address.get("ca").map(Path::new))?);
    }
    if let Some(group) = address.get("sentinel") {
        let own = |name: &str| address.get(name).map(str::to_owned);
        endpoint = endpoint.behind(Group {
            name: group.to_owned(),
            sentinels: sentinels(host, port),
            user: own("sentinel_user"),
            password: own("sentinel_password"),
        });
    }
    if let Some(seconds) = address.get("timeout").and_then(|t| t.parse().ok()) {
        endpoint = endpoint.timeout(Duration::from_secs(seconds));
    }
    Ok(endpoint)
}

/// Sentinels by their hosts, parted by commas; one without a port of its own has `port`.
fn sentinels(hosts: &str, port: u16) -> Vec<(String, u16)> {
    let one = |text: &str| match text.rsplit_once(':') {
        Some((host, own)) if !own.contains(']') => (host.to_owned(), own.parse().unwrap_or(port)),
        _ => (text.to_owned(), port),
    };
    hosts
        .split(',')
        .filter(|h| !h.is_empty())
        .map(one)
        .collect()
}
