//! What is closed before the engine reads a template: every statement but `if` and `for`, the operators that join texts,
//! and loops that call themselves. With those, forty short lines make a text larger than any memory.
//!
//! Also `{` inside code, so that code ends here where it ends for the engine, and `$NAME`, which would stand there
//! unfilled.

use super::super::error::Fault;
use super::super::placeholder::Placeholder;
use super::super::plain;
use super::variable;

const STATEMENTS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];
const CLOSED_WORDS: [&str; 2] = ["recursive", "self"];

type Refused = (usize, Fault);

/// Reads a template from bracket to bracket. What is refused is told with its byte.
pub(super) fn check(source: &str) -> Result<(), Refused> {
    let mut at = 0;
    while let Some(found) = source[at..].find('{') {
        let open = at + found;
        literal(source, at, open)?;
        let inside = open + 2;
        at = match source.as_bytes().get(open + 1) {
            Some(b'#') => comment(source, inside)?,
            Some(b'%') => {
                statement(source, inside)?;
                code(source, inside, "%}")?
            }
            Some(b'{') => code(source, inside, "}}")?,
            _ => open + 1,
        };
    }
    literal(source, at, source.len())
}

fn literal(source: &str, from: usize, to: usize) -> Result<(), Refused> {
    let text = &source[from..to];
    for (dollar, _) in text.match_indices('$') {
        let name = plain::name(&text[dollar + 1..]).unwrap_or_default();
        if let Ok(placeholder) = Placeholder::named(name) {
            let variable = variable(placeholder);
            let text = format!("beside `{{{{` or `{{%`, ${name} is written {{{{ {variable} }}}}");
            return Err((from + dollar, Fault::Syntax(text)));
        }
    }
    Ok(())
}

fn comment(source: &str, inside: usize) -> Result<usize, Refused> {
    let end = source[inside..].find("#}");
    let unclosed = || {
        (
            inside - 2,
            Fault::Syntax("`{#` is not closed by `#}`".to_owned()),
        )
    };
    Ok(inside + end.ok_or_else(unclosed)? + 2)
}

fn statement(source: &str, inside: usize) -> Result<(), Refused> {
    let rest = &source[inside..];
    let rest = rest.strip_prefix('-').unwrap_or(rest);
    let word = plain::name(rest.trim_start()).unwrap_or_default();
    if STATEMENTS.contains(&word) {
        return Ok(());
    }
    Err((inside - 2, Fault::NotAvailable(format!("`{{% {word} %}}`"))))
}

/// Code up to its closing bracket; answers where the text goes on.
fn code(source: &str, inside: usize, close: &str) -> Result<usize, Refused> {
    let mut at = inside;
    while let Some(next) = source[at..].chars().next() {
        if source[at..].starts_with(close) {
            return Ok(at + close.len());
        }
        at = match next {
            '"' | '\'' => string(source, at, next)?,
            '~' | '+' | '*' | '{' => return Err((at, Fault::NotAvailable(format!("`{next}`")))),
            _ => match plain::name(&source[at..]) {
                Some(word) if CLOSED_WORDS.contains(&word) => {
                    return Err((at, Fault::NotAvailable(format!("`{word}`"))));
                }
                Some(word) => at + word.len(),
                None => at + next.len_utf8(),
            },
        };
    }
    let text = format!(
        "`{}` is not closed by `{close}`",
        &source[inside - 2..inside]
    );
    Err((inside - 2, Fault::Syntax(text)))
}

/// Past a quoted text.
fn string(source: &str, start: usize, quote: char) -> Result<usize, Refused> {
    let mut escaped = false;
    for (at, c) in source[start + 1..].char_indices() {
        if c == quote && !escaped {
            return Ok(start + 1 + at + 1);
        }
        escaped = c == '\\' && !escaped;
    }
    Err((
        start,
        Fault::Syntax("a quoted text does not end".to_owned()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_loops_and_quotations_pass() {
        for source in [
            "{{ text }}",
            "{%- if text == \"~ }} %} \\\" +\" -%}a{% else %}b{% endif %}",
            "{# ~ {% set %} #}{ }{% for c in chats %}{{ c['id'] }}{% endfor %}",
            "$ $5 $x {{ text|upper }}",
        ] {
            assert_eq!(check(source), Ok(()), "{source}");
        }
    }

    #[test]
    fn what_makes_texts_grow_or_hides_code_does_not() {
        for (source, at, code) in [
            ("{% set x = text %}", 0, "template_not_available"),
            ("a{%- with x = 1 %}", 1, "template_not_available"),
            ("{% raw %}", 0, "template_not_available"),
            ("{%+ if x %}", 0, "template_not_available"),
            ("{% macro x() %}", 0, "template_not_available"),
            ("{% filter upper %}", 0, "template_not_available"),
            ("{{ text ~ text }}", 8, "template_not_available"),
            ("{{ text + text }}", 8, "template_not_available"),
            (
                "{% for c in chats recursive %}",
                18,
                "template_not_available",
            ),
            ("{{ self }}", 3, "template_not_available"),
            ("{{ 'a' * 9 }}", 7, "template_not_available"),
            ("{{ {'a': {}} ~ text }}", 3, "template_not_available"),
            ("{{ 'a\\' }} ~ text }}", 3, "template_syntax"),
            ("{{ text }", 0, "template_syntax"),
            ("{% if x", 0, "template_syntax"),
            ("{#", 0, "template_syntax"),
            ("{{ text }} $TEXT", 11, "template_syntax"),
        ] {
            let (found, fault) = check(source).expect_err(source);
            assert_eq!((found, fault.code()), (at, code), "{source}: {fault}");
        }
    }
}
