//! Notifications in, events out.

use super::*;
use chatbox_connector_api::event::Media;
use serde_json::{Value, json};

const US: &str = "+4915100000000";
const ANA: &str = "00000000-0000-4000-8000-000000000001";
const NOW: Millis = Millis(5);

fn envelope(more: Value) -> Value {
    let mut envelope = json!({
        "source": ANA, "sourceNumber": null, "sourceUuid": ANA, "sourceName": "Ana", "sourceDevice": 2, "timestamp": 7,
    });
    for (key, value) in more.as_object().expect("an object") {
        envelope[key] = value.clone();
    }
    envelope
}

fn read(more: Value) -> Translated {
    let params = json!({"envelope": envelope(more), "account": US});
    translate(&params.to_string(), US, NOW, None)
}

fn only(more: Value) -> Event {
    let mut events = read(more).events;
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

fn text(data: Value) -> String {
    let event = only(json!({"dataMessage": data}));
    event.body.content().expect("a message").text.clone()
}

#[test]
fn an_envelope_on_which_we_crash_is_kept_and_costs_no_other() {
    let json = envelope(json!({"dataMessage": {"timestamp": 7, "message": "hi"}})).to_string();
    let reader = Reader {
        account: US,
        now: NOW,
        envelope: &serde_json::from_str(&json).expect("an envelope"),
        raw: RawValue::from_string(json.clone()).ok().map(Arc::from),
        full: None,
    };
    let mut kept = reader.kept(|_| panic!("planted")).events;
    let event = kept.remove(0);
    assert!(
        matches!(event.body, EventBody::Unsupported { .. }),
        "{event:?}"
    );
    assert_eq!(event.raw.expect("it is kept").get(), json);
    assert_eq!(text(json!({"timestamp": 8, "message": "next"})), "next");
}

#[test]
fn both_shapes_say_the_same() {
    let said = envelope(json!({"dataMessage": {"timestamp": 7, "message": "hi"}}));
    let direct = json!({"envelope": said, "account": US});
    let subscribed = json!({"subscription": 0, "result": {"envelope": said, "account": US}});
    for params in [direct, subscribed] {
        let events = translate(&params.to_string(), US, NOW, None).events;
        let event = &events[0];
        assert_eq!(event.id.as_str(), format!("{ANA}/7"));
        assert_eq!(event.chat.handle.as_str(), ANA);
        assert_eq!((event.chat.kind, event.at), (ChatKind::Dm, Millis(7)));
        assert_eq!(event.sender.name.as_deref(), Some("Ana"));
        assert!(event.addressed);
        assert_eq!(event.body, EventBody::Message(Content::text("hi")));
    }
    let other = json!({"envelope": said, "account": "+4915199999999"});
    assert!(
        translate(&other.to_string(), US, NOW, None)
            .events
            .is_empty()
    );
}

#[test]
fn own_devices_typing_and_delivery_are_no_events() {
    for more in [
        json!({"syncMessage": {"sentMessage": {"timestamp": 7, "message": "mine"}}}),
        json!({"typingMessage": {"action": "STARTED", "timestamp": 7}}),
        json!({"receiptMessage": {"when": 7, "isDelivery": true, "isRead": false, "timestamps": [3]}}),
        json!({"sourceNumber": US, "dataMessage": {"timestamp": 7, "message": "note to self"}}),
    ] {
        assert!(read(more.clone()).events.is_empty(), "{more}");
    }
}

#[test]
fn reactions_deletes_edits_receipts_name_their_message() {
    let reaction = json!({"dataMessage": {"reaction": {"emoji": "🎉", "targetAuthor": US, "targetAuthorNumber": US,
        "targetAuthorUuid": "u-u-i-d", "targetSentTimestamp": 3, "isRemove": false}}});
    let event = only(reaction.clone());
    let target = EventId::new(format!("{US}/3"));
    assert_eq!(
        event.body,
        EventBody::Reaction {
            target: target.clone(),
            emoji: vec!["🎉".to_owned()]
        }
    );
    assert_eq!(event.id.as_str(), format!("{ANA}.2/7r"));
    let mut removed = reaction;
    removed["dataMessage"]["reaction"]["isRemove"] = json!(true);
    assert!(matches!(only(removed).body, EventBody::Reaction { emoji, .. } if emoji.is_empty()));
    let deleted = only(json!({"dataMessage": {"remoteDelete": {"timestamp": 4}}}));
    let theirs = |at: i64| EventId::new(format!("{ANA}/{at}"));
    assert_eq!(deleted.body, EventBody::Delete { target: theirs(4) });
    let edit = json!({"editMessage": {"targetSentTimestamp": 4, "dataMessage": {"timestamp": 7, "message": "new"}}});
    let content = Content::text("new");
    let target_of = theirs(4);
    assert_eq!(
        only(edit).body,
        EventBody::Edit {
            target: target_of,
            content
        }
    );
    let read = json!({"receiptMessage": {"isRead": true, "timestamps": [2, 3, 1]}});
    assert_eq!(only(read).body, EventBody::Receipt { target });
}

#[test]
fn groups_are_for_us_by_mention_or_quote() {
    let group = json!({"groupId": "AQID", "groupName": "Friends", "type": "DELIVER"});
    let event = |more: Value| {
        let mut data = json!({"timestamp": 7, "message": "hi \u{FFFC}", "groupInfo": group});
        for (key, value) in more.as_object().expect("an object") {
            data[key] = value.clone();
        }
        only(json!({"dataMessage": data}))
    };
    let plain = event(json!({}));
    assert_eq!(plain.chat.handle.as_str(), "group.AQID");
    assert_eq!((plain.chat.kind, plain.addressed), (ChatKind::Group, false));
    let mention =
        event(json!({"mentions": [{"name": "Bot", "number": US, "start": 3, "length": 1}]}));
    assert!(mention.addressed);
    assert_eq!(mention.body.content().expect("text").text, "hi @Bot");
    let quote = event(json!({"quote": {"id": 3, "author": US, "authorNumber": US}}));
    assert!(quote.addressed);
    let reply = quote.body.content().expect("text").reply_to.clone();
    assert_eq!(reply, Some(EventId::new(format!("{US}/3"))));
}

#[test]
fn styles_and_mentions_are_counted_in_utf_16() {
    let data = json!({"message": "😀 \u{FFFC} bold `x`", "mentions": [{"name": "Eva", "start": 3, "length": 1}],
        "textStyles": [{"style": "BOLD", "start": 5, "length": 4}, {"style": "SPOILER", "start": 0, "length": 2},
            {"style": "ITALIC", "start": 1, "length": 1}, {"style": "BOLD", "start": 90, "length": 4}]});
    assert_eq!(text(data), "😀 @Eva **bold** \\`x\\`");
    let code = json!({"message": "see:\nlet x;\nlet y;", "textStyles": [{"style": "MONOSPACE", "start": 5, "length": 13}]});
    assert_eq!(text(code), "see:\n\n```\nlet x;\nlet y;\n```");
}

#[test]
fn a_long_text_is_joined_from_its_file() {
    let file = json!({"contentType": "text/x-signal-plain", "id": "f1", "size": 12});
    let said = envelope(
        json!({"dataMessage": {"timestamp": 7, "message": "the beg", "attachments": [file]}}),
    );
    let params = json!({"envelope": said, "account": US}).to_string();
    let first = translate(&params, US, NOW, None);
    let source = first.whole.expect("a file to fetch");
    assert_eq!((source.chat.as_str(), source.id.as_str()), (ANA, "f1"));
    let kept = first.events[0].body.content().expect("text");
    assert_eq!((kept.text.as_str(), kept.attachments.len()), ("the beg", 1));
    let joined = translate(&params, US, NOW, Some("the beginning and the end"));
    let content = joined.events[0].body.content().expect("text");
    assert_eq!(content, &Content::text("the beginning and the end"));
}

#[test]
fn files_are_references_and_never_paths() {
    let files = json!([
        {"contentType": "image/png", "filename": "../../x\u{202E}.png", "id": "a-1.png", "size": 3},
        {"contentType": "image/png", "id": "../../etc/passwd", "size": 3},
        {"contentType": "video/mp4", "id": "b", "size": 26_214_401},
    ]);
    let event = only(json!({"dataMessage": {"attachments": files}}));
    let files = &event.body.content().expect("files").attachments;
    let source = format!("{ANA} a-1.png");
    assert_eq!(
        (files[0].name.as_str(), &files[0].media),
        ("x.png", &Media::Pending { source })
    );
    assert!(matches!(files[1].media, Media::Failed { .. }));
    assert!(matches!(files[2].media, Media::Failed { .. }));
}

#[test]
fn what_has_no_word_is_kept() {
    for (more, what) in [
        (json!({"callMessage": {}}), "call"),
        (json!({"storyMessage": {}}), "story"),
        (
            json!({"dataMessage": {"sticker": {"packId": "x"}}}),
            "sticker",
        ),
        (json!({"dataMessage": {"message": null}}), "empty message"),
        (json!({}), "envelope"),
    ] {
        let what = what.to_owned();
        assert_eq!(only(more).body, EventBody::Unsupported { what });
    }
    for params in [
        "7",
        "{}",
        r#"{"envelope":{"timestamp":"x"}}"#,
        r#"{"envelope":{"dataMessage":{}}}"#,
    ] {
        let events = translate(params, US, NOW, None).events;
        assert!(
            matches!(events[0].body, EventBody::Unsupported { .. }),
            "{params}"
        );
        assert_eq!(events[0].sender.id.as_str(), UNKNOWN);
    }
}

#[test]
fn house_commands_are_actions_in_private() {
    let event = only(json!({"dataMessage": {"message": "/start 1234"}}));
    assert!(
        matches!(event.body, EventBody::Action(it) if it.name == "start" && it.argument == "1234")
    );
    let other = only(json!({"dataMessage": {"message": "/weather"}}));
    assert!(matches!(other.body, EventBody::Message(_)));
}
