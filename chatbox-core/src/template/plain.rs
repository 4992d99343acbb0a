//! Templates with `$NAME` placeholders: read once, filled in many times.
//!
//! `$$` is a `$`. A line that names placeholders, all of them empty, is left out, so that a label needs no condition.

use super::OUTPUT_MOST;
use super::error::Fault;
use super::moment::Moment;
use super::placeholder::Placeholder;

/// A template that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Plain {
    lines: Vec<Vec<Piece>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Text(String),
    Value(Placeholder),
}

impl Plain {
    /// Reads a template, or says what is wrong at which byte.
    pub(super) fn parse(source: &str) -> Result<Self, (usize, Fault)> {
        let mut start = 0;
        let mut lines = Vec::new();
        for text in source.split('\n') {
            lines.push(pieces(text).map_err(|(at, fault)| (start + at, fault))?);
            start += text.len() + 1;
        }
        Ok(Self { lines })
    }

    pub(super) fn names(&self, placeholder: Placeholder) -> bool {
        let mut pieces = self.lines.iter().flatten();
        pieces.any(|piece| *piece == Piece::Value(placeholder))
    }

    pub(super) fn render(&self, moment: &Moment<'_>) -> Result<String, Fault> {
        let mut whole = String::new();
        let mut first = true;
        for line in &self.lines {
            let Some(line) = filled(line, moment)? else {
                continue;
            };
            if !first {
                whole.push('\n');
            }
            first = false;
            whole.push_str(&line);
            fits(whole.len())?;
        }
        Ok(whole)
    }
}

/// A line with its values, or nothing where all it names is empty.
fn filled(line: &[Piece], moment: &Moment<'_>) -> Result<Option<String>, Fault> {
    let mut text = String::new();
    let (mut named, mut said) = (false, false);
    for piece in line {
        match piece {
            Piece::Text(literal) => text.push_str(literal),
            Piece::Value(placeholder) => {
                let value = placeholder.value(moment);
                named = true;
                said |= !value.is_empty();
                text.push_str(&value);
            }
        }
        fits(text.len())?;
    }
    Ok((said || !named).then_some(text))
}

fn fits(length: usize) -> Result<(), Fault> {
    if length > OUTPUT_MOST {
        return Err(Fault::OutputTooLarge { most: OUTPUT_MOST });
    }
    Ok(())
}

fn pieces(line: &str) -> Result<Vec<Piece>, (usize, Fault)> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(found) = line[at..].find('$') {
        let dollar = at + found;
        literal.push_str(&line[at..dollar]);
        let rest = &line[dollar + 1..];
        if rest.starts_with('$') {
            literal.push('$');
            at = dollar + 2;
            continue;
        }
        let name = name(rest).ok_or_else(|| (dollar, lone()))?;
        let placeholder = Placeholder::named(name).map_err(|fault| (dollar, fault))?;
        if !literal.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Value(placeholder));
        at = dollar + 1 + name.len();
    }
    literal.push_str(&line[at..]);
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(pieces)
}

/// The name a text begins with.
pub(super) fn name(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let name = &text[..end.unwrap_or(text.len())];
    (!name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())).then_some(name)
}

fn lone() -> Fault {
    Fault::Syntax("a `$` that begins no placeholder is written `$$`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    #[test]
    fn a_line_is_text_and_values() {
        for (source, read) in [
            ("", vec![]),
            ("a$$b$$", vec![text("a$b$")]),
            ("$TEXT", vec![Piece::Value(Placeholder::Text)]),
            (
                "$$$TEXT$CHAT_ID.",
                vec![
                    text("$"),
                    Piece::Value(Placeholder::Text),
                    Piece::Value(Placeholder::ChatId),
                    text("."),
                ],
            ),
        ] {
            assert_eq!(pieces(source), Ok(read), "{source}");
        }
    }

    #[test]
    fn what_is_no_placeholder_is_refused_where_it_stands() {
        for (source, at, meant) in [
            ("a\nb $TXT", 4, Some("$TEXT")),
            ("$text", 0, Some("$TEXT")),
            ("é $CHATLIST", 3, Some("$CHAT_LIST")),
            ("$TEXTS", 0, Some("$TEXT")),
            ("$HOME", 0, None),
            ("$__class__", 0, None),
        ] {
            let (found, fault) = Plain::parse(source).expect_err(source);
            let Fault::UnknownPlaceholder { meant: nearest, .. } = fault else {
                panic!("{source}: {fault}");
            };
            assert_eq!((found, nearest.as_deref()), (at, meant), "{source}");
        }
        for source in ["$", "a $ b", "$5", "${TEXT}", "$$$", "$é"] {
            let (_, fault) = Plain::parse(source).expect_err(source);
            assert_eq!(fault.code(), "template_syntax", "{source}");
        }
    }
}
