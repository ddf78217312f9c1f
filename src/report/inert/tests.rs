//! Properties and examples of inert text.

use super::pieces::hidden;
use super::*;
use proptest::prelude::*;

/// Every character of the output is one that cannot do anything.
fn is_inert(text: &str, keep_lines: bool) -> bool {
    text.chars().all(|c| {
        let allowed = matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE0E}' | '\u{FE0F}');
        (c == '\n' && keep_lines) || allowed || !(c.is_control() || hidden(c))
    })
}

/// The text that was made inert.
fn read_back(shown: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = shown;
    while let Some(c) = rest.chars().next() {
        let byte = rest.starts_with("\\x{");
        if byte || rest.starts_with("\\u{") {
            let end = rest.find('}').unwrap();
            let n = u32::from_str_radix(&rest[3..end], 16).unwrap();
            match char::from_u32(n) {
                _ if byte => out.push(n as u8),
                Some(c) => out.extend(c.to_string().bytes()),
                None => out.extend([
                    0xE0 | (n >> 12) as u8,
                    0x80 | (n >> 6 & 0x3F) as u8,
                    0x80 | (n & 0x3F) as u8,
                ]),
            }
            rest = &rest[end + 1..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match u32::from(c) {
            0x2421 => out.push(0x7F),
            n @ 0x2400..=0x241F => out.push((n - 0x2400) as u8),
            _ => out.extend(c.to_string().bytes()),
        }
    }
    out
}

#[test]
fn shows_what_would_otherwise_act() {
    let show = |text: &str| line(text, Marks::Unicode);
    assert_eq!(
        show("plain text, Grüße, 你好, שלום"),
        "plain text, Grüße, 你好, שלום"
    );
    assert_eq!(show("a\0b\tc\r\nd"), "a␀b␉c␍␊d");
    assert_eq!(show("\x1b[31mred\x1b]0;owned\x07"), "␛[31mred␛]0;owned␇");
    assert_eq!(show("\u{9b}2J \x7f"), "\\u{9b}2J ␡");
    assert_eq!(
        show("user\u{202e}gpj.exe\u{2069}"),
        "user\\u{202e}gpj.exe\\u{2069}"
    );
    assert_eq!(
        show("zero\u{200b}width\u{feff}"),
        "zero\\u{200b}width\\u{feff}"
    );
    assert_eq!(show("two\u{2028}lines"), "two\\u{2028}lines");
    assert_eq!(show("tag\u{e0041}"), "tag\\u{e0041}");
    assert_eq!(show("icon \u{e0b0}"), "icon \\u{e0b0}");
    assert_eq!(lines("a\n\tb\r\n", Marks::Unicode), "a\n␉b␍\n");
}

#[test]
fn tells_an_escape_from_text_that_looks_like_one() {
    let show = |text: &str| line(text, Marks::Unicode);
    assert_eq!(show(r"\u{202e}"), r"\u{5c}u{202e}");
    assert_eq!(show(r"C:\users \x41 \\"), r"C:\users \x41 \\");
    assert_eq!(show("␛"), r"\u{241b}");
}

#[test]
fn keeps_emoji_and_joined_scripts_readable() {
    for text in [
        "⚠\u{fe0f} ✔\u{fe0f}",
        "👩\u{200d}👩\u{200d}👧",
        "می\u{200c}خواهم",
        "क\u{94d}\u{200d}ष",
        "e\u{301}",
    ] {
        assert_eq!(line(text, Marks::Unicode), text);
    }
    // Nothing to join, nothing to stand on.
    assert_eq!(line("a\u{200d}b", Marks::Unicode), "a\\u{200d}b");
    assert_eq!(line("\u{301}a", Marks::Unicode), "\\u{301}a");
    assert_eq!(line("\x1b\u{301}", Marks::Unicode), "␛\\u{301}");
}

#[test]
fn shows_what_is_not_utf8() {
    assert_eq!(line(b"a\xffb", Marks::Unicode), "a\\x{ff}b");
    assert_eq!(line(b"a\xed\xa0\xbdb", Marks::Unicode), "a\\u{d83d}b");
    assert_eq!(line(b"\xe4\xbd", Marks::Unicode), "\\x{e4}\\x{bd}");
}

#[test]
fn ascii_is_ascii() {
    assert_eq!(line("Grüße\x1b", Marks::Ascii), "Gr\\u{fc}\\u{df}e\\u{1b}");
    assert_eq!(cut("abcdefgh", 5, Marks::Ascii), "ab...");
}

#[test]
fn cuts_between_clusters() {
    let cut = |text: &str, n| cut(text, n, Marks::Unicode);
    assert_eq!(cut("abcdef", 6), "abcdef");
    assert_eq!(cut("abcdef", 5), "abcd…");
    assert_eq!(cut("abcdef", 1), "…");
    assert_eq!(cut("abcdef", 0), "");
    assert_eq!(cut("", 0), "");
    assert_eq!(cut("你好世界", 6), "你好…");
    assert_eq!(cut("你好世界", 5), "你好…");
    assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
    assert_eq!(cut("ab\u{202e}", 9), "ab…");
    assert_eq!(cut("ab\u{202e}", 10), "ab\\u{202e}");
    assert_eq!(
        cut_middle("/home/ada/.memorygraph/memory.db", 16, Marks::Unicode),
        "/home/a…emory.db"
    );
    assert_eq!(cut_middle("short", 16, Marks::Unicode), "short");
}

#[test]
fn wraps_at_spaces() {
    let wrap = |text: &str, columns, most| wrap(text, columns, most, Marks::Unicode);
    assert_eq!(wrap("one two three", 7, 9), ["one two", "three"]);
    assert_eq!(wrap("abcdefghij", 4, 9), ["abcd", "efgh", "ij"]);
    assert_eq!(wrap("a\n\nb", 4, 9), ["a", "", "b"]);
    assert_eq!(wrap("one two three four", 7, 1), ["one tw…"]);
    assert_eq!(wrap("one two three four", 7, 2), ["one two", "three…"]);
    assert_eq!(wrap("", 7, 2), [""]);
}

#[test]
fn a_long_line_costs_no_more_than_what_is_shown() {
    let piles = format!("a{}", "\u{301}".repeat(20_000_000));
    let begun = std::time::Instant::now();
    for _ in 0..1_000 {
        assert!(width(&cut(&piles, 40, Marks::Unicode)) <= 40);
        assert!(width(&cut_middle(&piles, 40, Marks::Unicode)) <= 40);
        assert_eq!(wrap(&piles, 40, 3, Marks::Unicode).len(), 3);
    }
    // 40 MB a thousand times over would take minutes.
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

fn hostile() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        '\0',
        '\x1b',
        '\u{9b}',
        '\u{202e}',
        '\u{2066}',
        '\u{200d}',
        '\u{200c}',
        '\u{fe0f}',
        '\u{301}',
        '\u{e0041}',
        '\n',
        '\r',
        '\t',
        '\\',
        'u',
        'x',
        '{',
        '}',
        '␛',
        '你',
        '👩',
        '⚠',
        'ש',
        '\u{1160}',
        '\u{600}',
        '\u{1f1e9}',
        ' ',
        'ل',
        'ا',
        '\u{94d}',
        'क',
    ]);
    prop::collection::vec(prop_oneof![odd, any::<char>()], 0..60)
        .prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #[test]
    fn nothing_acts_and_nothing_is_lost(text in hostile()) {
        let shown = line(&text, Marks::Unicode);
        prop_assert!(is_inert(&shown, false), "{shown:?}");
        prop_assert_eq!(read_back(&shown), text.as_bytes());
        prop_assert!(is_inert(&lines(&text, Marks::Unicode), true));
        let ascii = line(&text, Marks::Ascii);
        prop_assert!(ascii.bytes().all(|b| (b' '..=b'~').contains(&b)));
        prop_assert_eq!(read_back(&ascii), text.as_bytes());
    }

    #[test]
    fn bytes_too(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let shown = line(&bytes, Marks::Unicode);
        prop_assert!(is_inert(&shown, false));
        prop_assert_eq!(read_back(&shown), bytes);
    }

    #[test]
    fn never_wider_than_asked(text in hostile(), columns in 0..50_usize) {
        for marks in [Marks::Unicode, Marks::Ascii] {
            for shown in [cut(&text, columns, marks), cut_middle(&text, columns, marks)] {
                prop_assert!(is_inert(&shown, false));
                prop_assert!(width(&shown) <= columns, "{shown:?}");
                prop_assert!(shown.width() <= columns, "{shown:?}");
                if width(&line(&text, marks)) <= columns {
                    prop_assert_eq!(&shown, &line(&text, marks));
                }
            }
            for shown in wrap(&text, columns.max(2), 5, marks) {
                prop_assert!(is_inert(&shown, false));
                prop_assert!(width(&shown) <= columns.max(2), "{shown:?}");
            }
        }
    }

    #[test]
    fn a_cut_is_a_whole_number_of_clusters(text in hostile(), columns in 2..50_usize) {
        let shown = cut(&text, columns, Marks::Unicode);
        if let Some(kept) = shown.strip_suffix('…') {
            prop_assert!(line(&text, Marks::Unicode).starts_with(kept));
        }
    }
}
