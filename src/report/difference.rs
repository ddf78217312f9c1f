//! Where two texts differ, word by word: for showing, not for deciding. Work and output
//! are bounded whatever the length; what lies far from the first difference is left out
//! and counted.

use unicode_segmentation::UnicodeSegmentation;

/// Two texts, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sides<'a> {
    /// Bytes left out before the first span, the same in both.
    pub before: usize,
    /// The source's text: [`What::Same`] and [`What::Removed`].
    pub source: Vec<Span<'a>>,
    /// Bytes of the source left out behind its last span.
    pub source_after: usize,
    /// The target's text: [`What::Same`] and [`What::Added`].
    pub target: Vec<Span<'a>>,
    /// Bytes of the target left out behind its last span.
    pub target_after: usize,
}

/// A stretch of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<'a> {
    /// Which sort.
    pub what: What,
    /// The text, never empty, never part of a grapheme cluster.
    pub text: &'a str,
}

impl<'a> Span<'a> {
    /// About so many bytes from its start, if asked for, and from its end, if asked for;
    /// the whole of it as the first if no more than that would be left out.
    pub fn ends(&self, start: bool, end: bool, bytes: usize) -> (&'a str, &'a str) {
        let text = self.text;
        if text.len() <= bytes.saturating_mul(2) {
            return (text, "");
        }
        let head = if start { forward_to(text, bytes) } else { 0 };
        let tail = if end {
            forward_to(text, text.len() - bytes)
        } else {
            text.len()
        };
        (&text[..head], &text[tail.max(head)..])
    }
}

/// A sort of span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// In both.
    Same,
    /// Only in the source.
    Removed,
    /// Only in the target.
    Added,
}

/// How much to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Bytes before the first difference, about.
    pub before: usize,
    /// Bytes from the first difference on, about.
    pub from: usize,
}

impl Window {
    /// For a page, where there is room.
    pub const PAGE: Window = Window {
        before: 400,
        from: 4_000,
    };
}

/// Most pairs of words compared; beyond, the middle counts as changed as a whole.
const MOST_PAIRS: usize = 100_000;

/// Takes two texts apart.
pub fn between<'a>(source: &'a str, target: &'a str, window: Window) -> Sides<'a> {
    let same = common_start(source, target);
    let start = back_to(source, target, same.saturating_sub(window.before));
    let end = |text: &str| forward_to(text, same.saturating_add(window.from).min(text.len()));
    let (source_end, target_end) = (end(source), end(target));
    let mut sides = spans(&source[start..source_end], &target[start..target_end]);
    sides.before = start;
    sides.source_after = source.len() - source_end;
    sides.target_after = target.len() - target_end;
    sides
}

/// Bytes that both begin with, up to a character.
fn common_start(a: &str, b: &str) -> usize {
    let bytes = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    (0..=bytes)
        .rev()
        .find(|at| a.is_char_boundary(*at) && b.is_char_boundary(*at))
        .unwrap_or(0)
}

/// The start of a cluster at or a little before a place where both texts are the same.
fn back_to(source: &str, target: &str, mut at: usize) -> usize {
    while !(source.is_char_boundary(at) && target.is_char_boundary(at)) {
        at -= 1;
    }
    // The cluster that ends here may go on behind: it is kept.
    let near = &source[floor(source, at.saturating_sub(64))..at];
    at - near.graphemes(true).next_back().map_or(0, str::len)
}

/// The end of a cluster near a place.
fn forward_to(text: &str, at: usize) -> usize {
    let at = floor(text, at);
    if at == text.len() {
        return at;
    }
    let from = floor(text, at.saturating_sub(64));
    let to = floor(text, (at + 64).min(text.len()));
    let mut clusters = text[from..to].grapheme_indices(true).map(|(i, _)| from + i);
    clusters.find(|i| *i >= at).unwrap_or(to)
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The whole of both texts as spans. Only the middle, which differs, is taken apart.
fn spans<'a>(source: &'a str, target: &'a str) -> Sides<'a> {
    let head = word_start(source, target, common_start(source, target));
    let (source_rest, target_rest) = (&source[head..], &target[head..]);
    let tail = word_end(source_rest, common_end(source_rest, target_rest));
    let middle = |text: &'a str| &text[..text.len() - tail];
    let (source_mid, target_mid) = (middle(source_rest), middle(target_rest));
    let a: Vec<&str> = source_mid.split_word_bounds().collect();
    let b: Vec<&str> = target_mid.split_word_bounds().collect();
    let mut pairs = Vec::new();
    if a.len().saturating_mul(b.len()) <= MOST_PAIRS {
        pairs = matched(&a, &b);
    }
    let (mut left, mut right) = (Runs::new(source), Runs::new(target));
    for (runs, n) in [(&mut left, head), (&mut right, head)] {
        runs.push(What::Same, n);
    }
    build(&mut left, &mut right, &a, &b, &pairs);
    for runs in [&mut left, &mut right] {
        runs.push(What::Same, tail);
    }
    Sides {
        source: left.spans(),
        target: right.spans(),
        ..Sides::default()
    }
}

/// Bytes that both end with, from a character on.
fn common_end(a: &str, b: &str) -> usize {
    let pairs = a.bytes().rev().zip(b.bytes().rev());
    let bytes = pairs.take_while(|(a, b)| a == b).count();
    let starts = |text: &str, n: usize| text.is_char_boundary(text.len() - n);
    (0..=bytes)
        .rev()
        .find(|n| starts(a, *n) && starts(b, *n))
        .unwrap_or(0)
}

/// Where the word begins that holds this place, if that is near.
fn word_start(source: &str, target: &str, at: usize) -> usize {
    let near = &source[floor(source, at.saturating_sub(64))..at];
    let space = near.rfind(' ').map(|space| at - near.len() + space);
    match space {
        Some(at) if is_bare(&source[at..]) && is_bare(&target[at..]) => at + 1,
        _ => back_to(source, target, at),
    }
}

/// How much of a common end begins with a word of its own.
fn word_end(text: &str, tail: usize) -> usize {
    let end = &text[text.len() - tail..];
    match end[..floor(end, 64.min(end.len()))].find(' ') {
        Some(space) if is_bare(&end[space..]) => tail - space - 1,
        _ => 0,
    }
}

/// Whether the space that text begins with has no marks on it.
fn is_bare(text: &str) -> bool {
    text[..floor(text, 16.min(text.len()))]
        .graphemes(true)
        .next()
        == Some(" ")
}

/// The longest sequence of words that both have, by position. Words that are only
/// blank do not count, so that changed text is not peppered with equal spaces.
fn matched(a: &[&str], b: &[&str]) -> Vec<(usize, usize)> {
    let weight = |word: &str| u32::from(!word.trim().is_empty()) * 4 + 1;
    let width = b.len() + 1;
    let mut best = vec![0_u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            let skip = best[(i + 1) * width + j].max(best[i * width + j + 1]);
            best[i * width + j] = match a[i] == b[j] {
                true => skip.max(best[(i + 1) * width + j + 1] + weight(a[i])),
                false => skip,
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        let here = best[i * width + j];
        if a[i] == b[j] && here == best[(i + 1) * width + j + 1] + weight(a[i]) {
            pairs.push((i, j));
            i += 1;
            j += 1;
        } else if here == best[(i + 1) * width + j] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

fn build<'a>(
    left: &mut Runs<'a>,
    right: &mut Runs<'a>,
    a: &[&str],
    b: &[&str],
    pairs: &[(usize, usize)],
) {
    let (mut i, mut j) = (0, 0);
    let bytes = |words: &[&str]| words.iter().map(|w| w.len()).sum::<usize>();
    for &(next_i, next_j) in pairs.iter().chain([&(a.len(), b.len())]) {
        changed(left, right, bytes(&a[i..next_i]), bytes(&b[j..next_j]));
        let same = a.get(next_i).map_or(0, |word| word.len());
        left.push(What::Same, same);
        right.push(What::Same, same);
        (i, j) = (next_i + 1, next_j + 1);
    }
}

/// One stretch became another: what both begin and end with is the same after all.
fn changed<'a>(left: &mut Runs<'a>, right: &mut Runs<'a>, removed: usize, added: usize) {
    let (old, new) = (left.next(removed), right.next(added));
    let equal = |pair: &(&str, &str)| pair.0 == pair.1;
    let heads = old.graphemes(true).zip(new.graphemes(true));
    let head: usize = heads.take_while(equal).map(|(a, _)| a.len()).sum();
    let (old, new) = (&old[head..], &new[head..]);
    let tails = old.graphemes(true).rev().zip(new.graphemes(true).rev());
    let tail: usize = tails.take_while(equal).map(|(a, _)| a.len()).sum();
    for (runs, what, middle) in [
        (left, What::Removed, old.len() - tail),
        (right, What::Added, new.len() - tail),
    ] {
        runs.push(What::Same, head);
        runs.push(what, middle);
        runs.push(What::Same, tail);
    }
}

/// One side as it is put together.
struct Runs<'a> {
    text: &'a str,
    ends: Vec<(What, usize)>,
}

impl<'a> Runs<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            ends: Vec::new(),
        }
    }

    fn end(&self) -> usize {
        self.ends.last().map_or(0, |run| run.1)
    }

    fn next(&self, bytes: usize) -> &'a str {
        &self.text[self.end()..self.end() + bytes]
    }

    fn push(&mut self, what: What, bytes: usize) {
        let end = self.end() + bytes;
        match self.ends.last_mut() {
            _ if bytes == 0 => {}
            Some(run) if run.0 == what => run.1 = end,
            _ => self.ends.push((what, end)),
        }
    }

    fn spans(self) -> Vec<Span<'a>> {
        let mut at = 0;
        let cut = |(what, end): (What, usize)| {
            let text = &self.text[at..end];
            at = end;
            Span { what, text }
        };
        self.ends.into_iter().map(cut).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As `same [-removed-] same` and `same {+added+} same`.
    fn shown(source: &str, target: &str) -> (String, String) {
        let sides = between(source, target, Window::PAGE);
        let show = |spans: &[Span<'_>]| {
            let show = spans.iter().map(|span| match span.what {
                What::Same => span.text.to_owned(),
                What::Removed => format!("[-{}-]", span.text),
                What::Added => format!("{{+{}+}}", span.text),
            });
            show.collect::<String>()
        };
        (show(&sides.source), show(&sides.target))
    }

    #[test]
    fn marks_the_words_that_differ() {
        for (source, target, left, right) in [
            ("same", "same", "same", "same"),
            ("", "new", "", "{+new+}"),
            (
                "use a retry queue",
                "use the queue",
                "use [-a retry-] queue",
                "use {+the+} queue",
            ),
            ("queues", "queue", "queue[-s-]", "queue"),
            ("a\0b", "a\u{FFFD}b", "a[-\0-]b", "a{+\u{FFFD}+}b"),
            (
                "one two three",
                "one three",
                "one [-two -]three",
                "one three",
            ),
            // An accent is never torn from its letter.
            (
                "cafe\u{301}",
                "cafe\u{300}",
                "caf[-e\u{301}-]",
                "caf{+e\u{300}+}",
            ),
            ("0.5", "0.50", "0.5", "0.5{+0+}"),
        ] {
            assert_eq!(shown(source, target), (left.to_owned(), right.to_owned()));
        }
    }

    #[test]
    fn long_texts_are_cut_around_the_first_difference() {
        let same = "lorem ipsum ".repeat(100_000);
        let (source, target) = (format!("{same}old{same}"), format!("{same}new!{same}"));
        let sides = between(
            &source,
            &target,
            Window {
                before: 40,
                from: 400,
            },
        );
        assert!(
            (1_199_900..1_200_000).contains(&sides.before),
            "{}",
            sides.before
        );
        let texts: Vec<_> = sides.source.iter().map(|s| (s.what, s.text)).collect();
        assert_eq!(texts[1], (What::Removed, "old"));
        assert!(texts[0].1.len() < 100 && texts[2].1.len() < 500);
        let shown: usize = texts.iter().map(|t| t.1.len()).sum();
        assert_eq!(sides.before + shown + sides.source_after, source.len());
    }

    #[test]
    fn texts_with_nothing_in_common_take_no_time() {
        let source: String = (0..2_000_000)
            .map(|i| format!("{i} "))
            .take(100_000)
            .collect();
        let target: String = (0..100_000).map(|i| format!("x{i}.")).collect();
        let begun = std::time::Instant::now();
        for _ in 0..100 {
            between(&source, &target, Window::PAGE);
        }
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    }

    proptest! {
        #[test]
        fn spans_put_together_are_the_texts(
            source in "[ab \u{301}é\n👩\u{200d}]{0,80}",
            target in "[ab \u{301}é\n👩\u{200d}]{0,80}",
            before in 0..30_usize,
            from in 0..60_usize,
        ) {
            let sides = between(&source, &target, Window { before, from });
            for (text, spans, after, other) in [
                (&source, &sides.source, sides.source_after, What::Added),
                (&target, &sides.target, sides.target_after, What::Removed),
            ] {
                let middle: String = spans.iter().map(|s| s.text).collect();
                let end = text.len() - after;
                prop_assert_eq!(&text[sides.before..end], middle);
                prop_assert!(spans.iter().all(|s| s.what != other && !s.text.is_empty()));
                prop_assert!(spans.windows(2).all(|w| w[0].what != w[1].what));
            }
            prop_assert_eq!(&source[..sides.before], &target[..sides.before]);
            let same = |spans: &[Span<'_>]| -> String {
                let same = spans.iter().filter(|s| s.what == What::Same);
                same.map(|s| s.text).collect()
            };
            if sides.source_after + sides.target_after == 0 {
                prop_assert_eq!(same(&sides.source), same(&sides.target));
            }
        }
    }
}
