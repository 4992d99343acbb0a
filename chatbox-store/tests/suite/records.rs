//! What people set up and the engine only keeps.

use super::house::{
    House, accepted, add_connection, changed, is_duplicate_of, message, put_mailbox, step,
};
use chatbox_core::store::{
    Admin, Door, LaneKind, LaneScope, NewRecord, Note, Once, Outcome, RecordKind, Standing, Step,
    Store, Token,
};
use std::sync::Arc;

fn record(kind: RecordKind, id: &str, rev: Option<i64>, uses: &[&str]) -> NewRecord {
    NewRecord {
        kind,
        account: "home".into(),
        id: id.to_owned(),
        name: format!("{id} by name"),
        rev,
        body: format!("body of {id}"),
        uses: uses.iter().map(|it| (*it).to_owned()).collect(),
    }
}

fn credential(id: &str) -> Admin {
    Admin::PutRecord(record(RecordKind::Credential, id, None, &[]))
}

pub(crate) async fn a_record_is_decided_on_its_revision(store: Arc<dyn Store>) {
    let house = House { store };
    let put = |rev| Admin::PutRecord(record(RecordKind::Mailbox, "m", rev, &[]));
    assert_eq!(changed(&house.admin(put(Some(0))).await), 1);
    assert!(matches!(house.admin(put(Some(0))).await, Outcome::Stale));
    assert_eq!(changed(&house.admin(put(Some(1))).await), 1);
    assert!(matches!(house.admin(put(Some(1))).await, Outcome::Stale));
    assert_eq!(changed(&house.admin(put(None)).await), 1);
    let found = house.store.record(RecordKind::Mailbox, "m").await;
    let found = found.expect("a read").expect("a record");
    assert_eq!((found.rev, found.body.as_str()), (3, "body of m"));

    let mut theirs = record(RecordKind::Mailbox, "m", None, &[]);
    theirs.account = "away".into();
    let taken = house.admin(Admin::PutRecord(theirs)).await;
    assert!(
        matches!(taken, Outcome::Stale),
        "another account's: {taken:?}"
    );
    let mut same_name = record(RecordKind::Mailbox, "n", Some(0), &[]);
    same_name.name = "m by name".to_owned();
    let taken = house.admin(Admin::PutRecord(same_name)).await;
    assert!(is_duplicate_of(&taken, None), "{taken:?}");
}

pub(crate) async fn a_credential_in_use_stays(store: Arc<dyn Store>) {
    let house = House { store };
    let uses = || Admin::PutRecord(record(RecordKind::Mailbox, "m", None, &["k"]));
    let missing = house.admin(uses()).await;
    assert!(matches!(missing, Outcome::Stale), "{missing:?}");
    house.admin(credential("k")).await;
    assert_eq!(changed(&house.admin(uses()).await), 1);
    let remove = |kind, account: &str, id: &str| Admin::RemoveRecord {
        kind,
        account: account.into(),
        id: id.to_owned(),
    };
    let stays = house
        .admin(remove(RecordKind::Credential, "home", "k"))
        .await;
    assert!(is_duplicate_of(&stays, None), "{stays:?}");
    let theirs = house.admin(remove(RecordKind::Mailbox, "away", "m")).await;
    assert!(matches!(theirs, Outcome::Stale), "{theirs:?}");
    house.admin(remove(RecordKind::Mailbox, "home", "m")).await;
    let gone = house
        .admin(remove(RecordKind::Credential, "home", "k"))
        .await;
    assert_eq!(changed(&gone), 1);
}

pub(crate) async fn changes_that_go_together_are_all_made_or_none(store: Arc<dyn Store>) {
    let house = House { store };
    let together = |all| house.one(Step::Together { all });
    let once = || {
        Admin::Once(Once {
            key: "k".to_owned(),
            asked: "q".to_owned(),
            reply: "a".to_owned(),
            ttl_ms: super::house::LONG,
        })
    };
    let made = together(vec![once(), put_mailbox("m", Door::Pull, LaneScope::Chat)]).await;
    assert_eq!(changed(&made), 2);
    let repeated = together(vec![credential("x"), once(), credential("y")]).await;
    assert!(is_duplicate_of(&repeated, None), "{repeated:?}");
    // Beside others that succeed, in one call.
    let beside = vec![
        Step::Admin(Box::new(credential("z"))),
        Step::Together {
            all: vec![credential("x"), once()],
        },
        Step::Admin(Box::new(credential("w"))),
    ];
    let outcomes = house.all(beside).await;
    assert!(is_duplicate_of(&outcomes[1], None), "{outcomes:?}");
    let left = house.store.records(RecordKind::Credential, None).await;
    let left: Vec<String> = left.expect("a read").into_iter().map(|it| it.id).collect();
    assert_eq!(left, ["w", "z"]);
}

pub(crate) async fn a_reply_is_remembered_once(store: Arc<dyn Store>) {
    let house = House { store };
    let once = |key: &str, reply: &str, ttl_ms| {
        Admin::Once(Once {
            key: key.to_owned(),
            asked: "q".to_owned(),
            reply: reply.to_owned(),
            ttl_ms,
        })
    };
    house.admin(once("k", "first", super::house::LONG)).await;
    let again = house.admin(once("k", "second", super::house::LONG)).await;
    assert!(is_duplicate_of(&again, None), "{again:?}");
    let kept = house.store.remembered("k").await.expect("a read");
    assert_eq!(kept.map(|it| it.reply).as_deref(), Some("first"));
    house.admin(once("old", "first", -1)).await;
    assert_eq!(house.store.remembered("old").await.expect("a read"), None);
    assert_eq!(changed(&house.admin(once("old", "new", 1)).await), 1);
}

pub(crate) async fn who_did_what_is_written_down(store: Arc<dyn Store>) {
    let house = House { store };
    for (account, action) in [("home", "one"), ("away", "two"), ("home", "three")] {
        let note = Note {
            account: account.into(),
            by: "somebody".to_owned(),
            action: action.to_owned(),
            target: "x".to_owned(),
        };
        house.admin(Admin::Note(note)).await;
    }
    let notes = house.store.notes(&"home".into(), None, 9).await;
    let notes = notes.expect("a read");
    let actions: Vec<&str> = notes.iter().map(|it| it.note.action.as_str()).collect();
    assert_eq!(actions, ["three", "one"]);
    let older = house
        .store
        .notes(&"home".into(), Some(notes[0].id), 9)
        .await;
    assert_eq!(older.expect("a read"), notes[1..]);
}

pub(crate) async fn an_archived_mailbox_hears_nothing_and_frees_its_name(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    house.hear(message("e1", "7", "hello")).await;
    let held = house.claim_turn().await;
    let archive = || Admin::ArchiveMailbox {
        mailbox: "m".into(),
    };
    assert_eq!(changed(&house.admin(archive()).await), 1);
    assert!(matches!(house.admin(archive()).await, Outcome::Stale));
    let after = super::house::accept("c", message("e2", "7", "hello?"));
    assert!(matches!(house.one(step(after)).await, Outcome::Stale));
    let ended = house.end(&held, super::house::DONE, vec![]).await;
    assert!(matches!(ended, Outcome::Fenced), "{ended:?}");
    assert!(house.claim(LaneKind::Turn).await.is_empty());
    let rows = house
        .store
        .since(chatbox_core::id::ChatId(1), chatbox_core::id::Seq(0), 9);
    assert_eq!(rows.await.expect("a read").len(), 1, "history stays");
    let mailbox = house.store.mailbox(&"m".into()).await.expect("a read");
    assert_eq!(mailbox.map(|it| it.standing), Some(Standing::Archived));
    let connection = house.admin(add_connection("c2", "m", "alpha", "us")).await;
    assert!(matches!(connection, Outcome::Stale), "{connection:?}");

    let Admin::PutMailbox(mut heir) = put_mailbox("n", Door::Run, LaneScope::Chat) else {
        unreachable!("it puts a mailbox");
    };
    heir.name = "m-name".to_owned();
    assert_eq!(changed(&house.admin(Admin::PutMailbox(heir)).await), 1);
    house.admin(add_connection("c3", "n", "alpha", "us")).await;
    let heard = super::house::accept("c3", message("e1", "7", "hello"));
    accepted(house.one(step(heard)).await);
}

pub(crate) async fn a_token_belongs_to_its_account(store: Arc<dyn Store>) {
    let house = House { store };
    let token = Token {
        prefix: "t".to_owned(),
        hash: "00".to_owned(),
        account: "away".into(),
        principal: "somebody".to_owned(),
        scopes: vec!["read".to_owned()],
        until: None,
    };
    house.admin(Admin::PutToken(token.clone())).await;
    let found = house.store.token("t").await.expect("a read");
    assert_eq!(found, Some(token));
}
