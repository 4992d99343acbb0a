//! Letters that CommonMark would take for marks, escaped where they stand as one and nowhere else.
//!
//! People read this text too, in logs and through models, so `5 * 3`, `snake_case` and `C:\temp` stay as typed.

use std::ops::Range;

/// Where the text is going.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Line {
    /// Running text.
    Text,
    /// The shown text of a link, where brackets and addresses mean something.
    Link,
}

/// Writes a stretch of `text`. What stands before and after it is looked at, for marks depend on their neighbours.
pub(super) fn write(text: &str, range: Range<usize>, line: Line, out: &mut String) {
    for (nth, c) in text[range.clone()].char_indices() {
        let spot = Spot {
            text,
            at: range.start + nth,
            end: range.end,
            c,
        };
        if spot.begins_code_block() {
            // A no-break space is not indentation.
            out.push('\u{A0}');
            continue;
        }
        if spot.is_mark(line) {
            out.push('\\');
        }
        out.push(c);
    }
}

/// One character and where it stands.
struct Spot<'a> {
    text: &'a str,
    at: usize,
    /// Where the stretch ends: what follows may be a mark of ours.
    end: usize,
    c: char,
}

impl Spot<'_> {
    fn is_mark(&self, line: Line) -> bool {
        match self.c {
            '`' | '[' => true,
            ']' => line == Line::Link,
            '\\' => self
                .inside_after()
                .is_none_or(|c| c.is_ascii_punctuation() || c == '\n'),
            '*' => self.first_of_line() || !self.in_spaces(),
            '~' => !self.in_spaces(),
            '_' => self.first_of_line() || !(self.in_spaces() || self.in_word()),
            '<' => self
                .after()
                .is_some_and(|c| c.is_alphabetic() || matches!(c, '/' | '!' | '?')),
            '>' => self.first_of_line(),
            '#' => self.first_of_line() && self.is_heading(),
            '+' => self.first_of_line() && self.spaced_after(),
            '-' => self.first_of_line() && (self.spaced_after() || self.line_is_all("-:| \t")),
            '=' => self.first_of_line() && self.line_is_all("= \t"),
            ':' | '|' => self.first_of_line() && self.line_is_all("-:| \t"),
            '.' | ')' => self.ends_number() && self.spaced_after(),
            _ => false,
        }
    }

    fn before(&self) -> Option<char> {
        self.text[..self.at].chars().next_back()
    }

    fn after(&self) -> Option<char> {
        self.text[self.at + self.c.len_utf8()..].chars().next()
    }

    /// The next character if it is written straight after this one.
    fn inside_after(&self) -> Option<char> {
        self.text[self.at + self.c.len_utf8()..self.end]
            .chars()
            .next()
    }

    fn line_start(&self) -> usize {
        self.text[..self.at].rfind('\n').map_or(0, |feed| feed + 1)
    }

    fn line(&self) -> &str {
        let rest = &self.text[self.line_start()..];
        rest.split('\n').next().unwrap_or(rest)
    }

    /// Whether nothing but white space stands before it on its line.
    fn first_of_line(&self) -> bool {
        self.text[self.line_start()..self.at].trim().is_empty()
    }

    fn line_is_all(&self, letters: &str) -> bool {
        self.line().chars().all(|c| letters.contains(c))
    }

    fn spaced_after(&self) -> bool {
        self.after().is_none_or(char::is_whitespace)
    }

    fn in_spaces(&self) -> bool {
        self.before().is_none_or(char::is_whitespace) && self.spaced_after()
    }

    fn in_word(&self) -> bool {
        let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        letter(self.before()) && letter(self.after())
    }

    fn is_heading(&self) -> bool {
        let rest = self.text[self.at..].trim_start_matches('#');
        rest.chars().next().is_none_or(char::is_whitespace)
    }

    /// Whether it is the sign after the number of a list item.
    fn ends_number(&self) -> bool {
        let number = self.text[self.line_start()..self.at].trim_start();
        (1..=9).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit())
    }

    /// Whether it is the first space of an indentation that would turn a paragraph into code.
    fn begins_code_block(&self) -> bool {
        if !matches!(self.c, ' ' | '\t') || self.before().is_some_and(|c| c != '\n') {
            return false;
        }
        let line = self.line();
        let indent = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
        let deep = indent.len() >= 4 || indent.contains('\t');
        deep && !line.trim().is_empty() && self.follows_blank_line()
    }

    /// For the first character of a line: whether the line above is blank, or there is none.
    fn follows_blank_line(&self) -> bool {
        let above = self.text[..self.at].strip_suffix('\n');
        let line = above.and_then(|above| above.rsplit('\n').next());
        line.is_none_or(|line| line.trim().is_empty())
    }
}
