//! Changing who and what exists.

use super::house::{
    House, LONG, accept, accepted, add_connection, changed, emit, is_duplicate_of, is_stale,
    message, new_connection, next, only, put_mailbox, step,
};
use chatbox_core::admit::Policy;
use chatbox_core::id::{ConnectionId, Handle};
use chatbox_core::store::{
    Admin, CONNECTION_REMOVED, DeliveryState, Door, LaneKind, LaneScope, NewConnection, SecretBox,
    Step, Store, Token,
};
use std::sync::Arc;

fn sealed(text: &str) -> SecretBox {
    SecretBox {
        key: "k1".to_owned(),
        sealed: text.to_owned(),
    }
}

fn remove(connection: &str) -> Admin {
    Admin::RemoveConnection {
        connection: connection.into(),
    }
}

pub(crate) async fn a_mailbox_name_is_unique_in_its_account(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let Admin::PutMailbox(mut other) = put_mailbox("n", Door::Pull, LaneScope::Chat) else {
        unreachable!("it puts a mailbox");
    };
    other.name = "m-name".to_owned();
    let taken = house.admin(Admin::PutMailbox(other.clone())).await;
    assert!(is_duplicate_of(&taken, None));
    other.account = "elsewhere".into();
    assert_eq!(changed(&house.admin(Admin::PutMailbox(other)).await), 1);
    let mailboxes = house.store.mailboxes().await.expect("a read");
    let ids: Vec<_> = mailboxes.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["m", "n"]);
    assert_eq!(mailboxes[1].door, Door::Pull);
    assert_eq!(mailboxes[0].scope, LaneScope::Session);
}

pub(crate) async fn a_platform_account_is_connected_once(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    house
        .admin(put_mailbox("n", Door::Run, LaneScope::Chat))
        .await;
    let refused = [
        add_connection("c2", "m", "alpha", "others"),
        add_connection("c2", "n", "alpha", "us"),
        add_connection("c", "n", "beta", "us"),
    ];
    for admin in refused {
        assert!(is_duplicate_of(&house.admin(admin).await, None));
    }
    let homeless = add_connection("c2", "nobody", "alpha", "others");
    assert!(is_stale(&house.admin(homeless).await));
    let added = house
        .admin(add_connection("c2", "n", "alpha", "others"))
        .await;
    assert_eq!(changed(&added), 1);
    let all = house.store.connections().await.expect("a read");
    assert_eq!(
        all.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(),
        ["c", "c2"]
    );
    assert_eq!((all[1].policy_rev, &all[1].cursor), (1, &None));
    assert_eq!(
        (all[1].settings.as_str(), &all[1].policy),
        (r#"{"a":1}"#, &Policy::trusted())
    );
}

pub(crate) async fn a_removed_connection_is_silent(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let chat = house.hear(message("e1", "d1", "hi")).await.chat;
    house.say(chat, 1).await;
    assert_eq!(changed(&house.admin(remove("c")).await), 1);
    assert!(is_stale(&house.admin(remove("c")).await));
    assert!(is_stale(
        &house.one(step(accept("c", message("e2", "d1", "x")))).await
    ));
    let id = ConnectionId::new("c");
    assert_eq!(house.store.connection(&id).await.expect("a read"), None);
    assert!(house.store.connections().await.expect("a read").is_empty());

    // Neither what waited nor what is said from now on is left hanging.
    house.one(Step::Emit(Box::new(emit(chat, 1)))).await;
    for id in [1, 2] {
        let delivery = house.store.delivery(chatbox_core::id::DeliveryId(id)).await;
        let delivery = delivery.expect("a read").expect("a delivery");
        assert_eq!(delivery.state, DeliveryState::Failed);
        assert_eq!(delivery.reason.as_deref(), Some(CONNECTION_REMOVED));
        let retry = Admin::RetryDelivery {
            delivery: delivery.id,
            ttl_ms: LONG,
        };
        assert!(is_stale(&house.admin(retry).await));
    }
    assert!(house.claim(LaneKind::Out).await.is_empty());
    assert_eq!(house.store.outbox_depth().await.expect("a read").all(), 0);
    let history = house.store.chats(&"m".into(), 9).await.expect("a read");
    assert_eq!(only(history).id, chat, "its history stays");
}

pub(crate) async fn a_credential_is_replaced(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    house
        .admin(put_mailbox("n", Door::Run, LaneScope::Chat))
        .await;
    house
        .admin(add_connection("c2", "n", "alpha", "others"))
        .await;
    let put = |id: &str, ident: &str| {
        Admin::RenewConnection(Box::new(NewConnection {
            secret: Some(sealed("new")),
            settings: "{}".to_owned(),
            ..new_connection(id, "m", "alpha", ident)
        }))
    };
    assert!(is_duplicate_of(
        &house.admin(put("c", "others")).await,
        None
    ));
    assert!(is_stale(&house.admin(put("nobody", "us")).await));
    assert_eq!(changed(&house.admin(put("c", "us2")).await), 1);
    let id = ConnectionId::new("c");
    let now = house.store.connection(&id).await.expect("a read");
    let now = now.expect("connected");
    assert_eq!((now.secret, now.ident), (Some(sealed("new")), "us2".into()));
    assert_eq!((now.settings.as_str(), now.policy_rev), ("{}", 1));
}

pub(crate) async fn a_policy_is_decided_on_its_revision(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let set = |connection: &str, rev| Admin::SetPolicy {
        connection: connection.into(),
        rev,
        policy: Policy {
            owner: Some("ann".into()),
            ..Policy::default()
        },
    };
    assert!(is_stale(&house.admin(set("c", 0)).await));
    assert!(is_stale(&house.admin(set("nobody", 1)).await));
    assert_eq!(changed(&house.admin(set("c", 1)).await), 1);
    assert!(is_stale(&house.admin(set("c", 1)).await));
    let id = ConnectionId::new("c");
    let now = house.store.connection(&id).await.expect("a read");
    let now = now.expect("connected");
    assert_eq!((now.policy_rev, now.policy.owner), (2, Some("ann".into())));
    assert!(is_stale(
        &house.one(step(accept("c", message("e1", "d1", "x")))).await
    ));
}

pub(crate) async fn a_chat_moves(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let chat = house.hear(message("e1", "g1", "one")).await.chat;
    house.hear(message("e2", "g2", "two")).await;
    let go = |from: &str, to: &str| Admin::MoveChat {
        connection: "c".into(),
        from: from.into(),
        to: to.into(),
    };
    assert!(is_duplicate_of(&house.admin(go("g1", "g2")).await, None));
    assert_eq!(changed(&house.admin(go("g1", "g3")).await), 1);
    assert_eq!(
        changed(&house.admin(go("g1", "g3")).await),
        0,
        "it has moved"
    );
    let after = house.hear(message("e3", "g3", "three")).await;
    assert_eq!((after.chat, after.new_chat), (chat, false));
    let old = house.store.chat_of(&"c".into(), &Handle::new("g1")).await;
    assert_eq!(old.expect("a read"), None);
}

pub(crate) async fn a_token_is_kept_and_forgotten(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let token = Token {
        prefix: "cbx_1".to_owned(),
        hash: "00ff".to_owned(),
        account: "home".into(),
        principal: "owner".to_owned(),
        scopes: vec!["operate".to_owned()],
        until: Some(chatbox_core::id::Millis(9)),
    };
    house.admin(Admin::PutToken(token.clone())).await;
    let found = house.store.token("cbx_1").await.expect("a read");
    assert_eq!(found.as_ref(), Some(&token));
    for prefix in ["cbx_2", "cbx%", "login_1"] {
        let other = Token {
            prefix: prefix.to_owned(),
            ..token.clone()
        };
        house.admin(Admin::PutToken(other)).await;
    }
    let of = async |start| {
        let found = house.store.tokens(start).await.expect("a read");
        found.into_iter().map(|it| it.prefix).collect::<Vec<_>>()
    };
    assert_eq!(of("cbx_").await, ["cbx_1", "cbx_2"]);
    assert_eq!(of("cbx%").await, ["cbx%"]);
    assert_eq!(of("nobody").await, Vec::<String>::new());
    assert_eq!(of("").await.len(), 4);
    assert_eq!(house.store.tokens("cbx_1").await.expect("a read"), [token]);
    let forget = || Admin::RemoveToken {
        prefix: "cbx_1".to_owned(),
    };
    assert_eq!(changed(&house.admin(forget()).await), 1);
    assert_eq!(changed(&house.admin(forget()).await), 0);
    assert_eq!(house.store.token("cbx_1").await.expect("a read"), None);
}

pub(crate) async fn state_is_written_by_compare_and_swap(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let put = |connection: &str, rev, text: &str| Admin::PutState {
        connection: connection.into(),
        key: "k".to_owned(),
        rev,
        value: sealed(text),
    };
    assert!(is_stale(&house.admin(put("c", 1, "a")).await));
    assert!(is_stale(&house.admin(put("nobody", 0, "a")).await));
    assert_eq!(changed(&house.admin(put("c", 0, "a")).await), 1);
    assert!(is_stale(&house.admin(put("c", 0, "b")).await));
    assert_eq!(changed(&house.admin(put("c", 1, "b")).await), 1);
    let id = ConnectionId::new("c");
    let found = house.store.state(&id, "k").await.expect("a read");
    assert_eq!(found, Some((2, sealed("b"))));
    assert_eq!(house.store.state(&id, "other").await.expect("a read"), None);
}

pub(crate) async fn ended_leases_can_be_taken(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let one = house
        .one(step(accept("c", message("e1", "d1", "hi"))))
        .await;
    house.say(accepted(one).chat, 1).await;
    let turn = house.claim_turn().await;
    house.claim_out().await;
    assert_eq!(changed(&house.admin(Admin::EndLeases).await), 2);
    let again = house.claim_turn().await;
    assert_eq!((again.fence, again.attempts), (next(turn.fence), 2));
    house.claim_out().await;
}
