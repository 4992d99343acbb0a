//! Texts and entities: what is refused, what is changed, what is seen.

use chatbox_fakes::telegram::{Entity, Mark, Run, plain, runs};
use serde_json::{Value, json};

use crate::{call, good, refusal, server};

#[tokio::test]
async fn entities_must_lie_in_the_text_and_on_whole_characters() {
    let server = server().await;
    server.say(42, 42, "hi");
    let text = "a😀b"; // units: a, high, low, b
    let send = |entity: Value| {
        refusal(
            &server,
            "sendMessage",
            json!({"chat_id": 42, "text": text, "entities": [entity]}),
        )
    };
    let bold =
        |offset: i64, length: i64| json!({"type": "bold", "offset": offset, "length": length});
    let cases = [
        (
            bold(-1, 1),
            "Bad Request: receive an entity with incorrect offset -1",
        ),
        (
            bold(0, -1),
            "Bad Request: receive an entity with incorrect length -1",
        ),
        (
            bold(5, 1),
            "Bad Request: entity begins after the end of the text at UTF-16 offset 5",
        ),
        (
            bold(0, 5),
            "Bad Request: entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 5",
        ),
        (
            bold(2, 1),
            "Bad Request: entity begins in a middle of a UTF-16 symbol at UTF-16 offset 2",
        ),
        (
            bold(0, 2),
            "Bad Request: entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol at UTF-16 offset 2",
        ),
        (
            json!({"type": "fat", "offset": 0, "length": 1}),
            "Bad Request: can't parse MessageEntity: Unsupported type specified",
        ),
        (
            json!({"type": "bold", "length": 1}),
            "Bad Request: can't parse MessageEntity: Can't find field \"offset\"",
        ),
        (
            json!({"type": "text_link", "offset": 0, "length": 1}),
            "Bad Request: can't parse MessageEntity: Can't find field \"url\"",
        ),
        (
            json!({"type": "text_link", "offset": 0, "length": 1, "url": "./here"}),
            "Bad Request: entity URL './here' is invalid: Wrong HTTP URL",
        ),
    ];
    for (entity, why) in cases {
        assert_eq!(send(entity).await, why);
    }
    assert!(server.messages().is_empty());
    good(
        &server,
        "sendMessage",
        json!({"chat_id": 42, "text": text, "entities": [bold(1, 2), bold(0, 0)]}),
    )
    .await;
    assert_eq!(server.messages()[0].entities, [Entity::new("bold", 1, 2)]);
}

#[tokio::test]
async fn texts_are_cleaned_trimmed_and_measured_in_utf16() {
    let server = server().await;
    server.say(42, 42, "hi");
    let send = |text: String| call(&server, "sendMessage", json!({"chat_id": 42, "text": text}));
    assert_eq!(send("😀".repeat(2048)).await.0, 200);
    assert_eq!(send(format!("{}  \n", "x".repeat(4096))).await.0, 200);
    for too_long in ["x".repeat(4097), format!("x{}", "😀".repeat(2048))] {
        assert_eq!(
            send(too_long).await.1["description"],
            "Bad Request: message is too long"
        );
    }
    assert_eq!(
        send(String::new()).await.1["description"],
        "Bad Request: message text is empty"
    );
    assert_eq!(
        send(" \n ".to_owned()).await.1["description"],
        "Bad Request: text must be non-empty"
    );
    let entities = json!([{"type": "code", "offset": 4, "length": 3}]);
    let text = " \ta\rbcd\u{202e}\n";
    let sent = good(
        &server,
        "sendMessage",
        json!({"chat_id": 42, "text": text, "entities": entities}),
    )
    .await;
    assert_eq!(sent["text"], "abcd");
    assert_eq!(
        sent["entities"],
        json!([{"type": "code", "offset": 1, "length": 3}])
    );
}

#[tokio::test]
async fn crossing_styles_are_cut_and_what_is_seen_stays() {
    let server = server().await;
    server.say(42, 42, "hi");
    let entities = json!([
        {"type": "bold", "offset": 0, "length": 6}, {"type": "italic", "offset": 3, "length": 6},
    ]);
    good(
        &server,
        "sendMessage",
        json!({"chat_id": 42, "text": "012345678", "entities": entities}),
    )
    .await;
    let message = &server.messages()[0];
    let seen =
        runs(&message.text, &message.entities).expect("the server keeps entities in the text");
    let run = |text: &str, marks: &[Mark]| Run {
        text: text.to_owned(),
        marks: marks.iter().cloned().collect(),
    };
    assert_eq!(
        seen,
        [
            run("012", &[Mark::Bold]),
            run("345", &[Mark::Bold, Mark::Italic]),
            run("678", &[Mark::Italic])
        ]
    );
    assert_eq!(plain(&seen), "012345678");
    assert!(runs("😀", &[Entity::new("bold", 0, 1)]).is_err());
}
