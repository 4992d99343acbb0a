//! Whether an admitted event starts a turn, and when. Pure.

use crate::event::{Event, EventBody};
use crate::id::Millis;
use crate::store::Wake;

/// Events older than this are stored without a turn: nobody waits for the answer any more.
pub const OLD_MS: i64 = 24 * 60 * 60 * 1000;
/// Events fetched from history and older than this are stored without a turn.
pub const OLD_LATE_MS: i64 = 10 * 60 * 1000;
/// What could not be handed to an endpoint for so long is not handed to it any more: a week.
pub const HAND_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// How long a lane waits for the rest of an album.
pub const ALBUM_MS: i64 = 800;

/// When `event`, admitted at `now`, starts a turn.
pub fn wake(event: &Event, now: Millis) -> Wake {
    let EventBody::Message(content) = &event.body else {
        return Wake::Never;
    };
    let age = now.0.saturating_sub(event.at.0);
    let stale = age > OLD_MS || (event.late && age > OLD_LATE_MS);
    let silent = content.text.trim().is_empty() && content.attachments.is_empty();
    if !event.addressed || stale || silent {
        return Wake::Never;
    }
    match event.group {
        Some(_) => Wake::After { ms: ALBUM_MS },
        None => Wake::NOW,
    }
}

/// Within how many milliseconds the endpoint of a mailbox that is pushed may be handed `event`, admitted at `now`; `None`
/// where there is nothing to hear: what is old, and what is answered elsewhere. Unlike a turn, it is for the agent to
/// decide what deserves an answer.
pub fn hand(event: &Event, now: Millis) -> Option<i64> {
    let age = now.0.saturating_sub(event.at.0);
    let stale = age > OLD_MS || (event.late && age > OLD_LATE_MS);
    let heard = match &event.body {
        EventBody::Message(_)
        | EventBody::Edit { .. }
        | EventBody::Delete { .. }
        | EventBody::Reaction { .. }
        | EventBody::Member { .. }
        | EventBody::Unsupported { .. } => true,
        EventBody::Action(_)
        | EventBody::Receipt { .. }
        | EventBody::Moved { .. }
        | EventBody::Outcome { .. } => false,
    };
    (heard && !stale).then_some(HAND_MS)
}

/// The later of the two.
pub fn no_sooner(wake: Wake, ms: i64) -> Wake {
    match wake {
        Wake::Never => Wake::Never,
        Wake::After { ms: own } => Wake::After { ms: own.max(ms) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ChatKind, Content, Place, Sender};

    const NOW: Millis = Millis(1_000_000_000_000);

    fn message(age_ms: i64) -> Event {
        Event {
            id: "1".into(),
            chat: Place {
                handle: "c".into(),
                kind: ChatKind::Dm,
                name: None,
            },
            sender: Sender {
                id: "p".into(),
                name: None,
                is_bot: false,
            },
            at: Millis(NOW.0 - age_ms),
            body: EventBody::Message(Content::text("hi")),
            addressed: true,
            late: false,
            group: None,
            raw: None,
        }
    }

    #[test]
    fn what_is_said_to_the_agent_wakes_it() {
        assert_eq!(wake(&message(0), NOW), Wake::NOW);
        assert_eq!(
            wake(
                &Event {
                    addressed: false,
                    ..message(0)
                },
                NOW
            ),
            Wake::Never
        );
    }

    #[test]
    fn what_is_too_old_does_not() {
        assert_eq!(wake(&message(OLD_MS), NOW), Wake::NOW);
        assert_eq!(wake(&message(OLD_MS + 1), NOW), Wake::Never);
        let late = |age| Event {
            late: true,
            ..message(age)
        };
        assert_eq!(wake(&late(OLD_LATE_MS), NOW), Wake::NOW);
        assert_eq!(wake(&late(OLD_LATE_MS + 1), NOW), Wake::Never);
    }

    #[test]
    fn edits_and_silence_do_not() {
        let edit = EventBody::Edit {
            target: "0".into(),
            content: Content::text("hi"),
        };
        assert_eq!(
            wake(
                &Event {
                    body: edit,
                    ..message(0)
                },
                NOW
            ),
            Wake::Never
        );
        let blank = EventBody::Message(Content::text(" \n"));
        assert_eq!(
            wake(
                &Event {
                    body: blank,
                    ..message(0)
                },
                NOW
            ),
            Wake::Never
        );
    }

    #[test]
    fn an_album_waits_for_its_other_pictures() {
        let album = Event {
            group: Some("g".into()),
            ..message(0)
        };
        assert_eq!(wake(&album, NOW), Wake::After { ms: ALBUM_MS });
        assert_eq!(
            no_sooner(wake(&album, NOW), 100),
            Wake::After { ms: ALBUM_MS }
        );
        assert_eq!(no_sooner(wake(&album, NOW), 900), Wake::After { ms: 900 });
    }
}
