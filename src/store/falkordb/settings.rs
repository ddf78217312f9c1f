//! What an address of a server may say, and the server it leads to.

use crate::error::Result;
use crate::store::protocol::resp::Endpoint;
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
        kind: SettingKind::Choice(&["falkordb", "redis"]),
        ..setting("scheme", "Scheme", "How the address was written")
    },
    Setting {
        default: Some(HOST),
        env: &["MEMORY_FALKORDB_HOST", "FALKORDB_HOST"],
        ..setting("host", "Host", "Name or address of the server")
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
    let endpoint = match address.get("socket") {
        Some(path) => Endpoint::unix(Path::new(path)),
        None => {
            let port = address.get("port").and_then(|port| port.parse().ok());
            Endpoint::tcp(address.get("host").unwrap_or(HOST), port.unwrap_or(PORT))
        }
    };
    let endpoint = endpoint.login(address.get("user"), address.get("password"));
    let seconds = address.get("timeout").and_then(|t| t.parse().ok());
    Ok(match seconds {
        Some(seconds) => endpoint.timeout(Duration::from_secs(seconds)),
        None => endpoint,
    })
}
