//! Names of files: as memorygraph makes them of title and id, but short and safe on
//! every file system, and never two alike.

use crate::model::{Canon, Key, Kind};

/// Longest part that comes from the title, in bytes. With the rest the name stays
/// below 143 bytes, which is what an encrypted home folder leaves.
const MAX_TITLE: usize = 90;

/// The name without its ending: title and the beginning of the id.
pub(super) fn stem(title: &str, id: &str) -> String {
    let mut name = String::new();
    for c in title.chars() {
        let c = match c {
            c if c.is_alphanumeric() || c == '-' => c,
            _ => '_',
        };
        if name.len() + c.len_utf8() > MAX_TITLE {
            break;
        }
        name.push(if name.is_empty() && c == '-' { '_' } else { c });
    }
    name.push('_');
    name.extend(id.chars().take(8).map(|c| match c {
        c if c.is_ascii_alphanumeric() || c == '-' => c,
        _ => '_',
    }));
    name
}

/// What two names share if some file system may take them for one: it may ignore case
/// and compose letters, so everything beyond ASCII counts as alike.
pub(super) fn folded(stem: &str) -> String {
    let mut out = String::new();
    for c in stem.chars() {
        match c {
            c if c.is_ascii() => out.push(c.to_ascii_lowercase()),
            _ if out.ends_with('?') => {}
            _ => out.push('?'),
        }
    }
    out
}

/// The name of a file. One that could be taken for another's has a hash of its key, so
/// that it does not depend on which came first.
pub(super) fn name(stem: &str, key: &Key, shared: bool) -> String {
    if !shared {
        return format!("{stem}.md");
    }
    let hash = Canon::key_hash(Kind::Node, key);
    let hex: String = hash.iter().map(|b| format!("{b:02x}")).collect();
    format!("{stem}_{hex}.md")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_memorygraph_but_safe() {
        assert_eq!(
            stem("Use Redis (fast)", "7172318b-c794"),
            "Use_Redis__fast__7172318b"
        );
        assert_eq!(stem("日本", "id/../x"), "日本_id_.._x".replace("..", "__"));
        assert_eq!(stem("../../etc/passwd", "../.."), "______etc_passwd______");
        assert_eq!(stem("-rf", "a"), "_rf_a");
        assert_eq!(stem("", ""), "_");
        let long = name(
            &stem(&"é".repeat(200), &"x".repeat(300)),
            &Key::text("x"),
            true,
        );
        assert!(long.len() <= 142, "{}", long.len());
        assert_eq!(folded("AbÉé_K"), folded("ab?_k"));
        assert_ne!(
            name("a", &Key::text("1"), true),
            name("a", &Key::text("2"), true)
        );
    }
}
