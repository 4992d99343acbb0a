//! Invented events, one of every kind, bare and full: what a template must be able to render before it is taken.

use super::chat_list::ChatLine;
use super::moment::{Moment, Who};
use super::{Fault, TEXT_MOST};
use crate::event::{Action, Attachment, ChatKind, Content, EventBody, Media, Sender};
use crate::id::{Address, Millis, Seq};

/// Renders every sample, until one fails.
pub(super) fn each(
    mut render: impl FnMut(&Moment<'_>) -> Result<String, Fault>,
) -> Result<(), Fault> {
    let chats = chats();
    for body in &bodies() {
        for focal in [false, true] {
            render(&bare(body, focal))?;
            render(&full(body, focal, &chats))?;
        }
    }
    Ok(())
}

fn bare(body: &EventBody, focal: bool) -> Moment<'_> {
    Moment {
        chat: address(0),
        chat_name: None,
        chat_kind: ChatKind::Dm,
        sender: None,
        body,
        message_id: "msg_1".to_owned(),
        reply_to: None,
        at: Millis(0),
        focus: focal.then(|| address(0)),
        unread: 0,
        chats: &[],
    }
}

fn full<'a>(body: &'a EventBody, focal: bool, chats: &'a [ChatLine]) -> Moment<'a> {
    Moment {
        chat_name: Some("Sample \"chat\" {{ with }} $NAME"),
        chat_kind: ChatKind::Group,
        sender: Some(Who {
            id: "12345",
            name: Some("Sample sender {% raw %}"),
        }),
        reply_to: Some("msg_41".to_owned()),
        at: Millis(1_700_000_000_000),
        focus: Some(address(u32::from(!focal))),
        unread: 7,
        chats,
        ..bare(body, focal)
    }
}

fn address(number: u32) -> Address {
    Address {
        platform: "alpha".into(),
        handle: format!("sample/{number}").into(),
    }
}

fn chats() -> Vec<ChatLine> {
    let chat = |number| ChatLine {
        id: address(number).to_string(),
        name: Some("x".repeat(80)),
        focal: number == 0,
        unread: number.into(),
        muted: false,
        preview: Some("x".repeat(60)),
    };
    (0..30).map(chat).collect()
}

fn bodies() -> Vec<EventBody> {
    let target = || "1".into();
    let file = Attachment {
        name: "sample.pdf".to_owned(),
        mime: "application/pdf".to_owned(),
        size: Some(12_345),
        media: Media::Pending {
            source: "sample".to_owned(),
        },
    };
    let who = || Sender {
        id: "7".into(),
        name: None,
        is_bot: false,
    };
    vec![
        EventBody::Message(Content::text("")),
        EventBody::Message(Content::text("hello\n$TEXT {{ text }} {% raw %}")),
        EventBody::Message(Content {
            text: "x".repeat(TEXT_MOST),
            attachments: vec![file.clone(); 10],
            reply_to: Some(target()),
            choices: Vec::new(),
        }),
        EventBody::Message(Content {
            attachments: vec![file],
            ..Content::default()
        }),
        EventBody::Edit {
            target: target(),
            content: Content::text("hello again"),
        },
        EventBody::Delete { target: target() },
        EventBody::Reaction {
            target: target(),
            emoji: vec!["👍".to_owned()],
        },
        EventBody::Reaction {
            target: target(),
            emoji: Vec::new(),
        },
        EventBody::Member {
            who: who(),
            present: true,
        },
        EventBody::Member {
            who: who(),
            present: false,
        },
        EventBody::Action(Action {
            name: "status".to_owned(),
            argument: String::new(),
            token: None,
            target: None,
        }),
        EventBody::Outcome {
            of: Seq(1),
            state: "failed".to_owned(),
            reason: "nobody is there".to_owned(),
        },
    ]
}
