//! What a sender says of a file, made fit to be kept and shown.

/// The longest name we keep, in characters.
const MAX_NAME: usize = 120;

/// The last part of a path without control, direction and other invisible characters.
pub fn safe_name(claimed: &str, fallback: &str) -> String {
    let last = claimed.rsplit(['/', '\\']).next().unwrap_or("");
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
    };
    let clean: String = last.chars().filter(|&c| !hidden(c)).collect();
    let clean = clean.trim().trim_start_matches('.');
    if clean.is_empty() {
        return fallback.to_owned();
    }
    shorten(clean)
}

/// Cuts the stem, not the ending.
fn shorten(name: &str) -> String {
    let length = name.chars().count();
    if length <= MAX_NAME {
        return name.to_owned();
    }
    let ending = name.rfind('.').map_or("", |dot| &name[dot..]);
    let ending = if ending.chars().count() <= 12 {
        ending
    } else {
        ""
    };
    let stem = MAX_NAME - ending.chars().count();
    name.chars().take(stem).chain(ending.chars()).collect()
}

/// The media type if it is one, in small letters.
pub fn safe_mime(claimed: &str, fallback: &str) -> String {
    let word = |part: &str| {
        let letter = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
        !part.is_empty() && part.len() <= 64 && part.bytes().all(letter)
    };
    match claimed.split_once('/') {
        Some((kind, sub)) if word(kind) && word(sub) => claimed.to_ascii_lowercase(),
        _ => fallback.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_paths_and_tricks() {
        for (claimed, kept) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a.txt", "a.txt"),
            ("a\u{202E}gnp.exe", "agnp.exe"),
            ("a\u{0}b\n.txt", "ab.txt"),
            (".bashrc", "bashrc"),
            ("..", "file"),
            ("", "file"),
        ] {
            assert_eq!(safe_name(claimed, "file"), kept);
        }
        let long = format!("{}.pdf", "ä".repeat(5000));
        let kept = safe_name(&long, "file");
        assert_eq!(kept.chars().count(), MAX_NAME);
        assert!(kept.ends_with(".pdf"));
    }

    #[test]
    fn a_media_type_is_a_media_type() {
        assert_eq!(safe_mime("Image/PNG", "x/y"), "image/png");
        for bad in ["", "png", "a/b/c", "text/html; charset=x", "text/\n"] {
            assert_eq!(safe_mime(bad, "x/y"), "x/y");
        }
    }
}
