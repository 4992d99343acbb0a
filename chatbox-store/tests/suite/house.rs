//! A small house to play in: mailbox `m` with connection `c` on platform `alpha`, and the steps that scenarios take.

use chatbox_core::admit::Policy;
use chatbox_core::connector::{Cursor, DeliveryClass, OutMessage, Receipt, Verb};
use chatbox_core::event::{Attachment, ChatKind, Content, Event, EventBody, Media, Place, Sender};
use chatbox_core::id::{ChatId, DeliveryId, EventId, Fence, Millis, Seq, WorkerId};
use chatbox_core::store::{
    Accept, Accepted, Admin, Appended, Author, Claim, Claimed, Commit, Done, Door, Emit, Hand,
    LaneKey, LaneKind, LaneScope, LogRow, NewConnection, NewMailbox, Offer, Outcome, PlannedPart,
    Settle, Settled, Step, Store, TurnEnd, Wake,
};
use std::sync::Arc;

/// An hour in milliseconds: longer than any test.
pub(crate) const LONG: i64 = 3_600_000;
/// A turn that did its work.
pub(crate) const DONE: TurnEnd = TurnEnd::Done { tokens: 7 };

/// A store with somebody in it.
#[derive(Clone)]
pub(crate) struct House {
    pub(crate) store: Arc<dyn Store>,
}

impl House {
    /// Mailbox `m` answers by turns, with this scope.
    pub(crate) async fn with_scope(store: Arc<dyn Store>, scope: LaneScope) -> Self {
        let house = Self { store };
        house.admin(put_mailbox("m", Door::Run, scope)).await;
        house.admin(add_connection("c", "m", "alpha", "us")).await;
        house
    }

    /// Mailbox `m` answers each session by turns.
    pub(crate) async fn new(store: Arc<dyn Store>) -> Self {
        Self::with_scope(store, LaneScope::Session).await
    }

    pub(crate) async fn all(&self, steps: Vec<Step>) -> Vec<Outcome> {
        let count = steps.len();
        let outcomes = self.store.commit(steps).await.expect("a working store");
        assert_eq!(outcomes.len(), count, "one outcome per step");
        outcomes
    }

    pub(crate) async fn one(&self, step: Step) -> Outcome {
        self.all(vec![step]).await.remove(0)
    }

    pub(crate) async fn admin(&self, admin: Admin) -> Outcome {
        self.one(Step::Admin(Box::new(admin))).await
    }

    /// An event on `c` that wakes at once.
    pub(crate) async fn hear(&self, event: Event) -> Accepted {
        accepted(self.one(step(accept("c", event))).await)
    }

    pub(crate) async fn claim(&self, kind: LaneKind) -> Vec<Claimed> {
        self.claim_for(kind, LONG).await
    }

    pub(crate) async fn claim_for(&self, kind: LaneKind, lease_ms: i64) -> Vec<Claimed> {
        let claim = Claim {
            kind,
            owner: None,
            except: Vec::new(),
            offer: offer(lease_ms),
            limit: 100,
        };
        match self.one(Step::Claim(claim)).await {
            Outcome::Done(Done::Claimed { lanes }) => lanes,
            other => panic!("a claim was answered {other:?}"),
        }
    }

    /// When a lane of anybody is due.
    pub(crate) async fn next_due(&self, kind: LaneKind) -> Option<Millis> {
        let mailboxes = self.store.mailboxes().await.expect("a read").into_iter();
        let connections = self.store.connections().await.expect("a read").into_iter();
        let connections = connections.map(|it| it.id.as_str().to_owned());
        let owners = mailboxes.map(|it| it.id.as_str().to_owned());
        let owners: Vec<String> = owners.chain(connections).collect();
        let due = self.store.next_due(kind, Some(&owners)).await;
        due.expect("a read")
    }

    /// The only turn lane that is due.
    pub(crate) async fn claim_turn(&self) -> Claimed {
        only(self.claim(LaneKind::Turn).await)
    }

    /// The only lane to an endpoint that is due.
    pub(crate) async fn claim_push(&self) -> Claimed {
        only(self.claim(LaneKind::Push).await)
    }

    pub(crate) async fn claim_out(&self) -> Claimed {
        only(self.claim(LaneKind::Out).await)
    }

    /// Ends the turn of a claimed lane over all that is pending.
    pub(crate) async fn end(&self, held: &Claimed, end: TurnEnd, emits: Vec<Emit>) -> Outcome {
        let pending = self.store.pending(&held.lane).await.expect("a read");
        let pending = pending.expect("something to answer");
        self.one(commit(held, pending.chat.id, pending.upto, end, emits))
            .await
    }

    pub(crate) async fn row(&self, seq: Seq) -> LogRow {
        let row = self.store.row(seq).await.expect("a read");
        row.expect("a row")
    }

    pub(crate) async fn pending_seqs(&self, lane: &LaneKey) -> Vec<i64> {
        let pending = self.store.pending(lane).await.expect("a read");
        pending.map_or(Vec::new(), |it| seqs(&it.rows))
    }

    pub(crate) async fn settle(&self, held: &Claimed, id: DeliveryId, to: Settled) -> Outcome {
        self.one(settle(held, Some(id), to)).await
    }

    /// Says something with so many parts in a chat of `m`.
    pub(crate) async fn say(&self, chat: ChatId, parts: usize) -> Appended {
        appended(self.one(Step::Emit(Box::new(emit(chat, parts)))).await).remove(0)
    }

    pub(crate) async fn handed(&self, chat: ChatId) -> Seq {
        let positions = self.store.positions(chat).await.expect("a read");
        let mine = positions.into_iter().find(|it| it.reader == "m");
        mine.expect("the mailbox is a member").handed
    }
}

pub(crate) fn put_mailbox(id: &str, door: Door, scope: LaneScope) -> Admin {
    Admin::PutMailbox(NewMailbox {
        account: "home".into(),
        id: id.into(),
        name: format!("{id}-name"),
        door,
        scope,
    })
}

pub(crate) fn new_connection(
    id: &str,
    mailbox: &str,
    platform: &str,
    ident: &str,
) -> NewConnection {
    NewConnection {
        id: id.into(),
        mailbox: mailbox.into(),
        platform: platform.into(),
        ident: ident.into(),
        settings: r#"{"a":1}"#.to_owned(),
        secret: None,
        policy: Policy::trusted(),
    }
}

pub(crate) fn add_connection(id: &str, mailbox: &str, platform: &str, ident: &str) -> Admin {
    Admin::AddConnection(Box::new(new_connection(id, mailbox, platform, ident)))
}

/// A message in a chat. A handle that starts with `g` is a group; anything else is one-to-one with `ann`.
pub(crate) fn message(id: &str, handle: &str, text: &str) -> Event {
    event(id, handle, EventBody::Message(Content::text(text)))
}

pub(crate) fn event(id: &str, handle: &str, body: EventBody) -> Event {
    let kind = match handle.starts_with('g') {
        true => ChatKind::Group,
        false => ChatKind::Dm,
    };
    Event {
        id: id.into(),
        chat: Place {
            handle: handle.into(),
            kind,
            name: Some(format!("chat {handle}")),
        },
        sender: Sender {
            id: "ann".into(),
            name: Some("Ann".to_owned()),
            is_bot: false,
        },
        at: Millis(5),
        body,
        addressed: true,
        late: false,
        group: None,
        raw: None,
    }
}

/// A message with so many files that are still with the platform.
pub(crate) fn with_files(id: &str, handle: &str, files: u32) -> Event {
    let attachments = (0..files).map(|index| Attachment {
        name: format!("{index}.png"),
        mime: "image/png".to_owned(),
        size: None,
        media: Media::Pending {
            source: format!("{id}/{index}"),
        },
    });
    let content = Content {
        attachments: attachments.collect(),
        ..Content::text("look")
    };
    event(id, handle, EventBody::Message(content))
}

pub(crate) fn edit(target: &str, text: &str) -> EventBody {
    EventBody::Edit {
        target: target.into(),
        content: Content::text(text),
    }
}

pub(crate) fn delete(target: &str) -> EventBody {
    EventBody::Delete {
        target: target.into(),
    }
}

/// Takes an event in that wakes at once, offered for by nobody.
pub(crate) fn accept(connection: &str, event: Event) -> Accept {
    Accept {
        connection: connection.into(),
        policy_rev: 1,
        fence: None,
        event,
        wake: Wake::NOW,
        cursor: None,
        offer: None,
        hand: Some(Hand {
            within_ms: LONG,
            offer: None,
        }),
    }
}

/// The same event as context.
pub(crate) fn quiet(connection: &str, event: Event) -> Accept {
    Accept {
        wake: Wake::Never,
        ..accept(connection, event)
    }
}

pub(crate) fn step(accept: Accept) -> Step {
    Step::Accept(Box::new(accept))
}

pub(crate) fn at_cursor(accept: Accept, cursor: &str) -> Step {
    step(Accept {
        cursor: Some(Cursor(cursor.to_owned())),
        ..accept
    })
}

pub(crate) fn offer(lease_ms: i64) -> Offer {
    Offer {
        worker: WorkerId::new("w"),
        lease_ms,
    }
}

pub(crate) fn commit(
    held: &Claimed,
    chat: ChatId,
    upto: Seq,
    end: TurnEnd,
    emits: Vec<Emit>,
) -> Step {
    Step::Commit(Box::new(Commit {
        lane: held.lane.clone(),
        fence: held.fence,
        chat,
        upto,
        end,
        emits,
    }))
}

pub(crate) fn settle(held: &Claimed, delivery: Option<DeliveryId>, to: Settled) -> Step {
    Step::Settle(Box::new(Settle {
        lane: held.lane.clone(),
        fence: held.fence,
        delivery,
        to,
        pause_after: None,
        may_wait: false,
    }))
}

/// `m` says something with so many parts.
pub(crate) fn emit(chat: ChatId, parts: usize) -> Emit {
    let part = |index| PlannedPart {
        verb: Verb::Send(OutMessage {
            reply_to: Some(EventId::new(format!("part {index}"))),
            ..OutMessage::default()
        }),
    };
    Emit {
        mailbox: "m".into(),
        author: Author::Mailbox { id: "m".into() },
        chat,
        body: EventBody::Message(Content::text("an answer")),
        target: None,
        parts: (0..parts).map(part).collect(),
        class: DeliveryClass::Ambiguous,
        ttl_ms: LONG,
        idem: None,
        under: None,
    }
}

pub(crate) fn delivered(name: &str) -> Settled {
    Settled::Delivered {
        receipt: Receipt {
            message: Some(name.into()),
            degraded: None,
        },
    }
}

pub(crate) fn accepted(outcome: Outcome) -> Accepted {
    match outcome {
        Outcome::Done(Done::Accepted(accepted)) => accepted,
        other => panic!("not accepted: {other:?}"),
    }
}

pub(crate) fn appended(outcome: Outcome) -> Vec<Appended> {
    match outcome {
        Outcome::Done(Done::Appended { rows, .. }) => rows,
        other => panic!("not appended: {other:?}"),
    }
}

/// Whether work is left, of a commit or a settle.
pub(crate) fn more(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Done(Done::Appended { more, .. } | Done::Settled { more, .. }) => *more,
        other => panic!("not done: {other:?}"),
    }
}

pub(crate) fn changed(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Done(Done::Changed { count }) => *count,
        other => panic!("not changed: {other:?}"),
    }
}

pub(crate) fn is_stale(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Stale)
}

pub(crate) fn is_fenced(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Fenced)
}

/// Whether it was committed before, as this row.
pub(crate) fn is_duplicate_of(outcome: &Outcome, row: Option<Seq>) -> bool {
    matches!(outcome, Outcome::Duplicate { seq } if *seq == row)
}

pub(crate) fn only<T: std::fmt::Debug>(mut all: Vec<T>) -> T {
    assert_eq!(all.len(), 1, "one and no other: {all:?}");
    all.remove(0)
}

pub(crate) fn seqs(rows: &[LogRow]) -> Vec<i64> {
    rows.iter().map(|row| row.seq.0).collect()
}

pub(crate) fn text(row: &LogRow) -> &str {
    match &row.body {
        EventBody::Message(content) => &content.text,
        other => panic!("not a message: {other:?}"),
    }
}

pub(crate) fn next(fence: Fence) -> Fence {
    Fence(fence.0 + 1)
}
