//! Slack's JSON in, events out: shapes as Slack sends them, and what must not come in.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const TS: &str = "1764500000.000200";

fn reader() -> Reader {
    let me = Me {
        user: "U0BOT".to_owned(),
        team: "T0TEAM".to_owned(),
    };
    Reader::new(me)
}

fn callback(event: &Value) -> Value {
    json!({
        "token": "legacy", "team_id": "T0TEAM", "api_app_id": "A0", "type": "event_callback", "event_id": "Ev1",
        "event_time": 1_764_500_000, "event": event,
        "authorizations": [{"enterprise_id": null, "team_id": "T0TEAM", "user_id": "U0BOT", "is_bot": true}],
    })
}

fn envelope(reader: &mut Reader, kind: &str, payload: &Value) -> Option<Event> {
    let payload = serde_json::value::to_raw_value(payload).expect("JSON");
    reader.read(kind, &payload)
}

fn read(event: &Value) -> Option<Event> {
    envelope(&mut reader(), "events_api", &callback(event))
}

fn message() -> Value {
    json!({
        "type": "message", "user": "U0ADA", "text": "hello", "ts": TS, "team": "T0TEAM", "channel": "C0ROOM",
        "event_ts": TS, "channel_type": "channel", "client_msg_id": "7a",
        "blocks": [{"type": "rich_text", "block_id": "x", "elements": []}],
    })
}

fn direct() -> Value {
    let mut message = message();
    message["channel"] = json!("D0ADA");
    message["channel_type"] = json!("im");
    message
}

fn with(mut message: Value, fields: &[(&str, Value)]) -> Value {
    for (name, value) in fields {
        message[*name] = value.clone();
    }
    message
}

#[test]
fn a_direct_message_is_meant_for_us_and_a_rooms_only_if_it_says_so() {
    let event = read(&direct()).expect("an event");
    assert_eq!(event.id.as_str(), format!("D0ADA/{TS}"));
    assert_eq!((event.chat.kind, event.addressed), (ChatKind::Dm, true));
    assert_eq!(event.at, Millis(1_764_500_000_000));
    assert!(
        event.raw.is_some_and(|raw| !raw.get().contains("legacy")),
        "no token is kept"
    );
    let aside = read(&message()).expect("an event");
    assert_eq!((aside.chat.kind, aside.addressed), (ChatKind::Group, false));
    let called = read(&with(message(), &[("text", json!("<@U0BOT> hello"))])).expect("an event");
    assert!(called.addressed);
    assert_eq!(
        called.body.content().map(|it| it.text.as_str()),
        Some("hello")
    );
    let mention = with(
        message(),
        &[
            ("type", json!("app_mention")),
            ("text", json!("hi <@U0BOT>")),
        ],
    );
    let mention = read(&mention).expect("an event");
    assert_eq!(
        (mention.id, mention.addressed),
        (aside.id, true),
        "told twice, it is one"
    );
}

#[test]
fn a_thread_is_a_chat_of_its_own_and_a_reply_where_two_speak() {
    let root = "1764400000.000100";
    let fields = [
        ("thread_ts", json!(root)),
        ("parent_user_id", json!("U0EVA")),
    ];
    let event = read(&with(message(), &fields)).expect("an event");
    assert_eq!(event.chat.handle.as_str(), format!("C0ROOM/{root}"));
    assert_eq!(
        (event.chat.kind, event.addressed),
        (ChatKind::Thread, false)
    );
    let ours = with(
        message(),
        &[
            ("thread_ts", json!(root)),
            ("parent_user_id", json!("U0BOT")),
        ],
    );
    assert!(read(&ours).expect("an event").addressed, "it answers us");
    let event = read(&with(direct(), &fields)).expect("an event");
    assert_eq!(
        (event.chat.handle.as_str(), event.chat.kind),
        ("D0ADA", ChatKind::Dm)
    );
    let answered = event.body.content().and_then(|it| it.reply_to.clone());
    assert_eq!(answered, Some(format!("D0ADA/{root}").as_str().into()));
    let first = with(message(), &[("thread_ts", json!(TS))]);
    assert_eq!(
        read(&first).expect("an event").chat.handle.as_str(),
        "C0ROOM"
    );
}

#[test]
fn our_own_words_programs_and_other_workspaces_do_not_come_in() {
    for silent in [
        with(direct(), &[("user", json!("U0BOT"))]),
        with(direct(), &[("bot_id", json!("B1"))]),
        with(
            direct(),
            &[("subtype", json!("bot_message")), ("user", Value::Null)],
        ),
    ] {
        assert!(read(&silent).is_none(), "{silent}");
    }
    let mut foreign = callback(&direct());
    foreign["team_id"] = json!("T0OTHER");
    foreign["authorizations"] = json!([]);
    assert!(envelope(&mut reader(), "events_api", &foreign).is_none());
    foreign["authorizations"] = json!([{"team_id": "T0TEAM"}]);
    assert!(
        envelope(&mut reader(), "events_api", &foreign).is_some(),
        "shared with us"
    );
}

#[test]
fn changes_name_what_they_change_and_previews_change_nothing() {
    let edited = json!({"user": "U0ADA", "ts": "1764500005.000000"});
    let now = with(
        json!({"type": "message", "user": "U0ADA", "text": "better", "ts": TS}),
        &[("edited", edited.clone())],
    );
    let changed = |now: &Value, before: Value| {
        json!({
            "type": "message", "subtype": "message_changed", "message": now, "previous_message": before, "hidden": true,
            "channel": "D0ADA", "channel_type": "im", "ts": "1764500005.000100", "event_ts": "1764500005.000100",
        })
    };
    let before = json!({"type": "message", "user": "U0ADA", "text": "hello", "ts": TS});
    let event = read(&changed(&now, before.clone())).expect("an event");
    assert_eq!(
        event.body.target(),
        Some(&format!("D0ADA/{TS}").as_str().into())
    );
    assert_eq!(
        event.body.content().map(|it| it.text.as_str()),
        Some("better")
    );
    assert!(
        read(&changed(&before, before.clone())).is_none(),
        "a preview is no edit"
    );
    let seen = with(before.clone(), &[("edited", edited)]);
    assert!(
        read(&changed(&now, seen)).is_none(),
        "nor is one after an edit"
    );
    let gone = json!({"type": "message", "subtype": "tombstone", "user": "USLACKBOT", "text": "This message was deleted.", "ts": TS});
    let event = read(&changed(&gone, before.clone())).expect("an event");
    assert!(matches!(event.body, EventBody::Delete { .. }));
    let deleted = json!({
        "type": "message", "subtype": "message_deleted", "previous_message": before, "deleted_ts": TS, "hidden": true,
        "channel": "D0ADA", "channel_type": "im", "ts": "1764500006.000100", "event_ts": "1764500006.000100",
    });
    let event = read(&deleted).expect("an event");
    assert_eq!(event.sender.id.as_str(), "U0ADA");
    assert_eq!(
        event.body,
        EventBody::Delete {
            target: format!("D0ADA/{TS}").as_str().into()
        }
    );
}

#[test]
fn all_of_a_persons_reactions_are_told() {
    let mut reader = reader();
    let mut react = |kind: &str, name: &str, id: &str| {
        let mut told = callback(&json!({
            "type": kind, "user": "U0ADA", "reaction": name, "item_user": "U0BOT", "event_ts": "1764500001.000000",
            "item": {"type": "message", "channel": "D0ADA", "ts": TS},
        }));
        told["event_id"] = json!(id);
        match envelope(&mut reader, "events_api", &told)
            .expect("an event")
            .body
        {
            EventBody::Reaction { emoji, .. } => emoji,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(react("reaction_added", "thumbsup", "Ev1"), ["👍"]);
    assert_eq!(
        react("reaction_added", "party-parrot", "Ev2"),
        [":party-parrot:", "👍"]
    );
    assert_eq!(react("reaction_removed", "+1", "Ev3"), [":party-parrot:"]);
}

#[test]
fn files_are_named_without_paths_and_tricks_and_wait_with_slack() {
    let file = |name: &str| {
        json!({
            "id": "F1", "name": name, "mimetype": "image/png", "size": 3, "mode": "hosted",
            "url_private": "https://files.slack.com/a", "url_private_download": "https://files.slack.com/b",
        })
    };
    let fields = [
        ("subtype", json!("file_share")),
        ("text", json!("")),
        (
            "files",
            json!([file("../../a\u{202E}gnp.exe"), {"id": "F2", "mode": "tombstone"}]),
        ),
    ];
    let event = read(&with(direct(), &fields)).expect("an event");
    let files = event.body.content().expect("content").attachments.clone();
    assert_eq!(
        (files[0].name.as_str(), files[0].mime.as_str()),
        ("agnp.exe", "image/png")
    );
    assert_eq!(
        files[0].media,
        Media::Pending {
            source: "https://files.slack.com/b".to_owned()
        }
    );
    assert!(matches!(files[1].media, Media::Failed { .. }));
    assert_eq!(files[1].name, "file");
}

#[test]
fn buttons_and_commands_are_actions() {
    let pressed = json!({
        "type": "block_actions", "team": {"id": "T0TEAM"}, "user": {"id": "U0ADA", "name": "ada"}, "trigger_id": "9.9",
        "channel": {"id": "C0ROOM"}, "message": {"ts": TS, "text": ""}, "response_url": "https://hooks.slack.com/actions/1",
        "actions": [{"action_id": "a", "value": "yes", "action_ts": TS}],
    });
    let event = envelope(&mut reader(), "interactive", &pressed).expect("an event");
    let token = Some("https://hooks.slack.com/actions/1".to_owned());
    let action_on = |name: &str, argument: &str, token, target: Option<&str>| {
        EventBody::Action(Action {
            name: name.to_owned(),
            argument: argument.to_owned(),
            token,
            target: target.map(Into::into),
        })
    };
    let action = |name: &str, argument: &str, token| action_on(name, argument, token, None);
    assert_eq!(
        (event.body, event.addressed),
        (
            action_on("yes", "", token.clone(), Some("C0ROOM/1764500000.000200")),
            true
        )
    );
    let command = |word: &str| {
        json!({
            "command": word, "text": " a b ", "team_id": "T0TEAM", "channel_id": "D0ADA", "user_id": "U0ADA", "trigger_id": "1.1",
            "response_url": "https://hooks.slack.com/actions/1",
        })
    };
    let event = envelope(&mut reader(), "slash_commands", &command("/ask")).expect("an event");
    assert_eq!(event.body, action("ask", "a b", token));
    let event = envelope(&mut reader(), "slash_commands", &command("/stop")).expect("an event");
    assert_eq!(
        event.body,
        action("stop", "a b", None),
        "the house answers its own"
    );
    let start = read(&with(direct(), &[("text", json!("!start abc"))])).expect("an event");
    assert_eq!(start.body, action("start", "abc", None));
    let told = read(&with(message(), &[("text", json!("!start abc"))])).expect("an event");
    assert!(matches!(told.body, EventBody::Message(_)));
    for other in ["view_submission", "shortcut", "message_action"] {
        let submitted = with(pressed.clone(), &[("type", json!(other))]);
        assert!(envelope(&mut reader(), "interactive", &submitted).is_none());
    }
}

/// Bad inputs and what each comes to: nothing, or something without a turn, kept where it happened.
#[test]
fn bad_inputs_come_to_what_is_written_here() {
    let silent = |name: &str, event: Value| assert!(read(&event).is_none(), "{name}");
    let kept = |name: &str, event: Value| {
        let event = read(&event).unwrap_or_else(|| panic!("{name}"));
        assert!(
            matches!(event.body, EventBody::Unsupported { .. }),
            "{name}: {event:?}"
        );
        assert!(!event.addressed, "{name}: it starts no turn");
    };
    kept("no sender", with(direct(), &[("user", Value::Null)]));
    kept(
        "no words and no files",
        with(direct(), &[("text", json!(""))]),
    );
    kept("blank words", with(direct(), &[("text", json!("  \n "))]));
    kept(
        "words of another type",
        with(direct(), &[("text", json!(7))]),
    );
    kept("no timestamp", with(direct(), &[("ts", Value::Null)]));
    kept(
        "a timestamp that is none",
        with(direct(), &[("ts", json!("77"))]),
    );
    kept(
        "a kind of message of tomorrow",
        with(direct(), &[("subtype", json!("hologram"))]),
    );
    kept(
        "files of another type",
        with(direct(), &[("files", json!({"a": 1}))]),
    );
    silent(
        "no conversation",
        with(direct(), &[("channel", Value::Null)]),
    );
    silent(
        "an event of tomorrow",
        json!({"type": "earthquake", "strength": 7}),
    );
    silent("no event", Value::Null);
    silent("no type", json!({"channel": "D0ADA"}));
    silent("a list", json!([1, 2]));
    silent(
        "a reaction to a file",
        json!({
            "type": "reaction_added", "user": "U0ADA", "reaction": "+1", "item": {"type": "file", "file": "F1"},
            "event_ts": TS,
        }),
    );
}

#[test]
fn odd_words_are_kept_as_words() {
    let text = |text: Value| {
        let event = read(&with(direct(), &[("text", text)])).expect("an event");
        event
            .body
            .content()
            .map(|it| it.text.clone())
            .unwrap_or_default()
    };
    assert_eq!(text(json!("a\u{0}b")), "a\u{FFFD}b");
    assert_eq!(text(json!("&lt;@U0BOT&gt; said so")), "<@U0BOT> said so");
    let long = "many words ".repeat(100_000);
    assert_eq!(text(json!(long)).trim_end(), long.trim_end());
    let marks = format!("e{}", "\u{301}".repeat(10_000));
    assert_eq!(text(json!(marks)), marks);
    let nested = "*_~".repeat(20_000);
    assert!(!text(json!(nested)).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_json_stops_the_reader(field in 0_usize..14, value in 0_usize..7, shape in 0_usize..6) {
        let fields = [
            "ts", "type", "channel", "channel_type", "user", "text", "files", "thread_ts", "subtype", "message",
            "previous_message", "item", "event_ts", "deleted_ts",
        ];
        let values = [json!(null), json!(0), json!("0"), json!([]), json!({}), json!("\u{0}"), json!(TS)];
        let kinds = ["message", "message", "message", "reaction_added", "member_joined_channel", "app_mention"];
        let subtypes = [json!(null), json!("message_changed"), json!("message_deleted"), json!(null), json!(null), json!(null)];
        let odd = with(message(), &[("type", json!(kinds[shape])), ("subtype", subtypes[shape].clone()), (fields[field], values[value].clone())]);
        let _ = read(&odd);
        for kind in ["interactive", "slash_commands", "events_api", "other"] {
            let _ = envelope(&mut reader(), kind, &odd);
            let _ = envelope(&mut reader(), kind, &values[value]);
        }
    }
}
