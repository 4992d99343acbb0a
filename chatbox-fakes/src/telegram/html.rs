//! The `HTML` parse mode, far enough for bots written by others.
//!
//! Pure. Other parse modes are refused out loud by the caller, never read as plain text.

use super::types::Entity;
use super::wire::Refusal;

/// Turns marked-up text into bare text and entities.
///
/// # Errors
/// 400 for tags that are unknown, unclosed or closed in the wrong order.
pub(crate) fn parse(markup: &str) -> Result<(String, Vec<Entity>), Refusal> {
    let mut reader = Reader::default();
    let mut rest = markup;
    while let Some(next) = rest.find(['<', '&']) {
        reader.text.push_str(&rest[..next]);
        rest = &rest[next..];
        rest = if rest.starts_with('<') {
            reader.tag(rest)?
        } else {
            reader.escape(rest)
        };
    }
    reader.text.push_str(rest);
    match reader.open.pop() {
        Some(tag) => Err(wrong(format_args!(
            "Can't find end tag corresponding to start tag \"{}\"",
            tag.name
        ))),
        None => Ok((reader.text, reader.entities)),
    }
}

fn wrong(why: impl std::fmt::Display) -> Refusal {
    Refusal::bad(format_args!("can't parse entities: {why}"))
}

#[derive(Default)]
struct Reader {
    text: String,
    entities: Vec<Entity>,
    open: Vec<Open>,
}

struct Open {
    name: String,
    entity: Entity,
}

impl Reader {
    fn units(&self) -> i64 {
        i64::try_from(self.text.encode_utf16().count()).unwrap_or(i64::MAX)
    }

    fn tag<'a>(&mut self, rest: &'a str) -> Result<&'a str, Refusal> {
        let end = rest.find('>').ok_or_else(|| wrong("Unclosed start tag"))?;
        let inner = &rest[1..end];
        match inner.strip_prefix('/') {
            Some(name) => self.close(name.trim())?,
            None => self.begin(inner)?,
        }
        Ok(&rest[end + 1..])
    }

    fn begin(&mut self, inner: &str) -> Result<(), Refusal> {
        let name = inner.split_whitespace().next().unwrap_or_default();
        let kind = match name.to_ascii_lowercase().as_str() {
            "b" | "strong" => "bold",
            "i" | "em" => "italic",
            "u" | "ins" => "underline",
            "s" | "strike" | "del" => "strikethrough",
            "tg-spoiler" => "spoiler",
            "code" => "code",
            "pre" => "pre",
            "blockquote" => "blockquote",
            "a" => "text_link",
            _ => return Err(wrong(format_args!("Unsupported start tag \"{name}\""))),
        };
        let mut entity = Entity::new(kind, self.units(), 0);
        entity.url = attribute(inner, "href");
        self.open.push(Open {
            name: name.to_owned(),
            entity,
        });
        Ok(())
    }

    fn close(&mut self, name: &str) -> Result<(), Refusal> {
        let open = self.open.pop().filter(|open| open.name == name);
        let Some(Open { mut entity, .. }) = open else {
            return Err(wrong(format_args!("Unexpected end tag \"{name}\"")));
        };
        entity.length = self.units() - entity.offset;
        if entity.length > 0 && (entity.kind != "text_link" || entity.url.is_some()) {
            self.entities.push(entity);
        }
        Ok(())
    }

    fn escape<'a>(&mut self, rest: &'a str) -> &'a str {
        let known = [
            ("&lt;", '<'),
            ("&gt;", '>'),
            ("&amp;", '&'),
            ("&quot;", '"'),
        ];
        for (escape, c) in known {
            if let Some(tail) = rest.strip_prefix(escape) {
                self.text.push(c);
                return tail;
            }
        }
        self.text.push('&');
        &rest[1..]
    }
}

fn attribute(inner: &str, name: &str) -> Option<String> {
    let (_, value) = inner.split_once(&format!("{name}=\""))?;
    let (value, _) = value.split_once('"')?;
    Some(value.replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_nested_tags_and_escapes() {
        let (text, entities) =
            parse("<b>a <i>😀</i></b> &lt;<a href=\"https://e.org/?a=1&amp;b=2\">x</a>")
                .expect("well-formed");
        assert_eq!(text, "a 😀 <x");
        let mut link = Entity::new("text_link", 6, 1);
        link.url = Some("https://e.org/?a=1&b=2".to_owned());
        assert_eq!(
            entities,
            [Entity::new("italic", 2, 2), Entity::new("bold", 0, 4), link]
        );
    }

    #[test]
    fn refuses_what_does_not_close() {
        for wrong in ["<b>x", "x</b>", "<b><i>x</b></i>", "<blink>x</blink>", "<b"] {
            let refusal = parse(wrong).expect_err(wrong);
            assert!(
                refusal
                    .description
                    .starts_with("Bad Request: can't parse entities: ")
            );
        }
    }
}
