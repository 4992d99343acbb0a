//! Verbs in, requests out. The entities are read back by an independent reading of the wire.

#[path = "../../../corpus/markup/golden.rs"]
mod golden;

use super::*;
use chatbox_connector_api::event::{Attachment, Media};
use chatbox_connector_api::id::MediaId;
use chatbox_connector_api::markup::{Block, Dialect, Inline, literal, parse, plain};
use chatbox_fakes::telegram::{Entity, Mark, runs};
use proptest::prelude::*;
use serde_json::{Value, json};

fn out(chat: &str, verb: Verb) -> Outbound {
    Outbound {
        id: None,
        chat: chat.into(),
        verb,
    }
}

fn said(text: &str) -> OutMessage {
    OutMessage {
        markup: parse(text),
        ..OutMessage::default()
    }
}

fn made(chat: &str, verb: Verb) -> Request {
    request(&out(chat, verb)).expect("a request")
}

fn body(request: &Request) -> Value {
    Value::Object(request.fields.clone())
}

fn kind(chat: &str, verb: Verb) -> ErrorKind {
    request(&out(chat, verb))
        .expect_err("refused")
        .kind()
        .clone()
}

fn file(name: &str, mime: &str, size: u64) -> Attachment {
    Attachment {
        name: name.to_owned(),
        mime: mime.to_owned(),
        size: Some(size),
        media: Media::Ready {
            id: MediaId::new(name),
        },
    }
}

#[test]
fn the_golden_snippets_are_told_as_they_were() {
    golden::check("telegram", |snippet| {
        let told = super::text::format(snippet);
        let units: Vec<u16> = told.text.encode_utf16().collect();
        let entities = told.entities.iter().map(|entity| {
            let covered = &units[entity.offset..entity.offset + entity.length];
            let json = serde_json::to_string(entity).expect("an entity is JSON");
            format!("\n  {json} {:?}", String::from_utf16_lossy(covered))
        });
        let entities: String = entities.collect();
        format!("{}{entities}", told.text)
    });
    // No sign of its text is markup: whatever stands there is no fence.
    golden::check_parts(&TelegramDialect, 60, |_| String::new());
}

#[test]
fn text_goes_with_entities_and_without_a_preview() {
    let mut message = said("**hi** [there](https://x.org/)");
    message.reply_to = Some("-5/3".into());
    let request = made("-5/77", Verb::Send(message));
    assert_eq!(
        (request.method.as_str(), request.effect),
        ("sendMessage", Effect::Once)
    );
    let expected = json!({
        "chat_id": -5, "message_thread_id": 77, "text": "hi there",
        "entities": [{"type": "bold", "offset": 0, "length": 2},
            {"type": "text_link", "offset": 3, "length": 5, "url": "https://x.org/"}],
        "link_preview_options": {"is_disabled": true},
        "reply_parameters": {"message_id": 3, "allow_sending_without_reply": true},
    });
    assert_eq!(body(&request), expected);
}

#[test]
fn a_reply_to_another_chat_is_said_without_it() {
    let mut message = said("hi");
    message.reply_to = Some("-6/3".into());
    let request = made("-5", Verb::Send(message));
    assert!(request.fields.get("reply_parameters").is_none());
    assert!(request.lost.expect("a note").contains("not in this chat"));
}

#[test]
fn edits_deletes_reactions_answers_typing() {
    let target = || EventId::new("-5/9");
    let edit = made(
        "-5",
        Verb::Edit {
            target: target(),
            message: said("new"),
        },
    );
    assert_eq!(
        (edit.method.as_str(), edit.effect),
        ("editMessageText", Effect::Repeatable)
    );
    let expected = json!({"chat_id": -5, "message_id": 9, "text": "new", "link_preview_options": {"is_disabled": true}});
    assert_eq!(body(&edit), expected);
    let caption = edit.text_as_caption().expect("a caption");
    assert_eq!(caption.method, "editMessageCaption");
    assert_eq!(
        body(&caption),
        json!({"chat_id": -5, "message_id": 9, "caption": "new"})
    );

    let delete = made("-5", Verb::Delete { target: target() });
    assert_eq!(
        (delete.method.as_str(), body(&delete)),
        ("deleteMessage", json!({"chat_id": -5, "message_id": 9}))
    );

    let emoji = |emoji: &[&str]| Verb::React {
        target: target(),
        emoji: emoji.iter().map(|e| (*e).to_owned()).collect(),
    };
    let react = made("-5", emoji(&["👍"]));
    let reaction = json!([{"type": "emoji", "emoji": "👍"}]);
    assert_eq!(
        body(&react),
        json!({"chat_id": -5, "message_id": 9, "reaction": reaction})
    );
    assert_eq!(body(&made("-5", emoji(&[])))["reaction"], json!([]));
    let custom = json!([{"type": "custom_emoji", "custom_emoji_id": "5"}]);
    assert_eq!(
        body(&made("-5", emoji(&["custom_emoji:5"])))["reaction"],
        custom
    );

    let answer = made(
        "-5",
        Verb::Answer {
            token: "q".to_owned(),
            text: "ok".to_owned(),
        },
    );
    assert_eq!(
        body(&answer),
        json!({"callback_query_id": "q", "text": "ok"})
    );
    let silent = made(
        "-5",
        Verb::Answer {
            token: "q".to_owned(),
            text: String::new(),
        },
    );
    assert_eq!(body(&silent), json!({"callback_query_id": "q"}));

    let typing = made("-5/7", Verb::Typing);
    assert_eq!(
        (typing.method.as_str(), body(&typing)),
        (
            "sendChatAction",
            json!({"chat_id": -5, "message_thread_id": 7, "action": "typing"})
        )
    );
}

#[test]
fn drafts_are_for_two() {
    let draft = |text: &str| Verb::Draft {
        id: 3,
        markup: parse(text),
    };
    let request = made("42", draft("**grow**ing"));
    assert_eq!(request.method, "sendMessageDraft");
    let entities = json!([{"type": "bold", "offset": 0, "length": 4}]);
    assert_eq!(
        body(&request),
        json!({"chat_id": 42, "draft_id": 3, "text": "growing", "entities": entities})
    );
    assert_eq!(made("-5", draft("growing")).method, "sendChatAction");
    let long = made("42", draft(&"word ".repeat(2000)));
    let shown = long.fields["text"].as_str().expect("text").len();
    assert!(shown > 0 && shown <= MAX_TEXT);
}

#[test]
fn what_cannot_be_said_is_refused_before_it_is_sent() {
    assert_eq!(kind("nowhere", Verb::Typing), ErrorKind::NotFound);
    assert_eq!(kind("5/x", Verb::Typing), ErrorKind::NotFound);
    for target in ["u17", "-5", "x/y"] {
        assert_eq!(
            kind(
                "-5",
                Verb::Delete {
                    target: target.into()
                }
            ),
            ErrorKind::NotFound
        );
    }
    assert_eq!(kind("5", Verb::Send(said(" \n "))), ErrorKind::Invalid);
    assert_eq!(
        kind("5", Verb::Send(said(&"x".repeat(MAX_TEXT + 1)))),
        ErrorKind::Invalid
    );
    assert_eq!(
        kind(
            "5",
            Verb::MarkRead {
                target: "5/1".into()
            }
        ),
        ErrorKind::Unsupported
    );
    let mut long = said(&"x".repeat(MAX_CAPTION + 1));
    long.attachments = vec![file("a.png", "image/png", 5)];
    assert_eq!(kind("5", Verb::Send(long)), ErrorKind::Invalid);
    let mut pending = said("x");
    let media = Media::Pending {
        source: "elsewhere".to_owned(),
    };
    pending.attachments = vec![Attachment {
        media,
        ..file("a", "a/b", 1)
    }];
    assert_eq!(kind("5", Verb::Send(pending)), ErrorKind::Invalid);
}

#[test]
fn one_file_is_what_it_is() {
    let cases = [
        ("image/png", 5, "sendPhoto", "photo"),
        (
            "image/png",
            10 * 1024 * 1024 + 1,
            "sendDocument",
            "document",
        ),
        ("image/svg+xml", 5, "sendDocument", "document"),
        ("image/gif", 5, "sendAnimation", "animation"),
        ("video/mp4", 5, "sendVideo", "video"),
        ("video/webm", 5, "sendDocument", "document"),
        ("audio/mpeg", 5, "sendAudio", "audio"),
        ("audio/ogg", 5, "sendDocument", "document"),
        ("application/pdf", 5, "sendDocument", "document"),
    ];
    for (mime, size, method, part) in cases {
        let mut message = said("**look**");
        message.attachments = vec![file("f", mime, size)];
        let request = made("5", Verb::Send(message));
        assert_eq!(
            (request.method.as_str(), request.files[0].part.as_str()),
            (method, part),
            "{mime}"
        );
        assert_eq!(request.fields["caption"], "look");
        assert_eq!(request.fields["caption_entities"][0]["type"], "bold");
    }
}

#[test]
fn several_files_are_one_album() {
    let kinds = |mimes: &[&str]| {
        let mut message = said("both");
        let named = |(nth, mime): (usize, &&str)| file(&format!("f{nth}"), mime, 5);
        message.attachments = mimes.iter().enumerate().map(named).collect();
        let request = made("5", Verb::Send(message));
        assert_eq!(request.method, "sendMediaGroup");
        let media = request.fields["media"].as_array().expect("a list").clone();
        assert_eq!(media[0]["caption"], "both");
        assert!(media[1].get("caption").is_none());
        for (item, file) in media.iter().zip(&request.files) {
            assert_eq!(item["media"], format!("attach://{}", file.part));
        }
        media
            .iter()
            .map(|item| item["type"].as_str().expect("a type").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds(&["image/png", "video/mp4"]), ["photo", "video"]);
    assert_eq!(kinds(&["audio/mpeg", "audio/mp4"]), ["audio", "audio"]);
    assert_eq!(
        kinds(&["image/png", "application/pdf"]),
        ["document", "document"]
    );
    assert_eq!(kinds(&["image/gif", "image/gif"]), ["document", "document"]);
}

#[test]
fn each_refusal_has_its_plainer_form_or_none() {
    let refusal = |description: &str| Refusal {
        code: 400,
        description: description.to_owned(),
        ..Refusal::default()
    };
    let text = made("5", Verb::Send(said("**x**")));
    let bare = second_try(
        &text,
        &refusal("Bad Request: can't parse entities: nonsense"),
    )
    .expect("plain");
    assert!(bare.fields.get("entities").is_none() && bare.lost.is_some());
    assert_eq!(
        second_try(&bare, &refusal("Bad Request: can't parse entities")),
        None
    );
    assert_eq!(
        second_try(&text, &refusal("Bad Request: chat not found")),
        None
    );

    let mut photo = said("**x**");
    photo.attachments = vec![file("f", "image/png", 5)];
    let photo = made("5", Verb::Send(photo));
    let document =
        second_try(&photo, &refusal("Bad Request: PHOTO_INVALID_DIMENSIONS")).expect("a document");
    assert_eq!(
        (document.method.as_str(), document.files[0].part.as_str()),
        ("sendDocument", "document")
    );
    assert_eq!(
        second_try(&document, &refusal("Bad Request: PHOTO_INVALID_DIMENSIONS")),
        None
    );

    let mut album = said("**x**");
    album.attachments = vec![file("a", "image/png", 5), file("b", "image/png", 5)];
    let album = made("5", Verb::Send(album));
    let bare = second_try(&album, &refusal("Bad Request: can't parse entities")).expect("plain");
    assert!(bare.fields["media"][0].get("caption_entities").is_none());
}

/// The text as the other side sees it, as `text` with the marks on it.
fn seen(formatted: &Formatted) -> Vec<(String, Vec<Mark>)> {
    let entities: Vec<Entity> =
        serde_json::from_value(json!(formatted.entities)).expect("the wire's entities");
    let runs = runs(&formatted.text, &entities).expect("entities within the text");
    runs.into_iter()
        .map(|run| (run.text, run.marks.into_iter().collect()))
        .collect()
}

#[test]
fn the_tree_is_shown_as_meant() {
    let bold = || vec![Mark::Bold];
    let none = Vec::new;
    let show = |text: &str| seen(&format(&parse(text)));
    let pair = |text: &str, marks: Vec<Mark>| (text.to_owned(), marks);
    assert_eq!(
        show("# Title\n\ntext"),
        [pair("Title", bold()), pair("\n\ntext", none())]
    );
    assert_eq!(
        show("😀 **b _i_ `c` e**"),
        [
            pair("😀 ", none()),
            pair("b ", bold()),
            pair("i", vec![Mark::Bold, Mark::Italic]),
            pair(" ", bold()),
            pair("c", vec![Mark::Code]),
            pair(" e", bold()),
        ]
    );
    assert_eq!(show("~~no~~"), [pair("no", vec![Mark::Strike])]);
    assert_eq!(
        show("```rust\nfn x() {}\n```"),
        [pair("fn x() {}", vec![Mark::Block("rust".to_owned())])]
    );
    assert_eq!(show("- a\n- b\n  - c"), [pair("• a\n• b\n  • c", none())]);
    assert_eq!(show("3. a\n4. b"), [pair("3. a\n4. b", none())]);
    assert_eq!(show("> a\n> > b"), [pair("a\n\n> b", vec![Mark::Quote])]);
    assert_eq!(show("a\n\n---\n\nb"), [pair("a\n\n———\n\nb", none())]);
    let table = "n   | v\n----+---\none | 1\nii  | 2";
    assert_eq!(
        show("|n|v|\n|-|-|\n|one|1|\n|ii|2|")[0].0,
        table.replace("----+---", "----+--")
    );
}

#[test]
fn links_lead_where_they_led() {
    let show = |text: &str| seen(&format(&parse(text)));
    for href in [
        "https://x.org/a_b*c?d=1&e=%20f#g_h",
        "https://x.org/",
        "tg://user?id=42",
        "https://xn--hxajbheg2az3al.example/",
        "https://x.org/a%28b%29",
    ] {
        let shown = show(&format!("see [this]({href})"));
        assert_eq!(
            shown[1],
            ("this".to_owned(), vec![Mark::Link(href.to_owned())])
        );
    }
    for href in [
        "javascript:alert(1)",
        "http://localhost/x",
        "mailto:a@x.org",
        "/relative",
        "file:///etc",
    ] {
        let shown = show(&format!("[this](<{href}>)"));
        assert_eq!(shown, [(format!("this ({href})"), Vec::new())]);
    }
    // The platform finds bare addresses by itself, exactly as they stand.
    for bare in ["<https://x.org/a_b>", "<a@x.org>"] {
        let shown = show(bare);
        assert_eq!(
            shown,
            [(bare.trim_matches(['<', '>']).to_owned(), Vec::new())]
        );
    }
}

#[test]
fn too_many_entities_measure_as_too_long() {
    let many = parse(&"**x** y ".repeat(101));
    assert_eq!(TelegramDialect.measure(&many), MAX_TEXT + 1);
    let parts = split(&many, &TelegramDialect, MAX_TEXT);
    assert!(parts.len() > 1);
    let kept: usize = parts.iter().map(|part| format(part).entities.len()).sum();
    assert_eq!(kept, 101);
}

/// Trees with every kind of node and characters of one and two units.
fn trees() -> impl Strategy<Value = Markup> {
    let words = prop_oneof![
        "[a-z ]{1,8}",
        Just("😀".to_owned()),
        Just("👨‍👩‍👧".to_owned()),
        Just("漢字".to_owned()),
        Just("שלום".to_owned()),
        Just("e\u{301}".to_owned()),
        "[*_`\\[<#>]{1,4}",
    ];
    let leaf = prop_oneof![
        4 => words.clone().prop_map(Inline::Text),
        1 => words.clone().prop_map(Inline::Code),
        1 => Just(Inline::Break),
    ];
    let inline = leaf.prop_recursive(3, 12, 4, |inner| {
        let many = prop::collection::vec(inner, 0..4);
        prop_oneof![
            many.clone().prop_map(Inline::Strong),
            many.clone().prop_map(Inline::Emphasis),
            many.clone().prop_map(Inline::Strike),
            (
                many,
                prop::sample::select(vec!["https://x.org/", "javascript:x", ""])
            )
                .prop_map(|(content, href)| Inline::Link {
                    href: href.to_owned(),
                    content
                }),
        ]
    });
    let inlines = prop::collection::vec(inline, 0..5);
    let block = prop_oneof![
        4 => inlines.clone().prop_map(Block::Paragraph),
        1 => inlines.clone().prop_map(|content| Block::Heading { level: 1, content }),
        1 => words.prop_map(|text| Block::Code { lang: None, text: format!("{text}\n{text}") }),
        1 => Just(Block::Rule),
        1 => prop::collection::vec(prop::collection::vec(inlines.clone(), 1..3), 0..3)
            .prop_map(|rows| Block::Table { header: Vec::new(), rows }),
    ];
    let block = block.prop_recursive(3, 10, 3, |inner| {
        let many = prop::collection::vec(inner, 0..3);
        prop_oneof![
            many.clone().prop_map(Block::Quote),
            (
                prop::option::of(0_u64..100),
                prop::collection::vec(many, 0..3)
            )
                .prop_map(|(start, items)| Block::List { start, items }),
        ]
    });
    prop::collection::vec(block, 0..4).prop_map(Markup)
}

/// What a reader reads, without the signs and gaps each rendering has its own of.
fn letters(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && !"|+->".contains(*c))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_letter_arrives_and_every_entity_fits(tree in trees()) {
        let formatted = format(&tree);
        prop_assert_eq!(formatted.units, formatted.text.encode_utf16().count());
        let entities: Vec<Entity> = serde_json::from_value(json!(formatted.entities)).expect("entities");
        let read = runs(&formatted.text, &entities);
        prop_assert!(read.is_ok(), "{:?}", read);
        prop_assert!(entities.iter().all(|e| e.length > 0));
        let code = |marks: &[Mark]| marks.iter().any(|m| matches!(m, Mark::Code | Mark::Block(_)));
        for (text, marks) in seen(&formatted) {
            let alone = marks.iter().all(|m| matches!(m, Mark::Code | Mark::Block(_) | Mark::Quote));
            prop_assert!(!code(&marks) || alone, "{:?} in {:?}", text, marks);
        }
        // A link's address is said by the one in text, by the other in the entity.
        let words = |text: &str| letters(text).replace("https://x.org/", "").replace(['(', ')'], "");
        prop_assert_eq!(words(&formatted.text), words(&plain(&tree)));
    }

    #[test]
    fn parts_fit_and_lose_nothing(words in prop::collection::vec("[a-z]{1,9}|😀|漢字|\\*\\*b\\*\\*", 1..400), limit in 20_usize..200) {
        let text = words.join(" ");
        let parts = split(&parse(&text), &TelegramDialect, limit);
        for part in &parts {
            prop_assert!(format(part).text.encode_utf16().count() <= limit);
        }
        let all: String = parts.iter().map(|part| format(part).text).collect();
        prop_assert_eq!(letters(&all), letters(&format(&parse(&text)).text));
    }

    #[test]
    fn literal_text_is_sent_as_typed(text in "[a-z*_`\\[\\]()<>😀漢\n]{1,60}") {
        let formatted = format(&literal(&text));
        prop_assert_eq!(formatted.text, text);
        prop_assert!(formatted.entities.is_empty());
    }
}
