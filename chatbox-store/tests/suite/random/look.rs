//! Everything a store can be asked, as JSON without times.

use crate::suite::house::LONG;
use chatbox_core::id::{
    AccountId, ChatId, ConnectionId, DeliveryId, MailboxId, Millis, Seq, SessionId,
};
use chatbox_core::store::{
    Chat, DeliveryFilter, DeliveryState, LaneKey, LaneKind, LaneScope, Outcome, RecordKind, Span,
    Store,
};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) const MAILBOXES: [&str; 3] = ["m", "n", "p"];
pub(crate) const CONNECTIONS: [&str; 5] = ["c0", "c1", "c2", "c3", "c4"];

/// Outcomes without times. Lanes taken by one claim are sorted, as what is due in the same instant has no order.
pub(crate) fn outcomes(outcomes: &[Outcome]) -> Vec<Value> {
    let mut all: Vec<Value> = outcomes.iter().map(timeless).collect();
    for outcome in &mut all {
        if let Some(Value::Array(lanes)) = outcome.get_mut("lanes") {
            lanes.sort_by_key(Value::to_string);
        }
    }
    all
}

fn timeless(value: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(value).expect("it serialises");
    forget_times(&mut value);
    value
}

fn forget_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "at" | "expires" => *value = json!(0),
                    _ => forget_times(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(forget_times),
        _ => {}
    }
}

/// Every read with every argument that may find something, labelled.
pub(crate) async fn everything(store: &Arc<dyn Store>) -> Vec<(String, Value)> {
    let mut seen = Vec::new();
    let mut see = |what: String, value: Value| seen.push((what, value));
    see(
        "mailboxes".into(),
        timeless(&store.mailboxes().await.expect("a read")),
    );
    see(
        "connections".into(),
        timeless(&store.connections().await.expect("a read")),
    );
    see(
        "depth".into(),
        timeless(&store.outbox_depth().await.expect("a read")),
    );
    let all: Vec<&str> = MAILBOXES
        .into_iter()
        .chain(CONNECTIONS)
        .chain(["s0"])
        .collect();
    for kind in [
        LaneKind::Turn,
        LaneKind::Out,
        LaneKind::Push,
        LaneKind::Link,
    ] {
        for owners in [&all[..], &all[..2], &all[4..6], &[]] {
            let owners: Vec<String> = owners.iter().map(|it| (*it).to_owned()).collect();
            let due = store.next_due(kind, Some(&owners)).await.expect("a read");
            let now = store.now().await.expect("a clock");
            see(
                format!("next due {kind:?} of {owners:?}"),
                json!(due.map(|due| when(due, now))),
            );
        }
    }
    let all = DeliveryFilter {
        states: vec![],
        limit: 1000,
        ..DeliveryFilter::default()
    };
    see(
        "deliveries".into(),
        timeless(&store.deliveries(&all).await.expect("a read")),
    );
    seen.extend(of_owners(store).await);
    seen.extend(of_accounts(store).await);
    let mut chats = Vec::new();
    for id in (1..).map(ChatId) {
        match store.chat(id).await.expect("a read") {
            Some(chat) => chats.push(chat),
            None => break,
        }
    }
    for chat in &chats {
        seen.extend(of_chat(store, chat).await);
    }
    for mailbox in MAILBOXES {
        seen.extend(of_mailbox(store, &mailbox.into()).await);
    }
    for connection in CONNECTIONS {
        seen.extend(of_connection(store, &connection.into()).await);
    }
    seen.extend(of_rows(store).await);
    seen
}

/// What waits for each owner: as much as is listed of it, since the first of those was made.
async fn of_owners(store: &Arc<dyn Store>) -> Vec<(String, Value)> {
    let mut seen = Vec::new();
    for owner in MAILBOXES.into_iter().chain(CONNECTIONS).chain(["s0", "s1"]) {
        let backlog = store.backlog(owner).await.expect("a read");
        let open = DeliveryFilter {
            owner: Some(owner.to_owned()),
            states: vec![DeliveryState::Queued, DeliveryState::Custody],
            limit: u32::MAX,
            ..DeliveryFilter::default()
        };
        let open = store.deliveries(&open).await.expect("a read");
        assert_eq!(backlog.rows, open.len() as u64, "{owner}");
        assert_eq!(backlog.oldest, open.last().map(|it| it.at), "{owner}");
        seen.push((format!("backlog of {owner}"), json!(backlog.rows)));
    }
    seen
}

async fn of_accounts(store: &Arc<dyn Store>) -> Vec<(String, Value)> {
    let mut seen = Vec::new();
    for account in ["home", "away"].map(AccountId::from) {
        for kind in [RecordKind::Credential, RecordKind::Mailbox] {
            let records = store.records(kind, Some(&account)).await;
            let what = format!("records {kind:?} of {account}");
            seen.push((what, timeless(&records.expect("a read"))));
        }
        let subscriptions = store.subscriptions(Some(&account)).await;
        let what = format!("subscriptions of {account}");
        seen.push((what, timeless(&subscriptions.expect("a read"))));
        let filter = DeliveryFilter {
            account: Some(account.clone()),
            before: Some(DeliveryId(30)),
            limit: 100,
            ..DeliveryFilter::default()
        };
        let deliveries = store.deliveries(&filter).await;
        let what = format!("deliveries of {account}");
        seen.push((what, timeless(&deliveries.expect("a read"))));
        let notes = store.notes(&account, None, 100).await.expect("a read");
        seen.push((format!("notes of {account}"), timeless(&notes)));
    }
    for subscription in ["s0", "s1"] {
        let lane = LaneKey::events(subscription);
        let queued = store.queued(&lane, 50).await.expect("a read");
        seen.push((format!("queued {lane:?}"), timeless(&queued)));
    }
    let keys = store.keys().await.expect("a read");
    seen.push(("keys".to_owned(), timeless(&keys)));
    for but in ["v", "w"] {
        let sealed = store.sealed(but, None, 50).await.expect("a read");
        seen.push((format!("sealed but {but}"), timeless(&sealed)));
    }
    for key in ["o0", "o1"] {
        let remembered = store.remembered(key).await.expect("a read");
        seen.push((format!("remembered {key}"), timeless(&remembered)));
    }
    seen
}

fn when(due: Millis, now: Millis) -> &'static str {
    match due.0 - now.0 {
        ..=0 => "past",
        1..60_000 => "soon",
        60_000.. => "later",
    }
}

async fn of_chat(store: &Arc<dyn Store>, chat: &Chat) -> Vec<(String, Value)> {
    let id = chat.id;
    let mut seen = vec![(format!("chat {id}"), timeless(chat))];
    let positions = store.positions(id).await.expect("a read");
    seen.push((format!("positions {id}"), timeless(&positions)));
    let found = store.chat_of(&chat.connection, &chat.handle).await;
    seen.push((format!("chat of {id}"), timeless(&found.expect("a read"))));
    let since = store.since(id, Seq(10), 20).await.expect("a read");
    seen.push((format!("since {id}"), timeless(&since)));
    for span in [Span::Chat(id), Span::Session(chat.session)] {
        let history = store.history(span, Some(Seq(60)), 30).await;
        seen.push((
            format!("history {span:?}"),
            timeless(&history.expect("a read")),
        ));
    }
    let out = LaneKey::out(&chat.connection, id);
    for lane in [out, LaneKey::hand(&chat.mailbox, id)] {
        let queued = store.queued(&lane, 50).await.expect("a read");
        seen.push((format!("queued {lane:?}"), timeless(&queued)));
    }
    for scope in [LaneScope::Chat, LaneScope::Session, LaneScope::Mailbox] {
        let lane = LaneKey::turn(&chat.mailbox, scope, id, chat.session);
        let pending = store.pending(&lane).await.expect("a read");
        seen.push((format!("pending {lane:?}"), timeless(&pending)));
    }
    seen
}

async fn of_mailbox(store: &Arc<dyn Store>, id: &MailboxId) -> Vec<(String, Value)> {
    let mut seen = Vec::new();
    let chats = store.chats(id, 5).await.expect("a read");
    seen.push((format!("chats {id}"), timeless(&chats)));
    let mailbox = store.mailbox(id).await.expect("a read");
    seen.push((format!("mailbox {id}"), timeless(&mailbox)));
    let overview = store.overview(id, 5).await.expect("a read");
    seen.push((format!("overview {id}"), timeless(&overview)));
    for words in ["red", "blue fox", "RED fox", "nothing"] {
        let found = store.search(id, words, 10).await.expect("a read");
        seen.push((format!("search {id} {words}"), timeless(&found)));
    }
    seen
}

async fn of_connection(store: &Arc<dyn Store>, id: &ConnectionId) -> Vec<(String, Value)> {
    let mut seen = Vec::new();
    let media = store.pending_media(id).await.expect("a read");
    seen.push((format!("media {id}"), timeless(&media)));
    let found = store.connection(id).await.expect("a read");
    seen.push((format!("connection {id}"), timeless(&found)));
    let state = store.state(id, "k").await.expect("a read");
    seen.push((format!("state {id}"), timeless(&state)));
    for event in (0..30)
        .map(|n| format!("e{n}"))
        .chain((0..40).map(|n| format!("r{n}")))
    {
        let seq = store.seq_of(id, &event.as_str().into()).await;
        seen.push((
            format!("seq of {id} {event}"),
            timeless(&seq.expect("a read")),
        ));
    }
    seen
}

async fn of_rows(store: &Arc<dyn Store>) -> Vec<(String, Value)> {
    let mut seen = Vec::new();
    for seq in (1..).map(Seq) {
        let Some(row) = store.row(seq).await.expect("a read") else {
            break;
        };
        seen.push((format!("row {seq}"), timeless(&row)));
        let names = store.names_of(seq).await.expect("a read");
        seen.push((format!("names of {seq}"), timeless(&names)));
        let trace = store.trace(seq).await.expect("a read");
        seen.push((format!("trace {seq}"), timeless(&trace)));
    }
    for id in (1..=60).map(DeliveryId) {
        let delivery = store.delivery(id).await.expect("a read");
        seen.push((format!("delivery {id}"), timeless(&delivery)));
    }
    for session in (1..=4).map(SessionId) {
        let rows = store
            .history(Span::Session(session), None, LONG as u32)
            .await;
        seen.push((
            format!("session {session}"),
            timeless(&rows.expect("a read")),
        ));
    }
    for prefix in ["t0", "t1"] {
        let token = store.token(prefix).await.expect("a read");
        seen.push((format!("token {prefix}"), timeless(&token)));
    }
    seen
}
