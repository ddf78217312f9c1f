//! Every format over made-up reports.

use super::inert::Marks;
use super::samples::{self, OUTCOMES};
use super::text::Look;
use super::*;

fn snapshot(name: &str, format: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(format!("{name}.{format}"), text));
}

#[test]
fn text_of_every_outcome() {
    for (name, outcome) in OUTCOMES {
        let report = samples::report(outcome);
        snapshot(name, "text", &text::render(&report, &Look::default()));
    }
}

#[test]
fn text_in_ascii_and_narrow_and_verbose() {
    let look = Look {
        marks: Marks::Ascii,
        columns: 60,
        verbose: true,
        ..Look::default()
    };
    let shown = text::render(&samples::report(Outcome::Differences), &look);
    assert!(shown.is_ascii());
    snapshot("differences-ascii-60", "text", &shown);
    let shown = text::render(&samples::hostile(), &look);
    assert!(
        shown
            .bytes()
            .all(|b| b == b'\n' || (b' '..=b'~').contains(&b))
    );
}

#[test]
fn colour_adds_nothing_but_colour() {
    for (_, outcome) in OUTCOMES {
        let report = samples::report(outcome);
        let plain = text::render(&report, &Look::default());
        let look = Look {
            colour: true,
            ..Look::default()
        };
        let coloured = text::render(&report, &look);
        let mut stripped = String::new();
        let mut parts = coloured.split("\x1b[");
        stripped.push_str(parts.next().unwrap());
        for part in parts {
            let (code, rest) = part.split_once('m').unwrap();
            assert!(code.bytes().all(|b| b.is_ascii_digit()), "{code}");
            stripped.push_str(rest);
        }
        let trimmed = |text: &str| {
            text.lines()
                .map(str::trim_end)
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert_eq!(trimmed(&stripped), trimmed(&plain));
    }
}

#[test]
fn the_summary_claims_no_more_than_was_proven() {
    let done = || samples::report(Outcome::Done);
    let of = |change: fn(&mut Report)| {
        let mut report = done();
        report.losses.clear();
        change(&mut report);
        summary(&report)
    };
    let level = |report: &mut Report, level: &str| {
        report.verification = Some(Verification {
            level: level.into(),
            same: samples::tally(100, 100),
            ..Verification::default()
        });
    };
    let lines = [
        of(|_| {}),
        of(|r| r.verification = None),
        of(|r| r.verification.as_mut().unwrap().level = "none".into()),
        of(|r| {
            r.written.same = r.written.added;
            r.written.added = samples::tally(0, 0);
        }),
        of(|r| {
            r.written.skipped = samples::tally(31, 0);
            r.unreadable = samples::report(Outcome::Differences).unreadable;
        }),
        of(|r| {
            r.written = Written::default();
            r.written.skipped = samples::tally(31, 0);
        }),
        of(|r| r.written = Written::default()),
        {
            let mut report = done();
            level(&mut report, "sample:100");
            summary(&report)
        },
    ];
    snapshot("summaries", "text", &lines.join("\n"));
    for (mode, last) in [
        (None, Phase::Preflight),
        (Some(WriteMode::Journal), Phase::Validate),
        (Some(WriteMode::Aside), Phase::Import),
        (Some(WriteMode::Transaction), Phase::Import),
        (Some(WriteMode::Transaction), Phase::Verify),
        (Some(WriteMode::Journal), Phase::Import),
    ] {
        for outcome in [Outcome::Failed, Outcome::Interrupted] {
            let mut report = samples::report(outcome);
            report.written = Written::default();
            report.mode = mode;
            report.phases.retain(|(phase, _)| *phase < Phase::Backup);
            if last > Phase::Backup {
                report.phases.push((Phase::Import, 10));
            }
            if last > Phase::Import {
                report.phases.push((last, 10));
            }
            let line = summary(&report);
            let nothing = line.contains("nothing was written");
            assert_eq!(nothing, last < Phase::Import, "{line}");
            let unpublished = line.contains("published");
            let aside = mode != Some(WriteMode::Journal) && last == Phase::Import;
            assert!(unpublished || !aside, "{line}");
            if mode == Some(WriteMode::Journal) && last == Phase::Import {
                assert!(line.contains("written"), "{line}");
            }
        }
    }
}

#[test]
fn a_comparison_and_a_review_as_text() {
    let v = samples::verification(true);
    let look = Look {
        verbose: true,
        ..Look::default()
    };
    let shown = text::verification(&v, "memory.db", "copy.db", &look);
    snapshot("comparison-verbose", "text", &shown);
    let shown = text::verification(&v, "memory.db", "copy.db", &Look::default());
    snapshot("comparison", "text", &shown);
    let same = samples::verification(false);
    let shown = text::verification(&same, "memory.db", "copy.db", &Look::default());
    snapshot("comparison-identical", "text", &shown);
    let review = samples::report(Outcome::DryRun).review.unwrap();
    snapshot("review", "text", &text::review(&review, &Look::default()));
}

#[test]
fn markdown_and_html_of_every_outcome() {
    for (name, outcome) in OUTCOMES {
        let report = samples::report(outcome);
        snapshot(name, "markdown", &markdown::render(&report));
        let page = html::render(&report);
        let body = page.split_once("</style>").unwrap().1;
        snapshot(name, "html", body);
        assert_well_formed(&page);
    }
}

#[test]
fn hostile_text_stays_text_in_html() {
    let page = html::render(&samples::hostile());
    assert_well_formed(&page);
    let known = [
        "html", "head", "meta", "title", "style", "body", "main", "header", "h1", "h2", "span",
        "ul", "li", "nav", "a", "section", "p", "dl", "dt", "dd", "div", "code", "table", "thead",
        "tbody", "tr", "th", "td", "details", "summary", "mark", "bdi", "b", "footer",
    ];
    let body = page.split_once("</style>").unwrap().1;
    for tag in body.split('<').skip(1) {
        let name = tag.trim_start_matches('/');
        let name = name
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap();
        assert!(known.contains(&name), "{tag}");
        let tag = tag.split_once('>').unwrap().0;
        for word in ["onerror", "javascript", "http", "src", "style"] {
            assert!(!tag.contains(word), "{tag}");
        }
    }
    assert!(page.chars().all(|c| c == '\n' || !inert::is_hidden(c)));
    assert!(page.contains("&lt;/script&gt;"));
    snapshot("hostile", "html", body);
}

#[test]
fn hostile_text_stays_text_in_markdown() {
    let shown = markdown::render(&samples::hostile());
    assert!(shown.chars().all(|c| c == '\n' || !inert::is_hidden(c)));
    snapshot("hostile", "markdown", &shown);
}

#[test]
fn a_page_of_ten_thousand_differences_is_bounded() {
    let mut report = samples::report(Outcome::Differences);
    let one = samples::differences().remove(0);
    if let Some(v) = &mut report.verification {
        v.differences = vec![one; MOST_KEPT];
        v.differ = samples::tally(1_000_000, 0);
    }
    let begun = std::time::Instant::now();
    let page = html::render(&report);
    assert!(page.len() < 25_000_000, "{}", page.len());
    assert!(page.contains("990,003 more were counted"));
    assert!(markdown::render(&report).len() < 20_000_000);
    // Unoptimised, on a busy machine.
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}

/// Every element is closed in order, every attribute quoted, every `&` an entity.
fn assert_well_formed(page: &str) {
    let mut open = Vec::new();
    let page = page.strip_prefix("<!DOCTYPE html>").unwrap();
    for (i, part) in page.split('<').enumerate() {
        if i == 0 {
            continue;
        }
        let (tag, text) = part
            .split_once('>')
            .unwrap_or_else(|| panic!("open tag: {part}"));
        if !tag.starts_with("style") {
            assert!(!text.contains('>'), "{part}");
            for entity in text.split('&').skip(1) {
                let name = entity
                    .split_once(';')
                    .unwrap_or_else(|| panic!("bare &: {part}"))
                    .0;
                assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "{name}");
            }
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{part}");
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap();
        assert!(tag.matches('"').count() % 2 == 0, "{tag}");
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}
