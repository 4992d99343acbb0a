//! Text in, Slack's two markups out, read back by independent readings of them.

#[path = "../../../corpus/markup/golden.rs"]
mod golden;

use super::*;
use chatbox_connector_api::id::EventId;
use chatbox_connector_api::markup::{Block, Inline, Markup, literal, parse, plain, split};
use chatbox_fakes::slack;
use proptest::prelude::*;
use serde_json::json;

fn spot() -> Spot {
    Spot::of(&"C0ROOM".into()).expect("a conversation")
}

/// What is said, in markdown and in the older markup.
const GOLDEN: [(&str, &str, &str); 21] = [
    (
        "**bold** *soft* ~~gone~~ `code`",
        "**bold** *soft* ~~gone~~ `code`",
        "*bold* _soft_ ~gone~ `code`",
    ),
    ("# Title\n\ntext", "# Title\n\ntext", "*Title*\n\ntext"),
    ("#### Deep", "#### Deep", "*Deep*"),
    (
        "2 * 3 snake_case",
        r"2 \* 3 snake\_case",
        "2 * 3 snake_case",
    ),
    (
        "literal \\*stars\\*",
        r"literal \*stars\*",
        "literal *\u{200A}stars*",
    ),
    (
        "- one\n- two\n  - in",
        "- one\n- two\n  - in",
        "• one\n• two\n  • in",
    ),
    (
        "3. three\n4. four",
        "3. three\n4. four",
        "3. three\n4. four",
    ),
    (
        "> said\n>\n> more",
        "> said\n> \n> more",
        "> said\n> \n> more",
    ),
    ("> a\n>\n> > b", "> a\n> \n> > b", "> a\n> \n> “ b"),
    (
        "```rust\nfn a() {}\n```",
        "```rust\nfn a() {}\n```",
        "```\nfn a() {}\n```",
    ),
    (
        "````\na ``` b\n````",
        "````\na ``` b\n````",
        "```\na `\u{200B}`\u{200B}` b\n```",
    ),
    (
        "[page](https://x.org/a_b?c=1&d=2)",
        "[page](https://x.org/a_b?c=1&d=2)",
        "<https://x.org/a_b?c=1&amp;d=2|page>",
    ),
    (
        "[page](javascript:alert)",
        "page (javascript:alert)",
        "page (javascript:alert)",
    ),
    ("<https://x.org/a>", "https://x.org/a", "https://x.org/a"),
    (
        "a < b && c > d",
        "a &lt; b &amp;&amp; c &gt; d",
        "a &lt; b &amp;&amp; c &gt; d",
    ),
    (
        r"\<!channel> \<@U1> @here",
        "&lt;!channel&gt; &lt;@U1&gt; @here",
        "&lt;!channel&gt; &lt;@U1&gt; @here",
    ),
    ("`a <@U1> b`", "`a <\u{200B}@U1> b`", "`a &lt;@U1&gt; b`"),
    (r"1\. no list", r"1\. no list", "1. no list"),
    (r"\# no title", r"\# no title", "# no title"),
    ("---", "---", "———"),
    (
        "| a | b |\n|---|---|\n| c | d |",
        "| a | b |\n|---|---|\n| c | d |",
        "```\na | b\n--- | ---\nc | d\n```",
    ),
];

#[test]
fn the_golden_snippets_are_told_as_they_were() {
    golden::check("slack-markdown", markdown::render);
    golden::check("slack-mrkdwn", mrkdwn::render);
    golden::check_parts(&SlackDialect, 120, markdown::render);
    golden::check_parts(&SlackDialect, 120, mrkdwn::render);
}

#[test]
fn each_kind_of_markup_is_written_as_slack_reads_it() {
    for (text, markdown, mrkdwn) in GOLDEN {
        let markup = parse(text);
        assert_eq!(super::markdown::render(&markup), markdown, "{text}");
        assert_eq!(super::mrkdwn::render(&markup), mrkdwn, "{text}");
    }
}

#[test]
fn nobody_is_called_no_link_is_visited_and_a_message_is_found_again() {
    let markup = parse("@channel https://x.org <!here>");
    let key = key(DeliveryId(7), &markup);
    let message = send(&spot(), &markup, Words::Markdown, Some(&key)).expect("good");
    let body = serde_json::to_value(&message).expect("JSON");
    for (name, value) in [
        ("unfurl_links", json!(false)),
        ("unfurl_media", json!(false)),
        ("link_names", json!(false)),
        ("parse", json!("none")),
        ("channel", json!("C0ROOM")),
    ] {
        assert_eq!(body[name], value, "{name}");
    }
    assert_eq!(body["metadata"]["event_payload"]["key"], json!(key));
    assert_eq!(body["blocks"][0]["type"], json!("markdown"));
    assert!(
        !body["blocks"][0]["text"].to_string().contains("<!"),
        "{body}"
    );
    assert!(body.get("thread_ts").is_none());
    assert_ne!(key, super::key(DeliveryId(8), &markup));
    assert_ne!(key, super::key(DeliveryId(7), &parse("other")));
    let target = Target::of(&EventId::new("C0ROOM/1764500000.000200")).expect("a message");
    let change = edit(&target, &markup, Words::Mrkdwn).expect("good");
    let body = serde_json::to_value(&change).expect("JSON");
    assert_eq!(
        (&body["link_names"], &body["parse"]),
        (&json!(false), &json!("none"))
    );
    assert_eq!(body["blocks"], json!([]), "the old ones go");
}

#[test]
fn nothing_and_too_much_are_refused() {
    for text in [
        String::new(),
        "a".repeat(MAX_TEXT + 1),
        "<".repeat(MAX_TEXT),
    ] {
        let refused = send(&spot(), &literal(&text), Words::Markdown, None).expect_err("refused");
        assert_eq!(refused.kind(), &ErrorKind::Invalid);
    }
    assert!(
        send(
            &spot(),
            &literal(&"a".repeat(MAX_TEXT)),
            Words::Markdown,
            None
        )
        .is_ok()
    );
}

#[test]
fn handles_and_names_are_read_back() {
    let spot = Spot::of(&"C0ROOM/1764500000.000200".into()).expect("a thread");
    assert_eq!(spot.thread, Ts::of("1764500000.000200"));
    for odd in [
        "",
        "C",
        "X0ROOM",
        "C0/x",
        "C0ROOM/1764500000",
        "C0 ROOM",
        "../x",
        "C0ROOM/1764500000.0002",
    ] {
        assert_eq!(
            Spot::of(&odd.into()).expect_err(odd).kind(),
            &ErrorKind::NotFound
        );
        assert_eq!(
            Target::of(&odd.into()).expect_err(odd).kind(),
            &ErrorKind::NotFound
        );
    }
}

#[test]
fn the_older_markup_is_never_cut_off_by_slack() {
    // Each sign becomes five in the older markup.
    let parts = split(&literal(&"&".repeat(30_000)), &SlackDialect, MAX_TEXT);
    for part in &parts {
        assert!(super::mrkdwn::render(part).encode_utf16().count() <= slack::MAX_TEXT);
        assert!(super::markdown::render(part).encode_utf16().count() <= slack::MAX_MARKDOWN);
    }
    let said: usize = parts.iter().map(|part| plain(part).len()).sum();
    assert_eq!(said, 30_000);
}

fn dense(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != '\u{200B}')
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn words_are_read_as_they_were_meant(text in "[ -~äß😀\n]{0,80}") {
        let markup = literal(&text);
        let (new, old) = (super::markdown::render(&markup), super::mrkdwn::render(&markup));
        let meant = dense(&plain(&markup));
        prop_assert_eq!(&dense(&slack::commonmark(&new)), &meant, "{}", new);
        prop_assert_eq!(&dense(&slack::mrkdwn(&old)), &meant, "{}", old);
        prop_assert!(!old.contains('<') && !new.contains('<'));
    }

    #[test]
    fn styled_words_are_read_as_they_were_meant(a in "[a-z_*`~\\\\]{1,8}", b in "[a-z_*|>#<&]{1,8}", c in "[ a-z]{0,3}") {
        let word = |text: &str| vec![Inline::Text(text.to_owned())];
        let markup = Markup(vec![Block::Paragraph(vec![
            Inline::Strong(word(&a)), Inline::Text(c.clone()), Inline::Emphasis(word(&b)),
            Inline::Text(c), Inline::Strike(word(&a)), Inline::Code(b.clone()),
        ])]);
        let (new, old) = (super::markdown::render(&markup), super::mrkdwn::render(&markup));
        let meant = dense(&plain(&markup));
        prop_assert_eq!(&dense(&slack::commonmark(&new)), &meant, "{}", new);
        prop_assert_eq!(&dense(&slack::mrkdwn(&old)), &meant, "{}", old);
    }

    #[test]
    fn every_part_fits_and_its_fences_are_balanced(text in "([a-z*_ ]{1,40}\n|```\n[a-z` ]{1,60}\n```\n|\n){1,60}") {
        let parts = split(&parse(&text), &SlackDialect, 200);
        for part in &parts {
            prop_assert!(SlackDialect.measure(part) <= 200);
            let old = super::mrkdwn::render(part);
            prop_assert_eq!(old.matches("```").count() % 2, 0, "{}", old);
            let new = super::markdown::render(part);
            prop_assert_eq!(dense(&slack::commonmark(&new)), dense(&slack::commonmark(&super::markdown::render(&parse(&new)))), "{}", new);
        }
    }
}
