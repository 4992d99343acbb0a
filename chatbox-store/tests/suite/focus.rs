//! Where a mailbox looks, and what it has not seen.

use super::house::{
    House, accept, accepted, add_connection, delete, edit, emit, event, is_stale, message,
    put_mailbox, quiet, step,
};
use chatbox_core::event::EventBody;
use chatbox_core::focus::{Focus, Recap};
use chatbox_core::id::{ChatId, MailboxId, Seq};
use chatbox_core::store::{
    Admin, Done, Door, LaneScope, News, Outcome, Overview, Step, Store, Switch,
};
use std::sync::Arc;

async fn pulled(store: Arc<dyn Store>) -> House {
    let house = House { store };
    house
        .admin(put_mailbox("m", Door::Pull, LaneScope::Chat))
        .await;
    house.admin(add_connection("c", "m", "alpha", "us")).await;
    house
}

async fn switch(house: &House, to: Option<ChatId>) -> Outcome {
    let mailbox = MailboxId::from("m");
    house.one(Step::Switch(Switch { mailbox, to })).await
}

fn switched(outcome: Outcome) -> (Focus, bool) {
    match outcome {
        Outcome::Done(Done::Switched { focus, moved }) => (focus, moved),
        other => panic!("not switched: {other:?}"),
    }
}

async fn overview(house: &House) -> Vec<Overview> {
    let all = house.store.overview(&"m".into(), 10).await;
    all.expect("a read")
}

async fn unread(house: &House, chat: ChatId) -> u64 {
    let all = overview(house).await;
    let one = all.iter().find(|it| it.chat.id == chat);
    one.expect("the chat is the mailbox's").unread
}

pub(crate) async fn a_switch_consumes_and_remembers_what(store: Arc<dyn Store>) {
    let house = pulled(store).await;
    let first = house.hear(message("e1", "d1", "one")).await;
    let second = house.hear(message("e2", "d1", "two")).await;
    let other = house.hear(message("e3", "g1", "elsewhere")).await;
    assert_eq!(unread(&house, first.chat).await, 2);

    let (focus, moved) = switched(switch(&house, Some(first.chat)).await);
    let recap = Some(Recap {
        after: Seq::ZERO,
        upto: second.seq,
    });
    assert!(moved);
    assert_eq!((focus.chat, focus.revision), (Some(first.chat), 1));
    assert_eq!(focus.recap, recap);
    assert_eq!(unread(&house, first.chat).await, 0);
    assert_eq!(unread(&house, other.chat).await, 1, "nobody looked there");
    let stored = house.store.mailbox(&"m".into()).await.expect("a read");
    assert_eq!(stored.expect("the mailbox").focus, focus);

    let (again, moved) = switched(switch(&house, Some(first.chat)).await);
    assert!(!moved);
    assert_eq!(again, focus, "a repetition shows the same");
    let mailbox = MailboxId::from("m");
    house.admin(Admin::SettleFocus { mailbox }).await;
    let (settled, moved) = switched(switch(&house, Some(first.chat)).await);
    assert!(!moved);
    assert_eq!((settled.revision, settled.recap), (1, None));

    let (nowhere, moved) = switched(switch(&house, None).await);
    assert!(moved);
    assert_eq!((nowhere.chat, nowhere.recap), (None, None));
    assert_eq!(nowhere.revision, 2);
    assert!(!switched(switch(&house, None).await).1);
}

pub(crate) async fn what_comes_into_the_focal_chat_is_seen(store: Arc<dyn Store>) {
    let house = pulled(store).await;
    let here = house.hear(message("e1", "d1", "here")).await;
    let there = house.hear(message("e2", "g1", "there")).await;
    switch(&house, Some(here.chat)).await;
    // In one batch, waking or not.
    let batch = vec![
        step(accept("c", message("e3", "d1", "more"))),
        step(quiet("c", message("e4", "d1", "context"))),
        step(accept("c", message("e5", "g1", "more"))),
    ];
    house.all(batch).await;
    assert_eq!(unread(&house, here.chat).await, 0);
    assert_eq!(unread(&house, there.chat).await, 2);

    switch(&house, None).await;
    let late = house.hear(message("e6", "d1", "nobody looks")).await;
    assert_eq!(unread(&house, here.chat).await, 1);
    let (focus, _) = switched(switch(&house, Some(here.chat)).await);
    let recap = focus.recap.expect("it moved");
    assert_eq!(recap.upto, late.seq);
    assert!(recap.after > there.seq, "what came while it looked is seen");
}

pub(crate) async fn a_switch_to_no_chat_of_the_mailbox_is_stale(store: Arc<dyn Store>) {
    let house = pulled(store).await;
    house
        .admin(put_mailbox("n", Door::Pull, LaneScope::Chat))
        .await;
    house.admin(add_connection("k", "n", "alpha", "them")).await;
    let theirs = accepted(house.one(step(accept("k", message("e1", "d1", "x")))).await);
    let ours = house.hear(message("e1", "d1", "y")).await;
    switch(&house, Some(ours.chat)).await;
    assert!(is_stale(&switch(&house, Some(theirs.chat)).await));
    assert!(is_stale(&switch(&house, Some(ChatId(99))).await));
    let nobody = Switch {
        mailbox: "nobody".into(),
        to: None,
    };
    assert!(is_stale(&house.one(Step::Switch(nobody)).await));
    let kept = house.store.mailbox(&"m".into()).await.expect("a read");
    assert_eq!(kept.expect("it is there").focus.chat, Some(ours.chat));
    let before = house.store.mailbox(&"m".into()).await.expect("a read");
    house
        .admin(put_mailbox("m", Door::Run, LaneScope::Chat))
        .await;
    let after = house.store.mailbox(&"m".into()).await.expect("a read");
    let focus = |it: Option<chatbox_core::store::Mailbox>| it.expect("it is there").focus;
    assert_eq!(focus(after), focus(before), "another door, the same focus");
}

pub(crate) async fn an_overview_counts_what_others_said(store: Arc<dyn Store>) {
    let house = pulled(store).await;
    let first = house.hear(message("e1", "d1", "one")).await;
    house.hear(message("e2", "d1", "two")).await;
    house
        .hear(event("e3", "d1", edit("e1", "one, better")))
        .await;
    house.hear(event("e4", "d1", delete("e2"))).await;
    let (mailbox, chat) = (MailboxId::from("m"), first.chat);
    house.one(Step::Emit(Box::new(emit(chat, 1)))).await;
    let muted = true;
    house
        .admin(Admin::Mute {
            mailbox: mailbox.clone(),
            chat,
            muted,
        })
        .await;
    let elsewhere = house.hear(message("e5", "g1", "newer")).await;

    let all = overview(&house).await;
    let ids: Vec<ChatId> = all.iter().map(|it| it.chat.id).collect();
    assert_eq!(ids, [elsewhere.chat, chat], "the newest first");
    assert_eq!((all[1].unread, all[1].muted), (1, true));
    assert!(!all[0].muted);
    let last = all[1].last.as_ref().expect("something was said");
    assert!(last.out, "our own word is the last: {last:?}");
    assert!(matches!(&last.body, EventBody::Message(_)));
    let stranger = Admin::Mute {
        mailbox: "nobody".into(),
        chat,
        muted,
    };
    assert!(is_stale(&house.admin(stranger).await));
}

async fn news(house: &House, after: Seq, limit: u32) -> News {
    let news = house.store.news(&"m".into(), after, limit).await;
    news.expect("a read")
}

fn places(news: &News) -> Vec<(Seq, ChatId)> {
    let rows = news.rows.iter();
    rows.map(|(row, chat)| (row.seq, chat.id)).collect()
}

pub(crate) async fn a_mailbox_is_read_with_the_chat_it_looks_at(store: Arc<dyn Store>) {
    let house = pulled(store).await;
    let attention = || async {
        let read = house.store.attention(&"m".into()).await;
        read.expect("a read").expect("the mailbox")
    };
    assert_eq!(attention().await.focal, None);
    let here = house.hear(message("e1", "d1", "here")).await;
    switch(&house, Some(here.chat)).await;
    let attention = attention().await;
    let stored = house.store.mailbox(&"m".into()).await.expect("a read");
    assert_eq!(Some(attention.mailbox), stored);
    let chat = house.store.chat(here.chat).await.expect("a read");
    assert_eq!((&attention.focal, attention.focal.is_some()), (&chat, true));
    let nobody = house.store.attention(&"nobody".into()).await;
    assert_eq!(nobody.expect("a read"), None);
}

pub(crate) async fn news_is_what_others_did_where_somebody_wants_to_hear(store: Arc<dyn Store>) {
    let house = pulled(store).await;
    let none = news(&house, Seq::ZERO, 10).await;
    assert_eq!(none, News::default());
    let one = house.hear(message("e1", "d1", "one")).await;
    let two = house.hear(message("e2", "g1", "two")).await;
    // Its own words are no news to it, and move the head all the same.
    let own = house.one(Step::Emit(Box::new(emit(one.chat, 0)))).await;
    let own = super::house::appended(own)[0].seq;
    let edited = house.hear(event("e3", "d1", edit("e1", "ONE"))).await;
    let all = news(&house, Seq::ZERO, 10).await;
    let expected = [
        (one.seq, one.chat),
        (two.seq, two.chat),
        (edited.seq, one.chat),
    ];
    assert_eq!(places(&all), expected, "oldest first, in all chats");
    assert_eq!((all.head, all.focal), (edited.seq, None));
    let (first, _) = &all.rows[0];
    let text = first.body.content().map(|it| it.text.as_str());
    assert_eq!(text, Some("ONE"), "as it reads now");

    switch(&house, Some(two.chat)).await;
    let some = news(&house, one.seq, 1).await;
    assert_eq!(
        places(&some),
        [(two.seq, two.chat)],
        "no more than asked for"
    );
    assert_eq!((some.head, some.focal), (edited.seq, Some(two.chat)));
    assert_eq!(news(&house, own, 10).await.rows.len(), 1);
    let late = news(&house, edited.seq, 10).await;
    assert_eq!((late.rows.len(), late.head), (0, edited.seq));

    let (mailbox, muted) = (MailboxId::from("m"), true);
    let chat = one.chat;
    house
        .admin(Admin::Mute {
            mailbox,
            chat,
            muted,
        })
        .await;
    let heard = news(&house, Seq::ZERO, 10).await;
    assert_eq!(places(&heard), [(two.seq, two.chat)]);
    assert_eq!(heard.head, edited.seq, "a muted chat counts all the same");
    let nobody = house.store.news(&"nobody".into(), Seq::ZERO, 10).await;
    assert_eq!(nobody.expect("a read"), News::default());
}
