//! What people read of a text in Discord's markup: an own reading of the client's rules, in their order.

/// The text with its markup applied and gone.
pub fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, code, after)) = block(rest) {
        lines(before, &mut out);
        out.push_str(code);
        if !after.is_empty() && !after.starts_with('\n') {
            out.push('\n');
        }
        rest = after;
    }
    lines(rest, &mut out);
    out
}

/// The first block of code: what is before it, in it, after it.
fn block(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text[from..].find("```")?;
        let escapes = text[..open]
            .chars()
            .rev()
            .take_while(|c| *c == '\\')
            .count();
        if escapes % 2 == 1 {
            from = open + 1;
            continue;
        }
        let inside = &text[open + 3..];
        let end = inside.find("```")?;
        let (code, after) = (&inside[..end], &inside[end + 3..]);
        let word = |line: &str| {
            line.chars()
                .all(|c| c.is_ascii_alphanumeric() || "_+-.#".contains(c))
        };
        let code = match code.split_once('\n') {
            Some((first, rest)) if word(first) => rest,
            _ => code,
        };
        return Some((&text[..open], code.trim_end_matches('\n'), after));
    }
}

fn lines(text: &str, out: &mut String) {
    for (nth, line) in text.split('\n').enumerate() {
        if nth > 0 {
            out.push('\n');
        }
        let line = match line
            .strip_prefix("> ")
            .or_else(|| (line == ">").then_some(""))
        {
            Some(quoted) => quoted,
            None => line,
        };
        let hashes = line.bytes().take_while(|byte| *byte == b'#').count();
        let line = match line[hashes..].strip_prefix(' ') {
            Some(title) if (1..=3).contains(&hashes) => title,
            _ => line.strip_prefix("-# ").unwrap_or(line),
        };
        inline(line, out);
    }
}

fn inline(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = escape(rest, out)
            .or_else(|| address(rest, out))
            .or_else(|| code(rest, out))
            .or_else(|| link(rest, out))
            .or_else(|| {
                ["**", "__", "~~", "||", "*"]
                    .iter()
                    .find_map(|mark| styled(rest, mark, out))
            });
        let taken = taken.unwrap_or_else(|| {
            out.push(first);
            first.len_utf8()
        });
        rest = &rest[taken..];
    }
}

fn escape(text: &str, out: &mut String) -> Option<usize> {
    let next = text.strip_prefix('\\')?.chars().next()?;
    if next.is_ascii_alphanumeric() || next.is_whitespace() {
        return None;
    }
    out.push(next);
    Some(1 + next.len_utf8())
}

/// An address that links by itself, with or without its brackets.
fn address(text: &str, out: &mut String) -> Option<usize> {
    let bare = text.strip_prefix('<').unwrap_or(text);
    let is_one = bare.starts_with("http://") || bare.starts_with("https://");
    if !is_one {
        return None;
    }
    if bare.len() < text.len() {
        let end = bare.find('>')?;
        out.push_str(&bare[..end]);
        return Some(end + 2);
    }
    let end = bare
        .find(|c: char| c.is_whitespace() || c == '<')
        .unwrap_or(bare.len());
    let found = bare[..end].trim_end_matches(['.', ',', ':', ';', '"', '\'', ']', ')']);
    out.push_str(found);
    Some(found.len())
}

fn code(text: &str, out: &mut String) -> Option<usize> {
    let ticks = text.bytes().take_while(|byte| *byte == b'`').count();
    if ticks == 0 {
        return None;
    }
    let fence = &text[..ticks];
    let inside = &text[ticks..];
    let mut from = 0;
    loop {
        let at = from + inside[from..].find(fence)?;
        let run = inside[at..]
            .bytes()
            .take_while(|byte| *byte == b'`')
            .count();
        if run == ticks && at > 0 {
            let code = &inside[..at];
            let padded = code.strip_prefix(' ').filter(|it| it.starts_with('`'));
            let code = padded.unwrap_or(code);
            let padded = code.strip_suffix(' ').filter(|it| it.ends_with('`'));
            out.push_str(padded.unwrap_or(code));
            return Some(ticks + at + ticks);
        }
        from = at + run;
    }
}

fn link(text: &str, out: &mut String) -> Option<usize> {
    let end = unescaped(text.strip_prefix('[')?, "](")?;
    let (title, target) = (&text[1..=end], &text[end + 3..]);
    let close = match target.strip_prefix('<') {
        Some(target) => target.find(">)")? + 2,
        None => target.find(')')?,
    };
    let address = target[..close].trim_matches(['<', '>']);
    if !(address.starts_with("http://") || address.starts_with("https://")) {
        return None;
    }
    inline(title, out);
    Some(end + 3 + close + 1)
}

fn styled(text: &str, mark: &str, out: &mut String) -> Option<usize> {
    let inside = text.strip_prefix(mark)?;
    if mark == "*" && inside.starts_with(char::is_whitespace) {
        return None;
    }
    let mut end = unescaped(inside, mark)?;
    if mark == "*" {
        // The end of something strong is no end of what is only stressed.
        while inside[end..].starts_with("**") {
            let strong = unescaped(&inside[end + 2..], "**")? + end + 4;
            end = strong + unescaped(&inside[strong..], mark)?;
        }
    } else {
        // Of three signs the last two are the end.
        while inside[end + mark.len()..].starts_with(&mark[..1]) {
            end += 1;
        }
    }
    if end == 0 {
        return None;
    }
    inline(&inside[..end], out);
    Some(end + 2 * mark.len())
}

/// Where this stands first, not behind a backslash and not in code.
fn unescaped(text: &str, what: &str) -> Option<usize> {
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(what) {
            return Some(at);
        }
        let mut sink = String::new();
        let step = escape(rest, &mut sink).or_else(|| code(rest, &mut sink));
        at += step.unwrap_or_else(|| rest.chars().next().map_or(1, char::len_utf8));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn markup_is_applied_and_escapes_are_words() {
        for (text, read) in [
            ("plain", "plain"),
            ("**bold** *soft* ~~gone~~ `a*b*`", "bold soft gone a*b*"),
            (r"snake\_case 2 \* 3 \* 4", "snake_case 2 * 3 * 4"),
            ("# Title\n> quoted\n- item", "Title\nquoted\n- item"),
            (
                "a\n```rust\nfn *x*() {}\n\nend\n```\nb",
                "a\nfn *x*() {}\n\nend\nb",
            ),
            ("see [here](<https://x.org/a_(b)>) now", "see here now"),
            ("https://x.org/a_b_c*d* end", "https://x.org/a_b_c*d* end"),
            ("<https://x.org/a>!", "https://x.org/a!"),
            ("`` a`b ``", " a`b "),
            ("***both***", "both"),
            (r"\<@123> \# no", "<@123> # no"),
            ("2 * 3 * 4", "2 * 3 * 4"),
        ] {
            assert_eq!(plain(text), read, "{text}");
        }
    }
}
