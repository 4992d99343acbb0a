//! Sealed values: all of them are found, and put in another key's place one by one.

use super::house::{House, changed, is_stale, new_connection, put_mailbox};
use chatbox_core::store::{
    Admin, Door, KeyUse, LaneScope, NewConnection, NewRecord, Once, RecordKind, Sealed,
    SealedPlace, SecretBox, Store,
};
use std::sync::Arc;

fn sealed(key: &str, text: &str) -> SecretBox {
    SecretBox {
        key: key.to_owned(),
        sealed: text.to_owned(),
    }
}

fn json(value: &SecretBox) -> String {
    serde_json::to_string(value).expect("JSON")
}

fn credential(key: &str, text: &str) -> String {
    format!(
        r#"{{"kind":"signing","sealed":{}}}"#,
        json(&sealed(key, text))
    )
}

fn record(kind: RecordKind, id: &str, body: String) -> Admin {
    Admin::PutRecord(NewRecord {
        kind,
        account: "home".into(),
        id: id.to_owned(),
        name: id.to_owned(),
        rev: None,
        body,
        uses: Vec::new(),
    })
}

fn once(key: &str, reply: String) -> Admin {
    Admin::Once(Once {
        key: key.to_owned(),
        asked: "hash".to_owned(),
        reply,
        ttl_ms: super::house::LONG,
    })
}

/// A house with a sealed value in each place, by two keys, one in a connection that is archived; and some that are none.
async fn furnished(store: Arc<dyn Store>) -> House {
    let house = House { store };
    let with = |id: &str, platform: &str, key: &str| NewConnection {
        secret: Some(sealed(key, id)),
        ..new_connection(id, "m", platform, id)
    };
    let state = |key: &str, value| Admin::PutState {
        connection: "c1".into(),
        key: key.to_owned(),
        rev: 0,
        value,
    };
    let all = [
        put_mailbox("m", Door::Pull, LaneScope::Session),
        Admin::AddConnection(Box::new(with("c2", "beta", "old"))),
        Admin::AddConnection(Box::new(with("c1", "alpha", "old"))),
        Admin::AddConnection(Box::new(new_connection("c3", "m", "gamma", "us"))),
        Admin::RemoveConnection {
            connection: "c2".into(),
        },
        record(RecordKind::Credential, "k1", credential("new", "a")),
        record(RecordKind::Credential, "k2", credential("old", "b")),
        record(RecordKind::Credential, "k3", "no JSON".to_owned()),
        record(RecordKind::Mailbox, "m", credential("no credential", "c")),
        state("b/c", sealed("old", "d")),
        state("a", sealed("new", "e")),
        once("r1", json(&sealed("old", "f"))),
        once("r2", "whatever".to_owned()),
    ];
    for admin in all {
        let what = format!("{admin:?}");
        assert_eq!(changed(&house.admin(admin).await), 1, "{what}");
    }
    house
}

async fn places(house: &House, but: &str, after: Option<&str>, limit: u32) -> Vec<String> {
    let after: Option<SealedPlace> = after.map(|it| it.parse().expect("a place"));
    let found = house.store.sealed(but, after.as_ref(), limit).await;
    let found = found.expect("a read").into_iter();
    found.map(|it| it.place.to_string()).collect()
}

pub(crate) async fn every_sealed_value_is_found_and_says_its_key(store: Arc<dyn Store>) {
    assert_eq!(store.keys().await.expect("a read"), []);
    let house = furnished(store).await;
    let uses = |key: &str, values| KeyUse {
        key: key.to_owned(),
        values,
    };
    let keys = house.store.keys().await.expect("a read");
    assert_eq!(keys, [uses("new", 2), uses("old", 5)]);
    let old = [
        "connection/c1",
        "connection/c2",
        "credential/k2",
        "state/c1/b/c",
        "reply/r1",
    ];
    assert_eq!(places(&house, "new", None, 100).await, old);
    assert_eq!(
        places(&house, "old", None, 100).await,
        ["credential/k1", "state/c1/a"]
    );
    assert_eq!(places(&house, "other", None, 100).await.len(), 7);
    assert_eq!(places(&house, "new", Some(old[1]), 2).await, old[2..4]);
    assert_eq!(places(&house, "new", Some(old[4]), 2).await, [""; 0]);
}

pub(crate) async fn a_value_is_resealed_only_as_it_was_read(store: Arc<dyn Store>) {
    let house = furnished(store).await;
    let found = house.store.sealed("new", None, 100).await.expect("a read");
    let reseal = |it: &Sealed| {
        let value = it.value().expect("a sealed value");
        Admin::Reseal {
            place: it.place.clone(),
            was: it.text.clone(),
            becomes: it
                .text
                .replace(&json(&value), &json(&sealed("new", "again"))),
        }
    };
    // Somebody else was faster.
    let newer = sealed("old", "newer");
    let faster = Admin::PutState {
        connection: "c1".into(),
        key: "b/c".to_owned(),
        rev: 1,
        value: newer.clone(),
    };
    house.admin(faster).await;
    for it in &found {
        let done = house.admin(reseal(it)).await;
        match it.place.to_string().as_str() {
            "state/c1/b/c" => assert!(is_stale(&done), "{done:?}"),
            _ => assert_eq!(changed(&done), 1, "{}", it.place),
        }
        assert!(is_stale(&house.admin(reseal(it)).await), "once is enough");
    }
    let state = house
        .store
        .state(&"c1".into(), "b/c")
        .await
        .expect("a read");
    assert_eq!(state, Some((2, newer)), "what came later stays");
    let connection = house.store.connection(&"c1".into()).await.expect("a read");
    let secret = connection.expect("a connection").secret;
    assert_eq!(secret, Some(sealed("new", "again")));
    let record = house.store.record(RecordKind::Credential, "k2").await;
    let record = record.expect("a read").expect("a record");
    assert_eq!((record.rev, record.body), (1, credential("new", "again")));
    let reply = house.store.remembered("r1").await.expect("a read");
    assert_eq!(reply.expect("a reply").reply, json(&sealed("new", "again")));
    assert_eq!(places(&house, "new", None, 100).await, ["state/c1/b/c"]);
    let nowhere = Admin::Reseal {
        place: "connection/nobody".parse().expect("a place"),
        was: String::new(),
        becomes: String::new(),
    };
    assert!(is_stale(&house.admin(nowhere).await));
}
