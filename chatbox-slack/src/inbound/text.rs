//! Slack's text as CommonMark: escapes, links, mentions and styles are read, and written as what they mean.

use chatbox_connector_api::kit::styled::{Kind, Span, commonmark, one_line_end, sort};
use std::ops::Range;

/// The longest text that is read for its styles; a longer one is taken as words.
const MOST_STYLED: usize = 64 * 1024;
/// So far ahead a style may end, in bytes: every sign that may begin one is looked for so far.
const MOST_REACH: usize = 4 * 1024;
/// So deep may a style stand in another.
const MAX_DEPTH: u8 = 8;

/// The text as CommonMark. A mention of `me` before everything else is no word of it.
pub(super) fn read(text: &str, me: &str, name: &dyn Fn(&str) -> Option<String>) -> String {
    let text = one_line_end(text);
    let mut page = Page {
        name,
        text: String::new(),
        spans: Vec::new(),
    };
    let text = without_call(&text, me);
    match text.len() > MOST_STYLED {
        true => page.words(text),
        false => page.blocks(text),
    }
    commonmark(&page.text, &sort(page.spans))
}

/// Whether a text mentions somebody.
pub(super) fn mentions(text: &str, who: &str) -> bool {
    let call = format!("<@{who}");
    let ends = |rest: &str| rest.starts_with(['>', '|']);
    text.match_indices(&call)
        .any(|(at, _)| ends(&text[at + call.len()..]))
}

fn without_call<'a>(text: &'a str, me: &str) -> &'a str {
    let trimmed = text.trim_start();
    let rest = trimmed
        .strip_prefix("<@")
        .and_then(|it| it.strip_prefix(me));
    let rest = rest.and_then(|it| match it.strip_prefix('>') {
        Some(rest) => Some(rest),
        None => it.strip_prefix('|')?.split_once('>').map(|(_, rest)| rest),
    });
    rest.map_or(text, |it| it.trim_start_matches([':', ',', ' ', '\u{A0}']))
}

struct Page<'a> {
    name: &'a dyn Fn(&str) -> Option<String>,
    text: String,
    spans: Vec<Span>,
}

impl Page<'_> {
    fn span(&mut self, from: usize, kind: Kind) {
        let range: Range<usize> = from..self.text.len();
        self.spans.push(Span { range, kind });
    }

    /// Code blocks, and lines between them.
    fn blocks(&mut self, text: &str) {
        let mut rest = text;
        while let Some((before, code, after)) = code_block(rest) {
            self.lines(before);
            let from = self.text.len();
            self.words(code);
            self.span(from, Kind::Pre(None));
            rest = after;
        }
        self.lines(rest);
    }

    fn lines(&mut self, text: &str) {
        let mut quote = None;
        for line in text.split_inclusive('\n') {
            let quoted = line
                .strip_prefix("&gt; ")
                .or_else(|| line.strip_prefix("&gt;"));
            match (quoted, quote) {
                (Some(_), None) => quote = Some(self.text.len()),
                (None, Some(from)) => {
                    self.span(from, Kind::Quote);
                    quote = None;
                }
                _ => {}
            }
            self.inline(quoted.unwrap_or(line), MAX_DEPTH);
        }
        if let Some(from) = quote {
            self.span(from, Kind::Quote);
        }
    }

    fn inline(&mut self, text: &str, depth: u8) {
        let mut rest = text;
        let mut before = None;
        while let Some(first) = rest.chars().next() {
            let opens = depth > 0 && before.is_none_or(|c: char| !c.is_alphanumeric());
            let taken = self
                .token(rest)
                .or_else(|| opens.then(|| self.styled(rest, depth)).flatten());
            let taken = taken.unwrap_or_else(|| {
                self.text.push(first);
                first.len_utf8()
            });
            before = rest[..taken].chars().next_back();
            rest = &rest[taken..];
        }
    }

    /// A style between two of its signs, which stand at the borders of words.
    fn styled(&mut self, text: &str, depth: u8) -> Option<usize> {
        let mark = text.chars().next().filter(|c| "*_~`".contains(*c))?;
        let inside = &text[1..];
        if inside.starts_with(char::is_whitespace) || inside.starts_with(mark) {
            return None;
        }
        let closes = |at: usize| {
            let after = inside[at + 1..].chars().next();
            !inside[..at].ends_with(char::is_whitespace)
                && after.is_none_or(|c| !c.is_alphanumeric() && c != mark)
        };
        let reach = inside.floor_char_boundary(MOST_REACH);
        let line = inside[..reach].find('\n').unwrap_or(reach);
        let mut ends = inside[..line].match_indices(mark).map(|(at, _)| at);
        let end = ends.find(|at| *at > 0 && closes(*at))?;
        let from = self.text.len();
        let kind = match mark {
            '*' => Kind::Bold,
            '_' => Kind::Italic,
            '~' => Kind::Strike,
            _ => Kind::Code,
        };
        match mark {
            '`' => self.words(&inside[..end]),
            _ => self.inline(&inside[..end], depth - 1),
        }
        self.span(from, kind);
        Some(end + 2)
    }

    /// An escape, or what stands between angle brackets.
    fn token(&mut self, text: &str) -> Option<usize> {
        for (escape, sign) in [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>')] {
            if text.starts_with(escape) {
                self.text.push(sign);
                return Some(escape.len());
            }
        }
        let inside = text.strip_prefix('<')?;
        let end = inside
            .find(['>', '\n', '<'])
            .filter(|at| inside[*at..].starts_with('>'))?;
        let (target, label) = match inside[..end].split_once('|') {
            Some((target, label)) => (target, Some(label)),
            None => (&inside[..end], None),
        };
        match target.chars().next()? {
            '@' => self.somebody(&target[1..], label),
            '#' => self.plain(&format!("#{}", label.unwrap_or(&target[1..]))),
            '!' => self.special(&target[1..], label),
            _ => self.link(target, label),
        }
        Some(end + 2)
    }

    fn somebody(&mut self, id: &str, label: Option<&str>) {
        let known = (self.name)(id);
        let name = known.as_deref().or(label).unwrap_or(id);
        self.plain(&format!("@{}", name.trim_start_matches('@')));
    }

    /// Groups of people, dates, and words to come.
    fn special(&mut self, word: &str, label: Option<&str>) {
        let first = word.split('^').next().unwrap_or(word);
        match label {
            Some(label) => self.plain(label),
            None => self.plain(&format!("@{first}")),
        }
    }

    fn link(&mut self, target: &str, label: Option<&str>) {
        let from = self.text.len();
        let address = unescaped(target);
        let shown = label.map_or_else(|| address.clone(), unescaped);
        let bare = address.strip_prefix("mailto:").unwrap_or(&address);
        let itself = shown == address || shown == bare;
        self.text.push_str(&shown);
        let kind = match itself {
            true => Kind::Url,
            false => Kind::Link(address.clone()),
        };
        self.span(from, kind);
    }

    fn plain(&mut self, text: &str) {
        self.text.push_str(&unescaped(text));
    }

    /// Words without styles: escapes, links and mentions alone are read.
    fn words(&mut self, text: &str) {
        self.inline(text, 0);
    }
}

/// The first block of code: what is before it, in it, after it.
fn code_block(text: &str) -> Option<(&str, &str, &str)> {
    let open = text.find("```")?;
    let inside = &text[open + 3..];
    let end = inside.find("```").filter(|end| *end > 0)?;
    let code = inside[..end].strip_prefix('\n').unwrap_or(&inside[..end]);
    Some((&text[..open], code, &inside[end + 3..]))
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use chatbox_connector_api::markup::{parse, plain};
    use proptest::prelude::*;

    fn name(id: &str) -> Option<String> {
        (id == "U1").then(|| "ada".to_owned())
    }

    #[test]
    fn slacks_text_is_written_as_what_it_means() {
        for (slack, common) in [
            ("plain words", "plain words"),
            (
                "*bold* _soft_ ~gone~ `code`",
                "**bold** _soft_ ~~gone~~ `code`",
            ),
            (
                "2 * 3 * 4 and snake_case_name",
                "2 * 3 * 4 and snake_case_name",
            ),
            ("a &lt; b &amp;&amp; c", "a < b && c"),
            (
                "<https://x.org/a_b|the page>",
                "[the page](https://x.org/a_b)",
            ),
            ("<https://x.org/a>", "https://x.org/a"),
            ("<@U1> and <@U2> and <@U3|eva>", "@ada and @U2 and @eva"),
            (
                "<#C1|general> <!here> <!subteam^S1|@team>",
                "#general @here @team",
            ),
            ("<@ME> hello", "hello"),
            ("<@ME|bot>: hello", "hello"),
            ("hello <@ME>", "hello @ME"),
            ("&gt; quoted\nnot", "> quoted\n\nnot"),
            ("```fn *a*() {}```", "```\nfn *a*() {}\n```"),
            ("one\ntwo\n\nthree", "one\ntwo\n\nthree"),
        ] {
            assert_eq!(read(slack, "ME", &name), common, "{slack}");
        }
    }

    #[test]
    fn a_mention_is_of_the_one_who_is_named() {
        assert!(mentions("hi <@ME> there", "ME"));
        assert!(mentions("hi <@ME|bot>", "ME"));
        assert!(!mentions("hi <@ME2>", "ME"));
        assert!(!mentions("hi &lt;@ME&gt;", "ME"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn nothing_stops_the_reader_and_no_word_is_lost(text in "[a-z*_~`<>@#!|&; \n]{0,60}") {
            let shown = plain(&parse(&read(&text, "ME", &name)));
            let words = |text: &str| text.split(|c: char| !c.is_ascii_lowercase()).filter(|it| !it.is_empty()).count();
            let bracketed = text.contains('<') || text.contains('&') || text.contains('|');
            prop_assert!(bracketed || words(&shown) >= words(&text), "{text:?} reads {shown:?}");
        }
    }
}
