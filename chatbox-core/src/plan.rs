//! From what is said to what is sent: capabilities decide whether to split, degrade or refuse. Pure.

use crate::connector::{
    AdapterError, Capabilities, ErrorKind, OutMessage, Result, TextLimit, Verb, check,
};
use crate::event::{Attachment, Content, Media};
use crate::id::EventId;
use crate::markup::{self, Dialect, Markup};
use crate::store::PlannedPart;

/// The parts that say `content` on a platform, in order. Files it cannot take are named in the text, so that nothing
/// vanishes.
///
/// # Errors
/// `Invalid` when there is nothing to say.
pub fn message(
    content: &Content,
    can: &Capabilities,
    dialect: &dyn Dialect,
) -> Result<Vec<PlannedPart>> {
    let (files, unsendable) = sendable(&content.attachments, can);
    let mut text = markup::parse(&content.text);
    text.0.extend(
        unsendable
            .iter()
            .flat_map(|file| markup::literal(&format!("[file: {}]", file.name)).0),
    );
    let mut messages = match caption(&text, &files, can, dialect) {
        Some(together) => vec![together],
        None => apart(&text, files, can, dialect),
    };
    if messages.is_empty() {
        return Err(AdapterError::new(
            ErrorKind::Invalid,
            "there is nothing to say",
        ));
    }
    if can.reply.is_some() {
        messages[0].reply_to.clone_from(&content.reply_to);
    }
    let most = can
        .buttons
        .map(|limits| limits.max_count.unwrap_or(usize::MAX));
    let mut texts = messages
        .iter_mut()
        .rev()
        .filter(|it| it.attachments.is_empty());
    if let (true, Some(last)) = (most >= Some(content.choices.len()), texts.next()) {
        last.choices.clone_from(&content.choices);
    }
    Ok(messages
        .into_iter()
        .map(|message| PlannedPart {
            verb: Verb::Send(message),
        })
        .collect())
}

/// The parts that complete a reply whose beginning is a message already: that one says the first of it, and what does not
/// fit into it follows. Its name may not be known yet, so it is named when the part is sent (see [`later`]). A message that
/// cannot be said by an edit takes its place.
///
/// # Errors
/// `Invalid` when there is nothing to say.
pub fn complete(
    content: &Content,
    can: &Capabilities,
    dialect: &dyn Dialect,
) -> Result<Vec<PlannedPart>> {
    let is_answer = can.reply.is_some() && content.reply_to.is_some();
    let is_text = content.choices.is_empty() && content.attachments.is_empty() && !is_answer;
    if is_text && let Ok(parts) = edit(later(), content, can, dialect) {
        return Ok(parts);
    }
    let mut parts = take_back(can);
    parts.extend(message(content, can, dialect)?);
    Ok(parts)
}

/// The parts that make an earlier message say `content`. What does not fit into it follows as new messages.
///
/// # Errors
/// `Unsupported` where messages cannot be edited, `Invalid` when there is nothing to say.
pub fn edit(
    target: EventId,
    content: &Content,
    can: &Capabilities,
    dialect: &dyn Dialect,
) -> Result<Vec<PlannedPart>> {
    let pieces = split(&markup::parse(&content.text), can.text, dialect);
    let mut messages = pieces.into_iter().map(|markup| OutMessage {
        markup,
        ..OutMessage::default()
    });
    let nothing = || AdapterError::new(ErrorKind::Invalid, "there is nothing to say");
    let first = Verb::Edit {
        target,
        message: messages.next().ok_or_else(nothing)?,
    };
    check(can, &first)?;
    let rest = messages.map(|message| PlannedPart {
        verb: Verb::Send(message),
    });
    Ok(std::iter::once(PlannedPart { verb: first })
        .chain(rest)
        .collect())
}

/// The part that takes a reply back whose beginning is a message already, where messages can be taken back.
pub fn take_back(can: &Capabilities) -> Vec<PlannedPart> {
    verb(Verb::Delete { target: later() }, can).unwrap_or_default()
}

/// Stands for the message that a part's row is about, which is named when the part is sent: it may have no name yet.
pub fn later() -> EventId {
    EventId::new("")
}

/// One part for a verb that cannot be split.
///
/// # Errors
/// `Unsupported` where the platform does not offer it.
pub fn verb(verb: Verb, can: &Capabilities) -> Result<Vec<PlannedPart>> {
    check(can, &verb)?;
    Ok(vec![PlannedPart { verb }])
}

/// The files a platform takes, and the others.
fn sendable(files: &[Attachment], can: &Capabilities) -> (Vec<Attachment>, Vec<Attachment>) {
    let fits = |file: &Attachment| {
        let small = |max| file.size.unwrap_or(0) <= max;
        let taken = can
            .media
            .is_some_and(|limits| limits.max_bytes.is_none_or(small));
        taken && matches!(file.media, Media::Ready { .. })
    };
    files.iter().cloned().partition(fits)
}

/// Text and files as one message, where the platform has captions and the text fits into one.
fn caption(
    text: &Markup,
    files: &[Attachment],
    can: &Capabilities,
    dialect: &dyn Dialect,
) -> Option<OutMessage> {
    let limit = can
        .caption
        .filter(|_| !files.is_empty() && files.len() <= at_once(can))?;
    let fits = text.0.is_empty() || dialect.measure(text) <= limit.max;
    fits.then(|| OutMessage {
        markup: text.clone(),
        attachments: files.to_vec(),
        reply_to: None,
        choices: Vec::new(),
    })
}

/// The text in as many messages as it needs, then the files in as many as they need.
fn apart(
    text: &Markup,
    files: Vec<Attachment>,
    can: &Capabilities,
    dialect: &dyn Dialect,
) -> Vec<OutMessage> {
    let texts = split(text, can.text, dialect)
        .into_iter()
        .map(|markup| OutMessage {
            markup,
            ..OutMessage::default()
        });
    let files = files.chunks(at_once(can)).map(|files| OutMessage {
        attachments: files.to_vec(),
        ..OutMessage::default()
    });
    texts.chain(files).collect()
}

fn split(text: &Markup, limit: TextLimit, dialect: &dyn Dialect) -> Vec<Markup> {
    markup::split(text, dialect, limit.max)
}

fn at_once(can: &Capabilities) -> usize {
    can.media
        .and_then(|limits| limits.max_count)
        .unwrap_or(1)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::{DeliveryClass, Limits};
    use crate::markup::{PlainDialect, Unit};

    const PLAIN: PlainDialect = PlainDialect::new(Unit::Scalar);

    fn plain_text() -> Capabilities {
        Capabilities::new(
            DeliveryClass::Ambiguous,
            TextLimit {
                max: 10,
                unit: Unit::Scalar,
            },
        )
    }

    fn file(name: &str, size: u64) -> Attachment {
        let media = Media::Ready { id: "m".into() };
        Attachment {
            name: name.into(),
            mime: "image/png".into(),
            size: Some(size),
            media,
        }
    }

    fn sent(parts: &[PlannedPart]) -> Vec<(String, usize)> {
        let message = |part: &PlannedPart| match &part.verb {
            Verb::Send(message) => (markup::plain(&message.markup), message.attachments.len()),
            other => panic!("not a send: {other:?}"),
        };
        parts.iter().map(message).collect()
    }

    #[test]
    fn an_unsupported_verb_is_refused_here_and_not_by_the_platform() {
        let delete = Verb::Delete { target: "1".into() };
        let error = verb(delete, &plain_text()).expect_err("there is no delete");
        assert_eq!(error.kind(), &ErrorKind::Unsupported);
        let error = edit("1".into(), &Content::text("x"), &plain_text(), &PLAIN)
            .expect_err("there is no edit");
        assert_eq!(error.kind(), &ErrorKind::Unsupported);
    }

    #[test]
    fn a_file_the_platform_does_not_take_is_named() {
        let content = Content {
            text: "see".into(),
            attachments: vec![file("a.png", 1)],
            reply_to: None,
            choices: Vec::new(),
        };
        let parts = message(&content, &plain_text(), &PLAIN).expect("there is text");
        assert!(
            sent(&parts).iter().any(|(text, _)| text.contains("a.png")),
            "{parts:?}"
        );
    }

    #[test]
    fn files_go_with_the_text_where_it_fits_and_after_it_where_not() {
        let mut can = plain_text();
        can.media = Some(Limits {
            max_count: Some(2),
            max_bytes: Some(100),
            ..Limits::default()
        });
        can.caption = Some(TextLimit {
            max: 4,
            unit: Unit::Scalar,
        });
        let with = |text: &str, files| Content {
            text: text.into(),
            attachments: files,
            reply_to: None,
            choices: Vec::new(),
        };
        let short = message(
            &with("tiny", vec![file("a", 1), file("b", 1)]),
            &can,
            &PLAIN,
        )
        .expect("fits");
        assert_eq!(sent(&short), [("tiny".to_owned(), 2)]);
        let long = message(
            &with("longer", vec![file("a", 1), file("b", 1), file("c", 1)]),
            &can,
            &PLAIN,
        );
        assert_eq!(
            sent(&long.expect("fits apart")),
            [
                ("longer".to_owned(), 0),
                (String::new(), 2),
                (String::new(), 1)
            ]
        );
    }

    #[test]
    fn a_reply_that_was_begun_is_completed_by_an_edit_and_what_does_not_fit_follows() {
        let mut can = plain_text();
        can.edit = Some(Limits::default());
        can.delete = Some(Limits::default());
        let names = |parts: &[PlannedPart]| -> Vec<&str> {
            parts.iter().map(|part| part.verb.name()).collect()
        };
        let long = complete(&Content::text("one two three four"), &can, &PLAIN);
        let long = long.expect("there is text");
        assert_eq!(names(&long), ["edit", "send"]);
        assert!(matches!(&long[0].verb, Verb::Edit { target, .. } if *target == later()));
        // An edit adds neither files nor buttons.
        let mut asks = Content::text("which?");
        asks.choices = vec!["this".into(), "that".into()];
        let asks = complete(&asks, &can, &PLAIN).expect("there is text");
        assert_eq!(names(&asks), ["delete", "send"]);
        // Nor does it change what is answered.
        can.reply = Some(Limits::default());
        let mut answers = Content::text("yes");
        answers.reply_to = Some("7".into());
        let answers = complete(&answers, &can, &PLAIN).expect("there is text");
        assert_eq!(names(&answers), ["delete", "send"]);
        assert!(complete(&Content::default(), &can, &PLAIN).is_err());
    }

    #[test]
    fn nothing_to_say_is_an_error() {
        assert!(message(&Content::default(), &plain_text(), &PLAIN).is_err());
    }
}
