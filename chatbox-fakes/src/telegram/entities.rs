//! What the platform does to a text and its entities before it stores them.
//!
//! Owns bounds checks, clean-up and normalisation. Pure: values in, values out. The rules are the observed ones of
//! the public Bot API server: control characters become blanks, carriage returns, a range of directional marks and
//! three combining marks vanish, blank edges are trimmed, offsets follow.

use serde_json::Value;

use super::nesting::{nest, sort};
use super::types::Entity;
use super::wire::Refusal;

/// Entity kinds a bot may send.
const KINDS: &[&str] = &[
    "mention",
    "hashtag",
    "cashtag",
    "bot_command",
    "url",
    "email",
    "phone_number",
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "spoiler",
    "blockquote",
    "expandable_blockquote",
    "code",
    "pre",
    "text_link",
    "text_mention",
    "custom_emoji",
];
/// Kinds the server finds by itself; sent ones are dropped.
const FOUND_BY_SERVER: &[&str] = &[
    "mention",
    "hashtag",
    "cashtag",
    "bot_command",
    "url",
    "email",
    "phone_number",
];
/// The platform shows no more entities than this; the rest is dropped without a word.
pub const MAX_ENTITIES: usize = 100;
const MAX_POSITION: i64 = 1_000_000;

/// Reads the `entities` parameter.
///
/// # Errors
/// 400 naming the field that does not fit.
pub(crate) fn parse(value: Option<&Value>) -> Result<Vec<Entity>, Refusal> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    let list = value
        .as_array()
        .ok_or_else(|| Refusal::bad("can't parse entities: expected an Array"))?;
    list.iter().map(parse_one).collect()
}

fn parse_one(value: &Value) -> Result<Entity, Refusal> {
    let wrong = |why: String| Refusal::bad(format_args!("can't parse MessageEntity: {why}"));
    for field in ["type", "offset", "length"] {
        if value.get(field).is_none() {
            return Err(wrong(format!("Can't find field \"{field}\"")));
        }
    }
    let entity: Entity = serde_json::from_value(value.clone())
        .map_err(|_| wrong("a field is of the wrong type".to_owned()))?;
    if !KINDS.contains(&entity.kind.as_str()) {
        return Err(wrong("Unsupported type specified".to_owned()));
    }
    let missing = match entity.kind.as_str() {
        "text_link" if entity.url.is_none() => Some("url"),
        "text_mention" if entity.user.is_none() => Some("user"),
        "custom_emoji" if entity.custom_emoji_id.is_none() => Some("custom_emoji_id"),
        _ => None,
    };
    match missing {
        Some(field) => Err(wrong(format!("Can't find field \"{field}\""))),
        None => Ok(entity),
    }
}

/// A text as the platform would store it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Formatted {
    pub(crate) text: String,
    pub(crate) entities: Vec<Entity>,
}

/// Cleans `text`, moves `entities` along and checks both.
///
/// # Errors
/// 400 for entities out of the text or across half of a surrogate pair, a bad link, and more than `limit` UTF-16
/// units left after the clean-up (`too_long` is the platform's sentence for it). An empty result is no error here.
pub(crate) fn normalise(
    text: &str,
    entities: Vec<Entity>,
    limit: usize,
    too_long: &str,
) -> Result<Formatted, Refusal> {
    let mut entities = within_reach(entities)?;
    entities.retain(|e| !FOUND_BY_SERVER.contains(&e.kind.as_str()));
    check_links(&entities)?;
    sort(&mut entities);
    let (units, entities) = clean(text, entities)?;
    let (units, entities) = trim(units, entities);
    if units.len() > limit {
        return Err(Refusal::bad(too_long));
    }
    let mut entities = nest(entities);
    entities.truncate(MAX_ENTITIES);
    let text = String::from_utf16(&units).expect("whole characters were copied and trimmed");
    let visible = |c: char| !c.is_whitespace() && !('\u{200b}'..='\u{200f}').contains(&c);
    if !text.contains(visible) {
        return Ok(Formatted::default());
    }
    Ok(Formatted { text, entities })
}

fn within_reach(mut entities: Vec<Entity>) -> Result<Vec<Entity>, Refusal> {
    for entity in &entities {
        if !(0..=MAX_POSITION).contains(&entity.offset) {
            let offset = entity.offset;
            return Err(Refusal::bad(format_args!(
                "receive an entity with incorrect offset {offset}"
            )));
        }
        if !(0..=MAX_POSITION).contains(&entity.length) {
            let length = entity.length;
            return Err(Refusal::bad(format_args!(
                "receive an entity with incorrect length {length}"
            )));
        }
    }
    entities.retain(|e| e.length > 0);
    Ok(entities)
}

fn check_links(entities: &[Entity]) -> Result<(), Refusal> {
    for url in entities.iter().filter_map(|e| e.url.as_deref()) {
        if let Err(why) = check_link(url) {
            return Err(Refusal::bad(format_args!(
                "entity URL '{url}' is invalid: {why}"
            )));
        }
    }
    Ok(())
}

fn check_link(url: &str) -> Result<(), &'static str> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    match scheme.to_ascii_lowercase().as_str() {
        "tg" | "ton" => return Ok(()),
        "http" | "https" | "ftp" | "tonsite" => {}
        _ => return Err("Unsupported URL protocol"),
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let dotted = host.contains('.') && !host.starts_with('.') && !host.ends_with('.');
    if dotted && !url.contains(char::is_whitespace) {
        Ok(())
    } else {
        Err("Wrong HTTP URL")
    }
}

/// Where a unit of the sent text went.
#[derive(Clone, Copy)]
enum Place {
    At(usize),
    InsideCharacter,
}

fn clean(text: &str, mut entities: Vec<Entity>) -> Result<(Vec<u16>, Vec<Entity>), Refusal> {
    let mut units = Vec::new();
    let mut places = Vec::new();
    for c in text.chars() {
        places.push(Place::At(units.len()));
        if c.len_utf16() == 2 {
            places.push(Place::InsideCharacter);
        }
        match c {
            '\r' | '\u{2028}'..='\u{202e}' | '\u{333}' | '\u{33f}' | '\u{30a}' => {}
            '\n' => units.push(u16::from(b'\n')),
            '\0'..' ' => units.push(u16::from(b' ')),
            other => units.extend_from_slice(other.encode_utf16(&mut [0; 2])),
        }
    }
    places.push(Place::At(units.len()));
    for entity in &mut entities {
        let begin = place(&places, entity.offset).map_err(|miss| entity_begins(miss, entity))?;
        let end = place(&places, entity.end()).map_err(|miss| entity_ends(miss, entity))?;
        entity.offset = begin;
        entity.length = end - begin;
    }
    entities.retain(|e| e.length > 0);
    Ok((units, entities))
}

enum Miss {
    BehindText,
    InsideCharacter,
}

fn place(places: &[Place], at: i64) -> Result<i64, Miss> {
    let index = usize::try_from(at).map_err(|_| Miss::BehindText)?;
    match places.get(index) {
        Some(Place::At(unit)) => i64::try_from(*unit).map_err(|_| Miss::BehindText),
        Some(Place::InsideCharacter) => Err(Miss::InsideCharacter),
        None => Err(Miss::BehindText),
    }
}

fn entity_begins(miss: Miss, entity: &Entity) -> Refusal {
    let at = entity.offset;
    Refusal::bad(match miss {
        Miss::BehindText => {
            format!("entity begins after the end of the text at UTF-16 offset {at}")
        }
        Miss::InsideCharacter => {
            format!("entity begins in a middle of a UTF-16 symbol at UTF-16 offset {at}")
        }
    })
}

fn entity_ends(miss: Miss, entity: &Entity) -> Refusal {
    let (at, end) = (entity.offset, entity.end());
    Refusal::bad(match miss {
        Miss::BehindText => format!(
            "entity beginning at UTF-16 offset {at} ends after the end of the text at UTF-16 offset {end}"
        ),
        Miss::InsideCharacter => format!(
            "entity beginning at UTF-16 offset {at} ends in a middle of a UTF-16 symbol at UTF-16 offset {end}"
        ),
    })
}

fn is_blank(unit: u16) -> bool {
    unit == u16::from(b' ') || unit == u16::from(b'\n')
}

/// Entities whose target would be lost if their blanks did not count.
fn carries_data(entity: &Entity) -> bool {
    matches!(entity.kind.as_str(), "text_link" | "text_mention")
}

fn trim(mut units: Vec<u16>, mut entities: Vec<Entity>) -> (Vec<u16>, Vec<Entity>) {
    let length = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    for entity in entities.iter_mut().filter(|e| !carries_data(e)) {
        while entity.length > 0 && is_blank(unit_at(&units, entity.offset)) {
            entity.offset += 1;
            entity.length -= 1;
        }
    }
    let kept = units
        .iter()
        .rposition(|u| !is_blank(*u))
        .map_or(0, |i| i + 1);
    units.truncate(kept);
    for entity in &mut entities {
        entity.length = entity.length.min(length(kept) - entity.offset);
    }
    entities.retain(|e| e.length > 0);
    let first_entity = entities.iter().map(|e| e.offset).min();
    let leading = units.iter().take_while(|u| is_blank(**u)).count();
    let leading = first_entity.map_or(leading, |at| leading.min(usize::try_from(at).unwrap_or(0)));
    units.drain(..leading);
    for entity in &mut entities {
        entity.offset -= length(leading);
    }
    sort(&mut entities);
    (units, entities)
}

fn unit_at(units: &[u16], at: i64) -> u16 {
    let index = usize::try_from(at).unwrap_or(usize::MAX);
    units.get(index).copied().unwrap_or(0)
}
