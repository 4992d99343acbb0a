//! The gateway's JSON in, events out.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const ME: u64 = 9;

fn reader() -> Reader {
    Reader::new(ME, None)
}

fn read(reader: &mut Reader, kind: &str, data: &Value) -> Option<Event> {
    let data = serde_json::value::to_raw_value(data).expect("JSON");
    reader.read(kind, &data, "s.1")
}

fn message(guild: Option<&str>) -> Value {
    let mut message = json!({
        "id": "1400000000000000001", "type": 0, "channel_id": "5", "content": "hello", "edited_timestamp": null,
        "author": {"id": "42", "username": "ada", "global_name": "Ada"}, "mentions": [], "attachments": [],
    });
    if let Some(guild) = guild {
        message["guild_id"] = json!(guild);
    }
    message
}

#[test]
fn a_direct_message_is_meant_for_us_and_a_guilds_only_if_it_says_so() {
    let event = read(&mut reader(), "MESSAGE_CREATE", &message(None)).expect("an event");
    assert_eq!(event.id.as_str(), "5/1400000000000000001");
    assert_eq!((event.chat.kind, event.addressed), (ChatKind::Dm, true));
    assert_eq!(event.sender.name.as_deref(), Some("Ada"));
    assert_eq!(event.at, Millis((1_400_000_000_000_000_001 >> 22) + EPOCH));
    let mut aside = message(Some("7"));
    let event = read(&mut reader(), "MESSAGE_CREATE", &aside).expect("an event");
    assert_eq!((event.chat.kind, event.addressed), (ChatKind::Group, false));
    aside["mentions"] = json!([{"id": "9", "username": "us", "bot": true}]);
    assert!(
        read(&mut reader(), "MESSAGE_CREATE", &aside)
            .expect("an event")
            .addressed
    );
    aside["mentions"] = json!([]);
    aside["type"] = json!(19);
    aside["message_reference"] = json!({"message_id": "3", "channel_id": "5"});
    aside["referenced_message"] = json!({"id": "3", "channel_id": "5", "author": {"id": "9"}});
    let event = read(&mut reader(), "MESSAGE_CREATE", &aside).expect("an event");
    assert!(event.addressed);
    assert_eq!(
        event.body.content().and_then(|it| it.reply_to.clone()),
        Some("5/3".into())
    );
}

#[test]
fn an_event_on_which_we_crash_is_kept_and_costs_no_other() {
    let (mut reader, json) = (reader(), message(Some("7")));
    let raw = serde_json::value::to_raw_value(&json).expect("JSON");
    let what = ("MESSAGE_CREATE", &*raw, "s.1");
    let event = reader.kept(what, None, |_| panic!("planted"));
    let event = event.expect("it is kept where it happened");
    let body = EventBody::Unsupported {
        what: "MESSAGE_CREATE that cannot be read".to_owned(),
    };
    assert_eq!((event.body, event.chat.handle.as_str()), (body, "5"));
    assert_eq!(event.raw.expect("it is kept").get(), raw.get());
    let next = read(&mut reader, "MESSAGE_CREATE", &json).expect("an event");
    assert!(matches!(next.body, EventBody::Message(_)));
}

#[test]
fn a_message_of_the_past_that_cannot_be_read_is_kept_where_it_was() {
    let past = |json: Value| Past {
        id: 77,
        channel: 5,
        guild: Some(7),
        json: serde_json::value::to_raw_value(&json).expect("JSON"),
    };
    let bad = json!({"id": "77", "channel_id": "5", "content": ["?"], "author": 7});
    let event = reader().late(&past(bad)).expect("an event");
    assert!(event.late && matches!(event.body, EventBody::Unsupported { .. }));
    assert_eq!(
        (event.id.as_str(), event.chat.kind),
        ("x5/77", ChatKind::Group)
    );
    let event = reader().late(&past(message(None))).expect("an event");
    assert!(event.late && matches!(event.body, EventBody::Message(_)));
    assert_eq!(event.chat.kind, ChatKind::Group);
}

#[test]
fn our_own_words_programs_and_other_guilds_do_not_come_in() {
    let mut ours = message(None);
    ours["author"]["id"] = json!("9");
    let mut bots = message(None);
    bots["author"]["bot"] = json!(true);
    let mut hooks = message(Some("7"));
    hooks["webhook_id"] = json!("77");
    for silent in [ours, bots, hooks] {
        assert!(
            read(&mut reader(), "MESSAGE_CREATE", &silent).is_none(),
            "{silent}"
        );
    }
    let mut choosy = Reader::new(ME, Some([7].into()));
    assert!(read(&mut choosy, "MESSAGE_CREATE", &message(Some("8"))).is_none());
    assert!(read(&mut choosy, "MESSAGE_CREATE", &message(Some("7"))).is_some());
    assert!(read(&mut choosy, "MESSAGE_CREATE", &message(None)).is_some());
}

#[test]
fn changes_name_what_they_change() {
    let mut reader = reader();
    let mut edit = message(None);
    assert!(
        read(&mut reader, "MESSAGE_UPDATE", &edit).is_none(),
        "a preview is no edit"
    );
    edit["edited_timestamp"] = json!("2026-01-01T00:00:00+00:00");
    let event = read(&mut reader, "MESSAGE_UPDATE", &edit).expect("an event");
    assert_eq!(event.body.target(), Some(&"5/1400000000000000001".into()));
    let gone = json!({"id": "3", "channel_id": "5"});
    let event = read(&mut reader, "MESSAGE_DELETE", &gone).expect("an event");
    assert_eq!(
        event.body,
        EventBody::Delete {
            target: "5/3".into()
        }
    );
    let reaction = |emoji: &str| json!({"user_id": "42", "channel_id": "5", "message_id": "3", "emoji": {"id": null, "name": emoji}});
    let all = |event: Option<Event>| match event.expect("an event").body {
        EventBody::Reaction { emoji, .. } => emoji,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        all(read(&mut reader, "MESSAGE_REACTION_ADD", &reaction("a"))),
        ["a"]
    );
    assert_eq!(
        all(read(&mut reader, "MESSAGE_REACTION_ADD", &reaction("b"))),
        ["a", "b"]
    );
    assert_eq!(
        all(read(&mut reader, "MESSAGE_REACTION_REMOVE", &reaction("a"))),
        ["b"]
    );
}

#[test]
fn a_command_is_an_action_in_a_one_to_one_chat() {
    let mut start = message(None);
    start["content"] = json!("/start abc");
    let event = read(&mut reader(), "MESSAGE_CREATE", &start).expect("an event");
    let action = Action {
        name: "start".to_owned(),
        argument: "abc".to_owned(),
        token: None,
        target: None,
    };
    assert_eq!(event.body, EventBody::Action(action));
    start["guild_id"] = json!("7");
    let event = read(&mut reader(), "MESSAGE_CREATE", &start).expect("an event");
    assert!(matches!(event.body, EventBody::Message(_)));
}

#[test]
fn what_cannot_be_read_is_kept_where_it_happened() {
    for broken in [
        json!({"channel_id": "5", "content": 7}),
        json!({"channel_id": "5"}),
    ] {
        let event = read(&mut reader(), "MESSAGE_CREATE", &broken).expect("an event");
        assert!(
            matches!(event.body, EventBody::Unsupported { .. }),
            "{event:?}"
        );
        assert_eq!(event.chat.handle.as_str(), "5");
    }
    for lost in [json!({}), json!(null), json!([1]), json!({"channel_id": 5})] {
        assert!(read(&mut reader(), "MESSAGE_CREATE", &lost).is_none());
    }
    assert!(read(&mut reader(), "EARTHQUAKE", &json!({"strength": 7})).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_json_stops_the_reader(field in 0_usize..9, value in 0_usize..6) {
        let fields = ["id", "type", "channel_id", "guild_id", "author", "content", "mentions", "attachments", "edited_timestamp"];
        let values = [json!(null), json!(0), json!("0"), json!([]), json!({}), json!("\u{0}")];
        for kind in ["MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_REACTION_ADD", "INTERACTION_CREATE"] {
            let mut odd = message(Some("7"));
            odd[fields[field]] = values[value].clone();
            let _ = read(&mut reader(), kind, &odd);
        }
    }
}
