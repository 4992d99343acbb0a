//! Text in, Discord's markup out, read back by an independent reading of it.

#[path = "../../../corpus/markup/golden.rs"]
mod golden;

use super::text::render;
use super::*;
use chatbox_connector_api::event::Attachment;
use chatbox_connector_api::markup::{Block, Dialect, Inline, Markup, literal, parse, plain, split};
use chatbox_fakes::discord;
use proptest::prelude::*;
use serde_json::json;

fn said(text: &str) -> OutMessage {
    OutMessage {
        markup: parse(text),
        ..OutMessage::default()
    }
}

#[test]
fn the_golden_snippets_are_told_as_they_were() {
    golden::check("discord", render);
    golden::check_parts(&DiscordDialect, 60, render);
}

#[test]
fn each_kind_of_markup_is_written_as_discord_reads_it() {
    for (text, written) in [
        (
            "**bold** *soft* ~~gone~~ `code`",
            "**bold** *soft* ~~gone~~ `code`",
        ),
        ("# Title\n\ntext", "# Title\n\ntext"),
        ("#### Deep", "**Deep**"),
        ("2 * 3 snake_case", r"2 \* 3 snake\_case"),
        ("- one\n- two\n  - in", "- one\n- two\n  - in"),
        ("3. three\n4. four", "3. three\n4. four"),
        ("> said\n>\n> more", "> said\n> \n> more"),
        ("```rust\nfn a() {}\n```", "```rust\nfn a() {}\n```"),
        ("[page](https://x.org/a_b)", "[page](<https://x.org/a_b>)"),
        ("[page](ftp://x.org/)", "page (ftp://x.org/)"),
        ("see https://x.org/a_b_c.", "see https://x.org/a_b_c."),
        ("`a``b`", r"a\`\`b"),
        ("@everyone <@1>", r"\@everyone \<\@1>"),
        ("---", "———"),
    ] {
        assert_eq!(render(&parse(text)), written, "{text}");
    }
}

#[test]
fn nobody_is_called_no_link_is_visited_and_a_repetition_is_recognised() {
    let (message, lost) = send(
        Some(DeliveryId(7)),
        ChannelId::new(5),
        &said("@everyone https://x.org"),
    )
    .expect("good");
    let body = serde_json::to_value(&message).expect("JSON");
    assert_eq!(lost, None);
    assert_eq!(body["allowed_mentions"]["parse"], json!([]));
    assert_eq!(body["flags"], json!(4));
    assert_eq!(body["enforce_nonce"], json!(true));
    let key = |id, text: &str| nonce(DeliveryId(id), text);
    assert_eq!(body["nonce"], json!(key(7, r"\@everyone https://x.org")));
    assert_ne!(key(7, "a"), key(7, "b"));
    assert_ne!(key(7, "a"), key(8, "a"));
    assert!(key(i64::MAX, "a").len() <= 25);
    let (change, _) = edit(&said("https://x.org")).expect("good");
    let body = serde_json::to_value(&change).expect("JSON");
    assert_eq!(
        (&body["flags"], &body["allowed_mentions"]["parse"]),
        (&json!(4), &json!([]))
    );
}

#[test]
fn a_reply_to_another_channel_is_said_without_it() {
    let mut message = said("hi");
    message.reply_to = Some("5/3".into());
    let (reply, lost) = send(None, ChannelId::new(5), &message).expect("good");
    let body = serde_json::to_value(&reply).expect("JSON");
    assert_eq!(body["message_reference"]["message_id"], json!("3"));
    assert_eq!(
        (
            body["message_reference"]["fail_if_not_exists"].clone(),
            lost
        ),
        (json!(false), None)
    );
    let (_, lost) = send(None, ChannelId::new(6), &message).expect("good");
    assert!(lost.expect("a note").contains("not in this channel"));
}

#[test]
fn nothing_and_too_much_are_refused() {
    for text in [String::new(), "a".repeat(MAX_TEXT + 1)] {
        let refused = send(None, ChannelId::new(5), &said(&text)).expect_err("refused");
        assert_eq!(refused.kind(), &ErrorKind::Invalid);
    }
    let file = OutMessage {
        attachments: vec![Attachment {
            name: "a".to_owned(),
            mime: "text/plain".to_owned(),
            size: None,
            media: chatbox_connector_api::event::Media::Failed {
                reason: String::new(),
            },
        }],
        ..OutMessage::default()
    };
    assert!(
        send(None, ChannelId::new(5), &file).is_ok(),
        "a file needs no words"
    );
    assert_eq!(
        channel(&"0".into()).expect_err("no channel").kind(),
        &ErrorKind::NotFound
    );
    assert_eq!(
        Target::of(&"5/x".into()).expect_err("no message").kind(),
        &ErrorKind::NotFound
    );
}

fn dense(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != '\u{200B}')
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn words_are_read_as_they_were_meant(text in "[ -~äß😀\n]{0,80}") {
        let markup = literal(&text);
        prop_assert_eq!(dense(&discord::plain(&render(&markup))), dense(&plain(&markup)), "{}", render(&markup));
    }

    #[test]
    fn styled_words_are_read_as_they_were_meant(a in "[a-z_*`~\\\\]{1,8}", b in "[a-z_*|>#]{1,8}") {
        let word = |text: &str| vec![Inline::Text(text.to_owned())];
        let markup = Markup(vec![Block::Paragraph(vec![
            Inline::Strong(word(&a)), Inline::Text(" and ".to_owned()), Inline::Emphasis(word(&b)),
            Inline::Text(" ".to_owned()), Inline::Strike(word(&a)),
        ])]);
        prop_assert_eq!(dense(&discord::plain(&render(&markup))), dense(&plain(&markup)), "{}", render(&markup));
    }

    #[test]
    fn every_part_fits_and_its_fences_are_balanced(text in "([a-z*_ ]{1,40}\n|```\n[a-z` ]{1,60}\n```\n|\n){1,60}") {
        let parts = split(&parse(&text), &DiscordDialect, 200);
        for part in &parts {
            let written = render(part);
            prop_assert!(DiscordDialect.measure(part) <= 200, "{}", written);
            prop_assert_eq!(written.matches("```").count() % 2, 0, "{}", written);
        }
    }
}
