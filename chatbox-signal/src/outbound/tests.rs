//! Verbs in, calls out.

#[path = "../../../corpus/markup/golden.rs"]
mod golden;

use super::text::{Range, Style};
use super::*;
use chatbox_connector_api::markup::{Dialect, literal, parse, split};
use proptest::prelude::*;
use serde_json::{Value, json};

const US: &str = "+4915100000000";
const ANA: &str = "00000000-0000-4000-8000-000000000001";

fn made(chat: &str, verb: Verb) -> Result<Request> {
    let out = Outbound {
        id: None,
        chat: chat.into(),
        verb,
    };
    request(&out, US)
}

fn said(text: &str) -> OutMessage {
    OutMessage {
        markup: parse(text),
        ..OutMessage::default()
    }
}

fn body(request: &Request) -> Value {
    serde_json::to_value(&request.params).expect("JSON")
}

#[test]
fn the_golden_snippets_are_told_as_they_were() {
    golden::check("signal", |snippet| {
        let told = super::text::format(snippet);
        let units: Vec<u16> = told.text.encode_utf16().collect();
        let styles = told.ranges.iter().map(|range| {
            let covered = &units[range.start..range.start + range.length];
            format!(
                "\n  {} {:?}",
                range.written(),
                String::from_utf16_lossy(covered)
            )
        });
        let styles: String = styles.collect();
        format!("{}{styles}", told.text)
    });
    // No sign of its text is markup: whatever stands there is no fence.
    golden::check_parts(&SignalDialect, 60, |_| String::new());
}

#[test]
fn text_goes_with_styles_in_utf_16() {
    let mut message = said("😀 **hi** _there_ ~~no~~ `x` [page](https://x.org/?a=1&b=(2))");
    message.reply_to = Some(format!("{ANA}/7").as_str().into());
    let request = made(ANA, Verb::Send(message)).expect("a call");
    assert_eq!((request.method, request.effect), ("send", Effect::Once));
    let expected = json!({
        "account": US, "recipient": [ANA],
        "message": "😀 hi there no x page (https://x.org/?a=1&b=(2))",
        "textStyle": ["3:2:BOLD", "6:5:ITALIC", "12:2:STRIKETHROUGH", "15:1:MONOSPACE"],
        "quoteTimestamp": 7, "quoteAuthor": ANA,
    });
    assert_eq!(body(&request), expected);
}

#[test]
fn edits_deletes_reactions_marks_typing() {
    let ours = || EventId::new(format!("{US}/9"));
    let theirs = || EventId::new(format!("{ANA}/8"));
    let group = "group.AQID";
    let case = |verb| {
        let request = made(group, verb).expect("a call");
        (request.method, body(&request))
    };
    let edit = Verb::Edit {
        target: ours(),
        message: said("new"),
    };
    assert_eq!(
        case(edit),
        (
            "send",
            json!({"account": US, "groupId": "AQID", "message": "new", "editTimestamp": 9})
        )
    );
    assert_eq!(
        case(Verb::Delete { target: ours() }),
        (
            "remoteDelete",
            json!({"account": US, "groupId": "AQID", "targetTimestamp": 9})
        )
    );
    let react = |emoji: &[&str]| Verb::React {
        target: theirs(),
        emoji: emoji.iter().map(|it| (*it).to_owned()).collect(),
    };
    let set = json!({"account": US, "groupId": "AQID", "emoji": "🎉", "targetAuthor": ANA, "targetTimestamp": 8});
    assert_eq!(case(react(&["🎉"])), ("sendReaction", set));
    assert_eq!(case(react(&[])).1["remove"], json!(true));
    let read = json!({"account": US, "recipient": [ANA], "targetTimestamp": 8, "type": "read"});
    assert_eq!(
        case(Verb::MarkRead { target: theirs() }),
        ("sendReceipt", read)
    );
    assert_eq!(
        case(Verb::Typing),
        ("sendTyping", json!({"account": US, "groupId": "AQID"}))
    );
}

#[test]
fn what_is_not_ours_or_not_signals_is_refused() {
    let kind = |chat: &str, verb| made(chat, verb).expect_err("refused").kind().clone();
    let theirs = EventId::new(format!("{ANA}/8"));
    assert_eq!(
        kind(ANA, Verb::Delete { target: theirs }),
        ErrorKind::NotFound
    );
    assert_eq!(kind("../../x", Verb::Send(said("hi"))), ErrorKind::NotFound);
    assert_eq!(kind(ANA, Verb::Send(said(" "))), ErrorKind::Invalid);
    let long = OutMessage {
        markup: literal(&"x".repeat(MAX_TEXT + 1)),
        ..OutMessage::default()
    };
    assert_eq!(kind(ANA, Verb::Send(long)), ErrorKind::Invalid);
}

#[test]
fn a_file_is_its_bytes_and_its_name_only_letters() {
    let mut message = said("look");
    message.attachments = vec![Attachment {
        name: "a;b,c=/etc/passwd.png".to_owned(),
        mime: "image/png".to_owned(),
        size: Some(3),
        media: Media::Ready {
            id: MediaId::new("m1"),
        },
    }];
    let request = made(ANA, Verb::Send(message)).expect("a call");
    assert_eq!(request.files[0].id, MediaId::new("m1"));
    let head = "data:image/png;filename=a%3Bb%2Cc%3D%2Fetc%2Fpasswd%2Epng;base64,";
    assert_eq!(request.files[0].head, head);
}

#[test]
fn blocks_read_as_meant() {
    for (markdown, text, styles) in [
        (
            "# Title\n\ntext",
            "Title\n\ntext",
            vec![(0, 5, Style::Bold)],
        ),
        ("- a\n- **b**", "• a\n• b", vec![(6, 1, Style::Bold)]),
        ("> a\n> b", "> a\n> b", vec![]),
        (
            "```rust\nlet x;\n```",
            "let x;",
            vec![(0, 6, Style::Monospace)],
        ),
        ("<https://x.org>", "https://x.org", vec![]),
    ] {
        let formatted = format(&parse(markdown));
        assert_eq!(formatted.text, text, "{markdown}");
        let range = |(start, length, style)| Range {
            start,
            length,
            style,
        };
        let styles: Vec<Range> = styles.into_iter().map(range).collect();
        assert_eq!(formatted.ranges, styles, "{markdown}");
    }
}

proptest! {
    /// Whatever is written, styles lie within the text and between characters.
    #[test]
    fn styles_lie_within_the_text(markdown in "([a-z😀é*_`~\\[\\]() >#\\n-]|\\*\\*|~~){0,60}") {
        let formatted = format(&parse(&markdown));
        let units: Vec<u16> = formatted.text.encode_utf16().collect();
        for range in &formatted.ranges {
            prop_assert!(range.length > 0);
            let styled = units.get(range.start..range.start + range.length);
            prop_assert!(styled.is_some_and(|it| String::from_utf16(it).is_ok()), "{markdown:?} {range:?}");
        }
    }

    /// An address is sent as it was written, and a text in parts loses no letter.
    #[test]
    fn nothing_is_cut(path in "[a-zA-Z0-9/_.~%-]{1,40}", words in "[a-zé😀 ]{1,400}") {
        let url = format!("https://example.org/{path}");
        let linked = format(&parse(&format!("[words](<{url}>)")));
        prop_assert!(linked.text.ends_with(&format!("({url})")), "{}", linked.text);
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let parts = split(&literal(&words), &SignalDialect, 50);
        prop_assert!(parts.iter().all(|part| SignalDialect.measure(part) <= 50));
        let all: String = parts.iter().map(|part| format(part).text).collect();
        prop_assert_eq!(letters(&all), letters(&words));
    }
}
