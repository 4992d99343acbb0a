//! Emoji: the house has signs, Slack has names for them. A workspace's own have a name only, between colons with us.

use emojis::{Emoji, SkinTone};

/// Skin tones by Slack's number.
const TONES: [(u8, SkinTone); 5] = [
    (2, SkinTone::Light),
    (3, SkinTone::MediumLight),
    (4, SkinTone::Medium),
    (5, SkinTone::MediumDark),
    (6, SkinTone::Dark),
];
/// Where Slack's name is another than the usual one, of those that people react with.
const OTHERWISE: [(&str, &str); 6] = [
    ("\u{1F923}", "rolling_on_the_floor_laughing"),
    ("\u{1F914}", "thinking_face"),
    ("\u{1F917}", "hugging_face"),
    ("\u{1F929}", "star-struck"),
    ("\u{1F937}", "shrug"),
    ("\u{1F926}", "face_palm"),
];

/// The sign of a name, or the name between colons.
pub(crate) fn sign(name: &str) -> String {
    let own = || format!(":{name}:");
    let (base, tone) = match name.split_once("::skin-tone-") {
        Some((base, tone)) => (base, tone.parse::<u8>().ok()),
        None => (name, None),
    };
    if let Some(flag) = base.strip_prefix("flag-").and_then(flag) {
        return flag;
    }
    let otherwise = OTHERWISE.iter().find(|(_, other)| *other == base);
    let found = match otherwise {
        Some((sign, _)) => emojis::get(sign),
        None => emojis::get_by_shortcode(base),
    };
    let Some(emoji) = found else { return own() };
    let tone = TONES.iter().find(|(number, _)| Some(*number) == tone);
    let toned = tone.and_then(|(_, tone)| emoji.with_skin_tone(*tone));
    toned.unwrap_or(emoji).as_str().to_owned()
}

/// Slack's name for a sign, if it has one.
pub(crate) fn name(sign: &str) -> Option<String> {
    let own = sign
        .strip_prefix(':')
        .and_then(|rest| rest.strip_suffix(':'));
    if let Some(own) = own {
        let word = |c: char| c.is_alphanumeric() || "_-+':".contains(c);
        return (!own.is_empty() && own.chars().all(word)).then(|| own.to_owned());
    }
    if let Some(country) = country(sign) {
        return Some(format!("flag-{country}"));
    }
    let emoji = emojis::get(sign)?;
    let plain: &Emoji = emoji.with_skin_tone(SkinTone::Default).unwrap_or(emoji);
    let otherwise = OTHERWISE
        .iter()
        .find(|(sign, _)| emojis::get(sign).is_some_and(|other| other.as_str() == plain.as_str()));
    let name = match otherwise {
        Some((_, name)) => *name,
        None => plain.shortcode()?,
    };
    let tone = TONES
        .iter()
        .find(|(_, tone)| emoji.skin_tone() == Some(*tone));
    Some(match tone {
        Some((number, _)) => format!("{name}::skin-tone-{number}"),
        None => name.to_owned(),
    })
}

/// A country's flag is its two letters, as signs of their own.
fn flag(country: &str) -> Option<String> {
    let letter = |b: u8| char::from_u32(0x1F1E6 + u32::from(b - b'a'));
    let two = country.len() == 2 && country.bytes().all(|b| b.is_ascii_lowercase());
    two.then(|| country.bytes().map(letter).collect()).flatten()
}

fn country(sign: &str) -> Option<String> {
    let letter = |c: char| {
        let nth = u32::from(c).checked_sub(0x1F1E6).filter(|nth| *nth < 26)?;
        char::from_u32(u32::from('a') + nth)
    };
    let letters: String = sign.chars().map(letter).collect::<Option<_>>()?;
    (letters.len() == 2).then_some(letters)
}

#[cfg(test)]
mod tests {
    use super::{name, sign};

    #[test]
    fn signs_and_names_are_two_ways_to_say_the_same() {
        for (it, named) in [
            ("👍", "+1"),
            ("👍🏽", "+1::skin-tone-4"),
            ("🎉", "tada"),
            ("❤️", "heart"),
            ("🇩🇪", "flag-de"),
            ("🤔", "thinking_face"),
            ("🤣", "rolling_on_the_floor_laughing"),
            (":party-parrot:", "party-parrot"),
            (":big-parrot:", "big-parrot"),
        ] {
            assert_eq!(sign(named), it, "{named}");
            assert_eq!(name(it).as_deref(), Some(named), "{it}");
        }
        assert_eq!(sign("thumbsup"), "👍");
        for odd in ["", "::", "a", ":a b:", "👍👍"] {
            assert_eq!(name(odd), None, "{odd}");
        }
    }
}
