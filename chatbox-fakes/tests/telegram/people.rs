//! People, groups and files.

use chatbox_fakes::telegram::{Bot, FileKind, Options, Person, Place, Say, Server, Share};
use serde_json::json;

use crate::common::{client, read};
use crate::{TOKEN, call, good, refusal, server};

#[tokio::test]
async fn a_migrated_group_and_a_blocking_person_refuse() {
    let server = server().await;
    server.chat(Place {
        title: Some("Friends".to_owned()),
        ..Place::guess(-5)
    });
    server.person(Person::new(42, "Ada").with_username("ada"));
    server.say(-5, 42, "hi");
    let new = -1_001_000_000_005;
    let [left, joined] = server.migrate(-5, new, 42);
    assert!(left.update_id < joined.update_id);
    let updates = server.pending_updates();
    assert_eq!(updates[1]["message"]["migrate_to_chat_id"], new);
    assert_eq!(updates[2]["message"]["migrate_from_chat_id"], -5);
    let (status, body) = call(&server, "sendMessage", json!({"chat_id": -5, "text": "x"})).await;
    assert_eq!(
        (status, &body["parameters"]["migrate_to_chat_id"]),
        (400, &json!(new))
    );
    good(&server, "sendMessage", json!({"chat_id": new, "text": "x"})).await;
    server.say(42, 42, "hi");
    assert!(server.block(42, true).is_some());
    let (status, body) = call(&server, "sendMessage", json!({"chat_id": 42, "text": "x"})).await;
    assert_eq!(
        (status, &body["description"]),
        (403, &json!("Forbidden: bot was blocked by the user"))
    );
    server.block(42, false);
    good(&server, "sendMessage", json!({"chat_id": 42, "text": "x"})).await;
}

#[tokio::test]
async fn privacy_mode_hides_what_does_not_concern_the_bot() {
    let mut bot = Bot::new(TOKEN, "test_bot");
    bot.reads_all_group_messages = false;
    let options = Options {
        bots: vec![bot],
        ..Options::default()
    };
    let server = Server::start(options).await.expect("a free port");
    assert_eq!(server.say(-5, 42, "among us").update_id, None);
    let heard = ["hey @Test_Bot!", "/help", "/help@test_bot now"];
    assert!(
        heard
            .iter()
            .all(|text| server.say(-5, 42, text).update_id.is_some())
    );
    let sent = good(
        &server,
        "sendMessage",
        json!({"chat_id": -5, "text": "yes?"}),
    )
    .await;
    let id = sent["message_id"].as_i64().expect("an id");
    assert!(
        server
            .say_with(Say::new(-5, 42, "thanks").replying_to(id))
            .update_id
            .is_some()
    );
    let updates = server.pending_updates();
    assert_eq!(
        updates[0]["message"]["entities"],
        json!([{"type": "mention", "offset": 4, "length": 9}])
    );
    assert_eq!(
        updates[2]["message"]["entities"],
        json!([{"type": "bot_command", "offset": 0, "length": 14}])
    );
}

#[tokio::test]
async fn files_come_back_byte_for_byte_and_large_ones_do_not() {
    let server = server().await;
    let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let share = Share::new(
        FileKind::Document,
        "a.bin",
        "application/x-thing",
        bytes.clone(),
    );
    server
        .upload(42, 42, share.with_caption("look"))
        .expect("a document of some bytes");
    let update = server.pending_updates().remove(0);
    let document = &update["message"]["document"];
    assert_eq!(
        (&document["mime_type"], &document["file_size"]),
        (&json!("application/x-thing"), &json!(400_000))
    );
    let file = good(&server, "getFile", json!({"file_id": document["file_id"]})).await;
    let path = file["file_path"].as_str().expect("a path");
    let url = format!("{}/file/bot{TOKEN}/{path}", server.base_url());
    let got = client()
        .get(url)
        .send()
        .await
        .expect("an answer")
        .bytes()
        .await
        .expect("a body");
    assert!(got == bytes);
    let large = Share {
        size: Some(20 * 1024 * 1024 + 1),
        ..Share::new(FileKind::Video, "v.mp4", "video/mp4", vec![0])
    };
    server
        .upload(42, 42, large)
        .expect("people may send large files");
    let id = server.pending_updates()[1]["message"]["video"]["file_id"].clone();
    assert_eq!(
        refusal(&server, "getFile", json!({"file_id": id})).await,
        "Bad Request: file is too big"
    );
    let no_picture = Share::new(FileKind::Photo, "x.jpg", "image/jpeg", vec![1, 2, 3]);
    assert!(server.upload(42, 42, no_picture).is_err());
}

#[tokio::test]
async fn an_upload_above_the_limit_is_refused_whole() {
    let server = server().await;
    server.say(42, 42, "hi");
    let url = format!("{}/bot{TOKEN}/sendDocument", server.base_url());
    let send = |size: usize| {
        let part = reqwest::multipart::Part::bytes(vec![7; size]).file_name("big.bin");
        let form = reqwest::multipart::Form::new()
            .text("chat_id", "42")
            .part("document", part);
        client().post(&url).multipart(form).send()
    };
    let (status, body) = read(send(50 * 1024 * 1024 + 1).await.expect("an answer")).await;
    assert_eq!(
        (status, &body["description"]),
        (413, &json!("Request Entity Too Large"))
    );
    let (status, _) = read(
        send(50 * 1024 * 1024 + 2 * 1024 * 1024)
            .await
            .expect("an answer"),
    )
    .await;
    assert_eq!(status, 413);
    assert_eq!(
        read(send(3 * 1024 * 1024).await.expect("an answer"))
            .await
            .0,
        200
    );
    let sent = server.messages();
    let stored = server
        .file(sent[0].file_id.as_ref().expect("a file"))
        .expect("stored");
    assert_eq!((sent.len(), stored.len()), (1, 3 * 1024 * 1024));
}

#[tokio::test]
async fn a_message_can_be_told_twice_and_an_album_part_by_part() {
    let server = server().await;
    let said = server.say(42, 42, "hello");
    let again = server.repeat(42, said.message_id).expect("it was said");
    assert!(again.update_id > said.update_id);
    let updates = server.pending_updates();
    assert_eq!(updates[0]["message"], updates[1]["message"]);
    assert!(server.repeat(42, said.message_id + 1).is_none());
    for name in ["a.bin", "b.bin"] {
        let share = Share::new(FileKind::Document, name, "application/x-thing", vec![1]);
        let shared = server.upload(42, 42, share.in_group("holidays"));
        shared.expect("a document of one byte");
    }
    let groups = server.pending_updates().split_off(2);
    let group = |update: &serde_json::Value| update["message"]["media_group_id"] == "holidays";
    assert!(groups.len() == 2 && groups.iter().all(group), "{groups:?}");
}
