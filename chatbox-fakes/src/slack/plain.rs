//! What people read of a message: an own reading of mrkdwn, and CommonMark read by a library.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;

/// A message's words with their markup applied and gone: those of its blocks where it has any.
pub fn plain(text: &str, blocks: &[Value]) -> String {
    let markdown = blocks
        .iter()
        .filter(|block| block["type"] == "markdown")
        .filter_map(|block| block["text"].as_str());
    let shown: Vec<String> = markdown.map(commonmark).collect();
    match shown.is_empty() {
        true => mrkdwn(text),
        false => shown.join("\n"),
    }
}

/// CommonMark as people read it.
pub fn commonmark(text: &str) -> String {
    let extensions = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut out = String::new();
    let end = |out: &mut String| {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
    };
    for event in Parser::new_ext(text, extensions) {
        match event {
            Event::Text(text) | Event::Code(text) | Event::Html(text) | Event::InlineHtml(text) => {
                out.push_str(&text);
            }
            Event::SoftBreak | Event::HardBreak => out.push('\n'),
            Event::Rule => {
                end(&mut out);
                out.push_str("———\n");
            }
            Event::Start(
                Tag::Paragraph
                | Tag::Heading { .. }
                | Tag::CodeBlock(_)
                | Tag::Item
                | Tag::List(_)
                | Tag::TableRow,
            )
            | Event::End(
                TagEnd::Paragraph
                | TagEnd::Heading(_)
                | TagEnd::CodeBlock
                | TagEnd::Item
                | TagEnd::TableHead
                | TagEnd::TableRow,
            ) => end(&mut out),
            Event::End(TagEnd::TableCell) => out.push_str(" | "),
            _ => {}
        }
    }
    out.trim_end_matches('\n').to_owned()
}

/// mrkdwn as people read it.
pub fn mrkdwn(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("```") {
        let inside = &rest[at + 3..];
        let Some(end) = inside.find("```") else { break };
        words(&rest[..at], &mut out);
        out.push_str(&unescaped(inside[..end].trim_matches('\n')));
        rest = &inside[end + 3..];
    }
    words(rest, &mut out);
    out
}

fn words(text: &str, out: &mut String) {
    for (nth, line) in text.split('\n').enumerate() {
        if nth > 0 {
            out.push('\n');
        }
        let quoted = line.strip_prefix("&gt;").or_else(|| line.strip_prefix('>'));
        inline(quoted.map_or(line, str::trim_start), out);
    }
}

fn inline(text: &str, out: &mut String) {
    let (mut rest, mut before) = (text, None);
    while let Some(first) = rest.chars().next() {
        let taken = token(rest, out).or_else(|| {
            let opens = before.is_none_or(|c: char| !c.is_alphanumeric());
            ['`', '*', '_', '~']
                .into_iter()
                .filter(|_| opens)
                .find_map(|mark| styled(rest, mark, out))
        });
        let taken = taken.unwrap_or_else(|| {
            out.push(first);
            first.len_utf8()
        });
        before = rest[..taken].chars().next_back();
        rest = &rest[taken..];
    }
}

/// `<address|words>`, and the three escapes.
fn token(text: &str, out: &mut String) -> Option<usize> {
    for (escape, sign) in [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>')] {
        if text.starts_with(escape) {
            out.push(sign);
            return Some(escape.len());
        }
    }
    let inside = text.strip_prefix('<')?;
    let end = inside.find('>')?;
    let (address, shown) = inside[..end]
        .split_once('|')
        .unwrap_or((&inside[..end], &inside[..end]));
    match address.starts_with(['@', '#', '!']) {
        // Somebody would be called by it.
        true => out.push_str(&format!("[calls {shown}]")),
        false => inline(shown, out),
    }
    Some(end + 2)
}

fn styled(text: &str, mark: char, out: &mut String) -> Option<usize> {
    let inside = text.strip_prefix(mark)?;
    if inside.starts_with(char::is_whitespace) {
        return None;
    }
    let mut from = 0;
    loop {
        let end = from + inside[from..].find(mark)?;
        let after = inside[end + mark.len_utf8()..].chars().next();
        let closes = end > 0
            && !inside[..end].ends_with(char::is_whitespace)
            && after.is_none_or(|c| !c.is_alphanumeric() && c != mark);
        if !closes {
            from = end + mark.len_utf8();
            continue;
        }
        match mark {
            '`' => out.push_str(&unescaped(&inside[..end])),
            _ => inline(&inside[..end], out),
        }
        return Some(end + 2 * mark.len_utf8());
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::{commonmark, mrkdwn};

    #[test]
    fn mrkdwn_is_applied_and_escapes_are_words() {
        for (text, read) in [
            ("plain", "plain"),
            ("*bold* _soft_ ~gone~ `a*b*`", "bold soft gone a*b*"),
            ("snake_case_name 2 * 3 * 4", "snake_case_name 2 * 3 * 4"),
            ("&gt; quoted\n• item", "quoted\n• item"),
            ("a\n```\nfn *x*() {}\n```\nb", "a\nfn *x*() {}\nb"),
            ("see <https://x.org/a_b|here> now", "see here now"),
            ("&lt;@U1&gt; &amp;amp;", "<@U1> &amp;"),
            ("<!here> <@U1>", "[calls !here] [calls @U1]"),
        ] {
            assert_eq!(mrkdwn(text), read, "{text}");
        }
    }

    #[test]
    fn commonmark_is_read_by_lines() {
        let text = "# Title\n\na **b** `c`\n\n- one\n- two\n\n```rs\nx\n\ny\n```\n\n| a | b |\n|---|---|\n| c | d |";
        assert_eq!(
            commonmark(text),
            "Title\na b c\none\ntwo\nx\n\ny\na | b | \nc | d | "
        );
    }
}
