//! Fixtures in, events out.

use super::*;
use chatbox_connector_api::event::Media;
use chatbox_connector_api::markup::{parse, plain};
use proptest::prelude::*;
use serde_json::{Value, json};
use wire::Entity;

const NOW: Millis = Millis(1_700_000_000_000);

fn me() -> User {
    User {
        id: 7,
        is_bot: true,
        first_name: "Bot".to_owned(),
        username: Some("the_bot".to_owned()),
        ..User::default()
    }
}

fn ada() -> Value {
    json!({"id": 42, "is_bot": false, "first_name": "Ada", "last_name": "L", "username": "ada"})
}

fn private() -> Value {
    json!({"id": 42, "type": "private", "first_name": "Ada"})
}

fn group() -> Value {
    json!({"id": -5, "type": "supergroup", "title": "Friends"})
}

fn events(update: &Value) -> Vec<Event> {
    translate(&update.to_string(), &me(), NOW).events
}

fn event(update: &Value) -> Event {
    let mut events = events(update);
    assert_eq!(events.len(), 1, "{update}");
    events.remove(0)
}

/// A message in a chat by Ada, with further fields.
fn message(chat: Value, more: &Value) -> Event {
    event(&json!({"update_id": 1, "message": with(chat, more)}))
}

fn with(chat: Value, more: &Value) -> Value {
    let mut message = json!({"message_id": 9, "date": 1_600_000_000, "chat": chat, "from": ada()});
    let fields = message.as_object_mut().expect("an object");
    for (name, value) in more.as_object().expect("an object") {
        fields.insert(name.clone(), value.clone());
    }
    message
}

fn text_of(event: &Event) -> &str {
    &event.body.content().expect("something said").text
}

#[test]
fn an_update_on_which_we_crash_is_kept_and_costs_no_other() {
    let update = json!({"update_id": 1, "message": with(private(), &json!({"text": "hi"}))});
    let json = update.to_string();
    let reader = Reader {
        me: &me(),
        now: NOW,
        update: update_name(Some(1), &json),
        raw: RawValue::from_string(json.clone()).ok().map(Arc::from),
        json: &json,
    };
    let kept = reader.kept(|_| panic!("planted")).remove(0);
    assert!(
        matches!(kept.body, EventBody::Unsupported { .. }),
        "{kept:?}"
    );
    assert_eq!(kept.raw.expect("it is kept").get(), json);
    assert_eq!(text_of(&event(&update)), "hi");
}

#[test]
fn a_private_text() {
    let event = message(private(), &json!({"text": "hello"}));
    assert_eq!(event.id.as_str(), "42/9");
    assert_eq!(event.chat.handle.as_str(), "42");
    assert_eq!(event.chat.kind, ChatKind::Dm);
    assert_eq!(event.chat.name.as_deref(), Some("Ada"));
    assert_eq!(event.sender.id.as_str(), "42");
    assert_eq!(event.sender.name.as_deref(), Some("Ada L"));
    assert!(!event.sender.is_bot);
    assert_eq!(event.at, Millis(1_600_000_000_000));
    assert!(event.addressed);
    assert_eq!(event.body, EventBody::Message(Content::text("hello")));
    assert!(event.raw.expect("the JSON").get().contains("\"hello\""));
}

#[test]
fn a_group_text_is_for_us_only_when_it_says_so() {
    let mention = |offset: usize, length: usize| json!([{"type": "mention", "offset": offset, "length": length}]);
    let cases = [
        (json!({"text": "hello"}), false),
        (
            json!({"text": "😀 @The_Bot hi", "entities": mention(3, 8)}),
            true,
        ),
        (
            json!({"text": "@other_bot hi", "entities": mention(0, 10)}),
            false,
        ),
        (json!({"text": "@the_bot"}), false),
        (
            json!({"text": "you there", "entities": [{"type": "text_mention", "offset": 0, "length": 3,
            "user": {"id": 7, "is_bot": true, "first_name": "Bot"}}]}),
            true,
        ),
        (
            json!({"caption": "@the_bot look", "caption_entities": mention(0, 8), "photo": [{"file_id": "p"}]}),
            true,
        ),
        (
            json!({"text": "yes", "reply_to_message": {"message_id": 3, "from": {"id": 7}, "chat": group()}}),
            true,
        ),
        (
            json!({"text": "yes", "reply_to_message": {"message_id": 3, "from": ada(), "chat": group()}}),
            false,
        ),
        (json!({"text": "/help"}), true),
        (json!({"text": "/help@the_bot me"}), true),
        (json!({"text": "/help@other_bot me"}), false),
        (json!({"text": "well /help"}), false),
    ];
    for (fields, expected) in cases {
        assert_eq!(message(group(), &fields).addressed, expected, "{fields}");
    }
}

#[test]
fn house_commands_are_actions_and_others_are_messages() {
    let action = |text: &str| match message(group(), &json!({"text": text})).body {
        EventBody::Action(action) => Some((action.name, action.argument)),
        _ => None,
    };
    let pair = |name: &str, argument: &str| Some((name.to_owned(), argument.to_owned()));
    assert_eq!(action("/start abc-DEF_1"), pair("start", "abc-DEF_1"));
    assert_eq!(action("/STOP@the_bot"), pair("stop", ""));
    assert_eq!(action("/new\nsession"), pair("new", "session"));
    assert_eq!(action("/status"), pair("status", ""));
    assert_eq!(action("/link 12"), pair("link", "12"));
    for text in [
        "/stop@other_bot",
        "/help",
        "/",
        "stop",
        " /stop",
        "/stop.",
        "/st op",
    ] {
        assert_eq!(action(text), None, "{text}");
    }
    let quoted = json!({"text": "/stop", "entities": [{"type": "code", "offset": 0, "length": 5}]});
    assert!(message(group(), &quoted).body.content().is_some());
}

#[test]
fn topics_are_threads() {
    let fields = json!({"text": "hi", "is_topic_message": true, "message_thread_id": 77,
        "reply_to_message": {"message_id": 77, "from": {"id": 7}, "chat": group()}});
    let event = message(group(), &fields);
    assert_eq!(event.chat.handle.as_str(), "-5/77");
    assert_eq!(event.chat.kind, ChatKind::Thread);
    assert_eq!(event.id.as_str(), "-5/9", "a message's name knows no topic");
    assert!(
        !event.addressed,
        "every message of a topic points at its first"
    );
    assert_eq!(event.body.content().expect("text").reply_to, None);
    // A thread of replies outside of topics is no place of its own.
    let plain = message(group(), &json!({"text": "hi", "message_thread_id": 77}));
    assert_eq!(plain.chat.handle.as_str(), "-5");
}

#[test]
fn replies_point_at_messages() {
    let fields =
        json!({"text": "hi", "reply_to_message": {"message_id": 3, "chat": private(), "date": 1}});
    let event = message(private(), &fields);
    let reply = event.body.content().expect("text").reply_to.clone();
    assert_eq!(reply, Some(EventId::new("42/3")));
}

#[test]
fn who_speaks_for_a_chat_is_the_chat() {
    let stand_in = json!({"id": 1_087_968_824, "is_bot": true, "first_name": "Group"});
    let event = message(
        group(),
        &json!({"text": "hi", "from": stand_in, "sender_chat": group()}),
    );
    assert_eq!(event.sender.id.as_str(), "-5");
    assert_eq!(event.sender.name.as_deref(), Some("Friends"));
    assert!(!event.sender.is_bot);
    let bot = json!({"id": 8, "is_bot": true, "first_name": "Other"});
    assert!(
        message(group(), &json!({"text": "hi", "from": bot}))
            .sender
            .is_bot
    );
}

#[test]
fn a_message_without_a_sender_starts_nothing() {
    for from in [json!(null), json!({}), json!({"id": "42"})] {
        let event = message(private(), &json!({"text": "hi", "from": from}));
        assert_eq!(event.sender.id.as_str(), "unknown");
        assert_eq!(event.body.kind(), "unsupported");
        assert!(!event.addressed);
    }
}

#[test]
fn channel_posts_are_the_channels_words() {
    let channel = json!({"id": -1001, "type": "channel", "title": "News"});
    let post =
        json!({"message_id": 2, "date": 5, "chat": channel, "sender_chat": channel, "text": "hi"});
    let event = event(&json!({"update_id": 1, "channel_post": post}));
    assert_eq!(event.chat.kind, ChatKind::Channel);
    assert_eq!(event.sender.id.as_str(), "-1001");
    assert!(!event.addressed);
}

#[test]
fn edits_reactions_buttons_and_members() {
    let edited = with(
        private(),
        &json!({"text": "new", "edit_date": 1_600_000_009}),
    );
    let edit = event(&json!({"update_id": 31, "edited_message": edited}));
    assert_eq!(edit.id.as_str(), "u31");
    assert_eq!(edit.at, Millis(1_600_000_009_000));
    let target = EventId::new("42/9");
    let content = Content::text("new");
    assert_eq!(
        edit.body,
        EventBody::Edit {
            target: target.clone(),
            content
        }
    );

    let reaction = json!({"chat": private(), "message_id": 9, "date": 4, "user": ada(), "old_reaction": [],
        "new_reaction": [{"type": "emoji", "emoji": "👍"}, {"type": "custom_emoji", "custom_emoji_id": "5"},
            {"type": "paid"}, {"nonsense": true}]});
    let reaction = event(&json!({"update_id": 32, "message_reaction": reaction}));
    let emoji = ["👍", "custom_emoji:5", "paid"].map(str::to_owned).to_vec();
    assert_eq!(reaction.body, EventBody::Reaction { target, emoji });

    let button = json!({"id": "q1", "from": ada(), "chat_instance": "1", "data": "yes",
        "message": with(group(), &json!({"text": "sure?", "from": {"id": 7, "is_bot": true, "first_name": "Bot"}}))});
    let button = event(&json!({"update_id": 33, "callback_query": button}));
    assert_eq!(button.chat.handle.as_str(), "-5");
    assert_eq!(button.sender.id.as_str(), "42");
    assert_eq!(button.at, NOW);
    let action = Action {
        name: "yes".to_owned(),
        argument: String::new(),
        token: Some("q1".to_owned()),
        target: Some("-5/9".into()),
    };
    assert_eq!(button.body, EventBody::Action(action));

    let standing = |status: &str| json!({"status": status, "user": {"id": 7, "is_bot": true, "first_name": "Bot"}});
    let member = json!({"chat": group(), "from": ada(), "date": 4, "old_chat_member": standing("member"),
        "new_chat_member": standing("kicked")});
    let member = event(&json!({"update_id": 34, "my_chat_member": member}));
    assert!(
        matches!(member.body, EventBody::Member { who, present: false } if who.id.as_str() == "7")
    );
}

#[test]
fn several_members_come_at_once() {
    let came = json!({"new_chat_members": [ada(), {"id": 43, "first_name": "Bob"}]});
    let events = events(&json!({"update_id": 1, "message": with(group(), &came)}));
    let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids, ["-5/9", "-5/9.1"]);
    assert!(
        events
            .iter()
            .all(|e| matches!(e.body, EventBody::Member { present: true, .. }))
    );
}

#[test]
fn a_group_that_grows_moves() {
    let event = message(group(), &json!({"migrate_to_chat_id": -100_500}));
    assert_eq!(
        event.body,
        EventBody::Moved {
            to: Handle::new("-100500")
        }
    );
}

#[test]
fn files_are_references() {
    let fields = json!({"caption": "see", "media_group_id": "g1", "photo": [
        {"file_id": "small", "width": 90, "height": 90, "file_size": 10},
        {"file_id": "big", "width": 900, "height": 900, "file_size": 1000},
        {"file_id": "mid", "width": 300, "height": 300}]});
    let event = message(private(), &fields);
    assert_eq!(event.group.as_deref(), Some("g1"));
    let content = event.body.content().expect("a photo");
    assert_eq!(content.text, "see");
    let [photo] = &content.attachments[..] else {
        panic!("{content:?}")
    };
    assert_eq!(
        photo.media,
        Media::Pending {
            source: "big".to_owned()
        }
    );
    assert_eq!(
        (photo.mime.as_str(), photo.size),
        ("image/jpeg", Some(1000))
    );

    let kinds = [
        (
            "document",
            json!({"file_id": "f", "file_name": "../a.pdf", "mime_type": "application/pdf"}),
            "a.pdf",
            "application/pdf",
        ),
        (
            "audio",
            json!({"file_id": "f", "mime_type": "audio/mp4"}),
            "audio.mp3",
            "audio/mp4",
        ),
        ("voice", json!({"file_id": "f"}), "voice.ogg", "audio/ogg"),
        ("video", json!({"file_id": "f"}), "video.mp4", "video/mp4"),
        (
            "video_note",
            json!({"file_id": "f"}),
            "video-note.mp4",
            "video/mp4",
        ),
        (
            "sticker",
            json!({"file_id": "f", "is_animated": false, "is_video": false}),
            "sticker.webp",
            "image/webp",
        ),
    ];
    for (kind, file, name, mime) in kinds {
        let event = message(private(), &json!({kind: file}));
        let content = event.body.content().expect(kind);
        let [file] = &content.attachments[..] else {
            panic!("{content:?}")
        };
        assert_eq!((file.name.as_str(), file.mime.as_str()), (name, mime));
    }
    let gif = json!({"animation": {"file_id": "a"}, "document": {"file_id": "a"}});
    assert_eq!(
        message(private(), &gif)
            .body
            .content()
            .expect("a gif")
            .attachments
            .len(),
        1
    );
}

#[test]
fn a_file_too_large_to_fetch_says_so_and_keeps_its_text() {
    let size = MAX_DOWNLOAD + 1;
    let event = message(
        private(),
        &json!({"caption": "big", "document": {"file_id": "f", "file_size": size}}),
    );
    let content = event.body.content().expect("a caption");
    assert_eq!(content.text, "big");
    assert!(
        matches!(&content.attachments[0].media, Media::Failed { reason } if reason.contains("20971520"))
    );
}

#[test]
fn what_has_no_word_is_kept_by_name() {
    let what = |event: &Event| match &event.body {
        EventBody::Unsupported { what } => what.clone(),
        other => panic!("{other:?}"),
    };
    for kind in [
        "location",
        "poll",
        "contact",
        "dice",
        "rich_message",
        "checklist",
        "pinned_message",
    ] {
        let event = message(group(), &json!({kind: {"x": 1}}));
        assert_eq!(what(&event), kind);
        assert_eq!(
            (event.id.as_str(), event.chat.handle.as_str()),
            ("-5/9", "-5")
        );
        assert!(!event.addressed);
    }
    let venue = json!({"location": {"latitude": 1.0}, "venue": {"title": "x"}});
    assert_eq!(what(&message(group(), &venue)), "venue");
    let moving = json!({"sticker": {"file_id": "s", "is_animated": true}});
    assert_eq!(what(&message(group(), &moving)), "sticker");

    let later = json!({"update_id": 5, "hologram": {"chat": group(), "from": ada(), "date": 3}});
    let later = event(&later);
    assert_eq!(what(&later), "hologram");
    assert_eq!(
        (later.id.as_str(), later.chat.handle.as_str()),
        ("u5", "-5")
    );
    assert_eq!(later.sender.id.as_str(), "42");
}

#[test]
fn nothing_stops_the_stream() {
    let broken = [
        json!({"update_id": 5}),
        json!({"update_id": 5, "message": 17}),
        json!({"update_id": 5, "message": {"garbage": true}}),
        json!({"update_id": 5, "message": {"message_id": "x", "chat": group()}}),
        json!({"update_id": 5, "callback_query": {"id": 3}}),
        json!({"update_id": 5, "message": null, "edited_message": []}),
    ];
    for update in broken {
        let translated = translate(&update.to_string(), &me(), NOW);
        assert_eq!(translated.update_id, Some(5), "{update}");
        assert_eq!(translated.events.len(), 1);
        assert_eq!(translated.events[0].id.as_str(), "u5");
        assert_eq!(translated.events[0].body.kind(), "unsupported");
    }
    for update in [
        json!(17),
        json!(null),
        json!([]),
        json!({"update_id": "five"}),
        json!("x"),
    ] {
        let translated = translate(&update.to_string(), &me(), NOW);
        assert_eq!(translated.update_id, None);
        let [event] = &translated.events[..] else {
            panic!("{translated:?}")
        };
        assert_eq!(
            (event.chat.handle.as_str(), event.sender.id.as_str()),
            ("unknown", "unknown")
        );
        let again = translate(&update.to_string(), &me(), NOW);
        assert_eq!(event.id, again.events[0].id, "a repetition is recognised");
    }
}

#[test]
fn one_odd_part_does_not_take_the_text_along() {
    let fields = json!({"text": "still here", "reply_to_message": 3, "document": {"no": "id"},
        "entities": [{"type": "date_time", "offset": 0, "length": 5, "unix_time": 1},
            {"type": "bold", "offset": "x"}, {"type": "bold", "offset": 0, "length": 5}, 5],
        "forward_origin": {"type": "unheard of"}, "photo": "none", "media_group_id": 5});
    assert_eq!(text_of(&message(private(), &fields)), "**still** here");
}

#[test]
fn halves_of_characters_are_repaired() {
    let json = r#"{"update_id":1,"message":{"message_id":9,"date":1,"chat":{"id":42,"type":"private"},
        "from":{"id":42,"first_name":"A"},"text":"x\ud83d y\u0000z"}}"#;
    let translated = translate(json, &me(), NOW);
    assert_eq!(text_of(&translated.events[0]), "x\u{FFFD} y\u{FFFD}z");
    let raw = translated.events[0].raw.as_ref().expect("the JSON");
    assert!(!raw.get().contains("\\ud83d") && !raw.get().contains("\\u0000"));
}

fn entity(kind: &str, offset: usize, length: usize) -> Entity {
    Entity {
        kind: kind.to_owned(),
        offset,
        length,
        url: None,
        user: None,
        language: None,
    }
}

fn link(offset: usize, length: usize, url: &str) -> Entity {
    Entity {
        url: Some(url.to_owned()),
        ..entity("text_link", offset, length)
    }
}

#[test]
fn entities_become_commonmark() {
    let lang = Entity {
        language: Some("rust".to_owned()),
        ..entity("pre", 4, 9)
    };
    let mention = Entity {
        user: Some(User {
            id: 42,
            ..User::default()
        }),
        ..entity("text_mention", 0, 3)
    };
    let cases: Vec<(&str, Vec<Entity>, &str)> = vec![
        (
            "bold it",
            vec![entity("bold", 0, 4), entity("italic", 5, 2)],
            "**bold** _it_",
        ),
        ("😀 x", vec![entity("bold", 3, 1)], "😀 **x**"),
        ("abc", vec![entity("bold", 1, 1)], "a**b**c"),
        ("abc", vec![entity("italic", 1, 1)], "a*b*c"),
        ("a b ", vec![entity("bold", 0, 4)], "**a b** "),
        ("no", vec![entity("strikethrough", 0, 2)], "~~no~~"),
        ("a`b", vec![entity("code", 0, 3)], "``a`b``"),
        (
            "both",
            vec![entity("italic", 0, 4), entity("bold", 0, 4)],
            "_**both**_",
        ),
        (
            "see fn x() {}",
            vec![lang],
            "see \n\n```rust\nfn x() {}\n```",
        ),
        (
            "here",
            vec![link(0, 4, "https://x.org/a(b)")],
            "[here](https://x.org/a%28b%29)",
        ),
        ("Ada, hi", vec![mention], "[Ada](tg://user?id=42), hi"),
        (
            "one\n\ntwo",
            vec![entity("bold", 0, 8)],
            "**one**\n\n**two**",
        ),
        ("said\nhi", vec![entity("blockquote", 0, 4)], "> said\n\nhi"),
        (
            "https://x.org/_a_",
            vec![entity("url", 0, 17)],
            "<https://x.org/_a_>",
        ),
        (
            "https://x.org/a_b",
            vec![entity("url", 0, 17)],
            "https://x.org/a_b",
        ),
        // Bold that CommonMark cannot open here goes, its text stays.
        ("foo(bar)baz", vec![entity("bold", 3, 5)], "foo(bar)baz"),
        (
            "x",
            vec![
                entity("bold", 0, 2),
                entity("bold", 5, 1),
                entity("bold", 0, 0),
            ],
            "x",
        ),
        ("😀", vec![entity("bold", 1, 1)], "😀"),
    ];
    for (text, entities, expected) in cases {
        assert_eq!(span::commonmark(text, &entities), expected, "{text}");
    }
}

#[test]
fn only_marks_are_escaped() {
    for same in [
        "5 * 3 = 15",
        "snake_case_name",
        "C:\\temp\\x",
        "a < b > c",
        "1.5 (ok) - yes",
        "#tag",
        "-5 +3",
        "a | b",
        "x[0",
        "Fine. Really! Yes?",
        "@my_bot_x",
        "~ about",
        "100%_sure",
    ] {
        let same = same.replace('[', "\\[").replace("%_", "%\\_");
        let text = same.replace("\\[", "[").replace("%\\_", "%_");
        assert_eq!(span::commonmark(&text, &[]), same);
    }
    for (text, escaped) in [
        ("*no*", "\\*no\\*"),
        ("# no", "\\# no"),
        ("1. no", "1\\. no"),
        ("- no", "\\- no"),
        ("> no", "\\> no"),
        ("a\n---", "a\n\\---"),
        ("a\n===", "a\n\\==="),
        ("`no`", "\\`no\\`"),
        ("[no](x)", "\\[no](x)"),
        ("<b>", "\\<b>"),
        ("a\\", "a\\\\"),
        ("a|b\n-|-", "a|b\n\\-|-"),
        ("    deep", "\u{A0}   deep"),
    ] {
        assert_eq!(span::commonmark(text, &[]), escaped, "{text}");
    }
}

/// What CommonMark cannot keep: the length of white space, and how many blank lines there are.
fn lines(text: &str) -> Vec<String> {
    let text = text.replace('\u{A0}', " ");
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.split(['\n', '\r'])
        .map(line)
        .filter(|line| !line.is_empty())
        .collect()
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Texts full of marks, words of several scripts, emoji of several units, and white space.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z]{1,4}",
        4 => "[ \n\t]{1,3}",
        6 => "[-*_~`#>+=|\\[\\]()<>!.:;&/\\\\1-9]{1,3}",
        1 => Just("😀".to_owned()), 1 => Just("👨‍👩‍👧".to_owned()), 1 => Just("漢字".to_owned()),
        1 => Just("שלום".to_owned()), 1 => Just("e\u{301}".to_owned()), 1 => Just("https://x.org/a_b?c=*d*".to_owned()),
        1 => Just("```".to_owned()), 1 => Just("~~~".to_owned()), 1 => Just("&amp;".to_owned()),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

fn entities() -> impl Strategy<Value = Vec<Entity>> {
    let kind = prop::sample::select(vec![
        "bold",
        "italic",
        "strikethrough",
        "code",
        "pre",
        "blockquote",
        "text_link",
        "url",
        "underline",
        "mention",
    ]);
    let one = (kind, 0_usize..30, 0_usize..20).prop_map(|(kind, offset, length)| Entity {
        url: (kind == "text_link").then(|| "https://x.org/?a=1&b=(2)".to_owned()),
        ..entity(kind, offset, length)
    });
    prop::collection::vec(one, 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn plain_text_reads_back_as_itself(text in texts()) {
        let written = span::commonmark(&text, &[]);
        let read = plain(&parse(&written));
        prop_assert_eq!(lines(&read), lines(&text), "written: {:?}", written);
    }

    #[test]
    fn styled_text_keeps_every_letter(text in texts(), entities in entities()) {
        let written = span::commonmark(&text, &entities);
        let mut read = plain(&parse(&written));
        // `plain` adds what a link leads to, and the sign of a quotation.
        read = read.replace(" (https://x.org/?a=1&b=%282%29)", "");
        let quotes = entities.iter().any(|e| e.kind == "blockquote");
        let signless = |text: &str| letters(text).replace('>', "");
        if quotes {
            prop_assert_eq!(signless(&read), signless(&text), "written: {:?}", written);
        } else {
            prop_assert_eq!(letters(&read), letters(&text), "written: {:?}", written);
        }
    }

    #[test]
    fn any_json_is_some_event(text in "\\PC{0,40}", id in any::<i64>()) {
        let update = json!({"update_id": id, text.clone(): {"chat": {"id": id}, text: 5}});
        let translated = translate(&update.to_string(), &me(), NOW);
        prop_assert_eq!(translated.update_id, Some(id));
        prop_assert_eq!(translated.events.len(), 1);
    }
}
