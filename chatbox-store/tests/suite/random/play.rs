//! Steps at random: mostly sensible ones, by what the model answered so far, and some that must be refused.

use super::look::{CONNECTIONS, MAILBOXES};
use crate::suite::house::{
    self, House, LONG, add_connection, commit, delete, delivered, edit, event, new_connection,
    offer, put_mailbox, settle, step, with_files,
};
use chatbox_core::connector::{Cursor, DeliveryClass};
use chatbox_core::event::{Content, Event, EventBody, Media};
use chatbox_core::id::{
    AccountId, ChatId, ConnectionId, DeliveryId, Fence, MailboxId, Millis, Seq,
};
use chatbox_core::store::{
    Accept, Ack, Admin, Author, Claim, Claimed, Door, Emit, Hand, LaneKind, LaneScope, MediaStep,
    NewMailbox, NewRecord, Offer, Once, RecordKind, Renew, SecretBox, ServiceKind, Settled, Skip,
    Standing, Step, Switch, Token, TurnEnd, Under, Wake,
};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::Value;

/// What is known while playing.
pub(super) struct Play {
    dice: StdRng,
    model: House,
    /// Every lane ever taken: some are still held.
    held: Vec<Claimed>,
    /// The highest seq seen in an outcome.
    head: i64,
    receipts: u32,
    /// Under which fence the arrivals of a call were read: mostly none, as where one process is alone.
    fence: Option<Fence>,
}

impl Play {
    pub(super) fn new(dice: StdRng, model: House) -> Self {
        Self {
            dice,
            model,
            held: Vec::new(),
            head: 0,
            receipts: 0,
            fence: None,
        }
    }

    /// Three mailboxes, one of which is pushed; four connections.
    pub(super) fn set_up(&mut self) -> Vec<Step> {
        let (one, two) = (self.scope(), self.scope());
        let admins = [
            put_mailbox("m", Door::Run, one),
            put_mailbox("n", Door::Run, two),
            Admin::PutMailbox(pushed(Door::Push)),
            add_connection("c0", "m", "alpha", "us"),
            add_connection("c1", "m", "beta", "us"),
            add_connection("c2", "n", "alpha", "others"),
            add_connection("c3", "p", "beta", "pulled"),
        ];
        admins
            .into_iter()
            .map(|it| Step::Admin(Box::new(it)))
            .collect()
    }

    /// Keeps what later steps refer to.
    pub(super) fn learn(&mut self, outcomes: &[Value]) {
        for outcome in outcomes {
            self.learn_one(outcome);
        }
        let newest = self.held.len().saturating_sub(12);
        self.held.drain(..newest);
    }

    fn learn_one(&mut self, outcome: &Value) {
        if let Some(seq) = outcome.get("seq").and_then(Value::as_i64) {
            self.head = self.head.max(seq);
        }
        let listed = outcome.get("lanes").and_then(Value::as_array);
        let claimed = outcome.get("claimed").filter(|it| !it.is_null());
        for claim in listed.into_iter().flatten().chain(claimed) {
            let claim = serde_json::from_value(claim.clone()).expect("a claim");
            self.held.push(claim);
        }
    }

    /// One call: steps of one kind, or accepts and skips.
    pub(super) async fn next(&mut self) -> Vec<Step> {
        match self.dice.random_range(0..100) {
            0..35 => {
                let fence = Fence(self.dice.random_range(0..4));
                self.fence = self.coin(20).then_some(fence);
                let count = self.dice.random_range(1..9);
                (0..count).map(|_| self.arrive()).collect()
            }
            35..45 => vec![self.claim()],
            45..60 => self.end_turns().await,
            60..68 => {
                let count = self.dice.random_range(1..4);
                (0..count)
                    .map(|_| Step::Emit(Box::new(self.emit())))
                    .collect()
            }
            68..84 => self.settle_some().await,
            84..88 => vec![self.media()],
            88..92 => vec![self.ack()],
            92..94 => vec![self.renew()],
            94..96 => vec![self.switch()],
            96 => vec![self.together()],
            _ => vec![Step::Admin(Box::new(self.admin()))],
        }
    }

    /// Changes that are all made, or none is.
    fn together(&mut self) -> Step {
        let count = self.dice.random_range(1..4);
        let all = (0..count).map(|_| self.admin());
        Step::Together { all: all.collect() }
    }

    fn coin(&mut self, percent: u32) -> bool {
        self.dice.random_range(0..100) < percent
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of.choose(&mut self.dice)
            .expect("something to pick")
            .clone()
    }

    fn scope(&mut self) -> LaneScope {
        self.pick(&[LaneScope::Chat, LaneScope::Session, LaneScope::Mailbox])
    }

    fn seq(&mut self) -> Seq {
        Seq(self.dice.random_range(0..=self.head + 1))
    }

    fn offer(&mut self) -> Offer {
        offer(self.pick(&[-1, LONG, LONG]))
    }

    fn arrive(&mut self) -> Step {
        let connection = ConnectionId::new(self.pick(&CONNECTIONS));
        let cursor = Cursor(self.dice.random_range(0..1000).to_string());
        if self.coin(10) {
            return Step::Skip(Skip {
                connection,
                cursor,
                fence: self.fence,
            });
        }
        let event = self.event();
        let wake = match self.dice.random_range(0..10) {
            0..3 => Wake::Never,
            3 => Wake::After { ms: LONG },
            _ => Wake::NOW,
        };
        step(Accept {
            connection,
            policy_rev: if self.coin(95) { 1 } else { 2 },
            fence: self.fence,
            event,
            wake,
            cursor: self.coin(70).then_some(cursor),
            offer: self.coin(40).then(|| self.offer()),
            hand: self.coin(80).then(|| Hand {
                within_ms: LONG,
                offer: self.coin(40).then(|| self.offer()),
            }),
        })
    }

    fn event(&mut self) -> Event {
        let id = format!("e{}", self.dice.random_range(0..60));
        let handle = self.pick(&["d1", "d2", "g1", "g2"]);
        let target = self.name();
        let text = self.text();
        let mut event = match self.dice.random_range(0..20) {
            0..3 => with_files(&id, handle, 2),
            3..6 => event(&id, handle, edit(&target, &text)),
            6 => event(&id, handle, delete(&target)),
            7 => {
                let target = target.as_str().into();
                event(&id, handle, EventBody::Receipt { target })
            }
            _ => event(&id, handle, EventBody::Message(Content::text(text))),
        };
        event.sender.id = self.pick(&["ann", "bob"]).into();
        event.late = self.coin(10);
        event
    }

    /// What an event may refer to: another event or something we sent.
    fn name(&mut self) -> String {
        match self.coin(70) {
            true => format!("e{}", self.dice.random_range(0..60)),
            false => format!("r{}", self.dice.random_range(0..=self.receipts)),
        }
    }

    fn text(&mut self) -> String {
        let words = ["red", "blue", "fox", "Fox,", "RED!", "green"];
        format!("{} {}", self.pick(&words), self.pick(&words))
    }

    fn claim(&mut self) -> Step {
        let kind = self.pick(&[
            LaneKind::Turn,
            LaneKind::Out,
            LaneKind::Push,
            LaneKind::Link,
        ]);
        let owner = match kind {
            LaneKind::Turn => self.pick(&MAILBOXES),
            LaneKind::Out | LaneKind::Link => self.pick(&CONNECTIONS),
            LaneKind::Push => self.pick(&["p", "s0", "s1"]),
        };
        let except = match self.coin(20) {
            true => vec![self.pick(&["m", "c0", "p", "s0"]).to_owned()],
            false => Vec::new(),
        };
        Step::Claim(Claim {
            kind,
            owner: self.coin(30).then(|| owner.to_owned()),
            except,
            offer: self.offer(),
            limit: 100,
        })
    }

    /// A lane taken once, by its holder or by somebody who lost it.
    fn lane(&mut self, kind: LaneKind) -> Option<Claimed> {
        let of_kind = self.held.iter().filter(|it| it.lane.kind == kind);
        let of_kind: Vec<Claimed> = of_kind.cloned().collect();
        let mut held = of_kind.choose(&mut self.dice)?.clone();
        if self.coin(5) {
            held.fence = Fence(held.fence.0 + 1);
        }
        Some(held)
    }

    async fn end_turns(&mut self) -> Vec<Step> {
        let Some(held) = self.lane(LaneKind::Turn) else {
            return vec![self.claim()];
        };
        let pending = self.model.store.pending(&held.lane).await.expect("a read");
        let (chat, upto) = match pending {
            Some(pending) => {
                let old = pending.rows.first().map_or(pending.upto, |row| row.seq);
                let upto = if self.coin(80) { pending.upto } else { old };
                (pending.chat.id, upto)
            }
            None => (ChatId(self.dice.random_range(1..5)), Seq(1)),
        };
        let reason = "because".to_owned();
        let end = match self.dice.random_range(0..20) {
            0..12 => house::DONE,
            12..14 => TurnEnd::Failed { reason },
            14..16 => TurnEnd::Again {
                after_ms: self.pick(&[0, 0, LONG]),
                reason,
            },
            16..18 => TurnEnd::Released {
                after_ms: self.pick(&[0, 0, LONG]),
                reason,
            },
            _ => TurnEnd::Poisoned { reason },
        };
        let count = self.dice.random_range(0..3);
        let emits = (0..count).map(|_| self.emit_in(chat)).collect();
        vec![commit(&held, chat, upto, end, emits)]
    }

    fn emit(&mut self) -> Emit {
        let chat = ChatId(self.dice.random_range(1..12));
        self.emit_in(chat)
    }

    fn emit_in(&mut self, chat: ChatId) -> Emit {
        let mailbox = MailboxId::new(match self.coin(75) {
            true => "m",
            false => "n",
        });
        let target = self.name();
        let text = self.text();
        let (body, about) = match self.dice.random_range(0..10) {
            0 => (edit(&target, &text), true),
            1 => (delete(&target), true),
            _ => (EventBody::Message(Content::text(text)), self.coin(5)),
        };
        let target = about.then(|| self.seq());
        let idem = self
            .coin(15)
            .then(|| format!("k{}", self.dice.random_range(0..6)));
        Emit {
            author: match self.coin(80) {
                true => Author::Mailbox {
                    id: mailbox.clone(),
                },
                false => Author::System,
            },
            mailbox,
            body,
            target,
            class: self.pick(&[DeliveryClass::Idempotent, DeliveryClass::Ambiguous]),
            idem,
            under: self.coin(20).then(|| self.under()).flatten(),
            ..house::emit(chat, self.dice.random_range(0..3))
        }
    }

    fn under(&mut self) -> Option<Under> {
        let Claimed { lane, fence, .. } = self.lane(LaneKind::Turn)?;
        Some(Under { lane, fence })
    }

    async fn settle_some(&mut self) -> Vec<Step> {
        let kind = self.pick(&[LaneKind::Out, LaneKind::Push]);
        let Some(held) = self.lane(kind) else {
            return vec![self.claim()];
        };
        let queued = self
            .model
            .store
            .queued(&held.lane, 9)
            .await
            .expect("a read");
        let count = self.dice.random_range(1..4);
        let steps = (0..count).map(|place| {
            let next = queued.get(place).map(|it| it.id);
            let any = DeliveryId(self.dice.random_range(1..40));
            let id = next.filter(|_| self.coin(90)).unwrap_or(any);
            let delivery = self.coin(95).then_some(id);
            let pause_after = self.coin(30).then(|| self.dice.random_range(0..4));
            let mut step = settle(&held, delivery, self.settled());
            if let Step::Settle(settle) = &mut step {
                settle.pause_after = pause_after;
            }
            step
        });
        steps.collect()
    }

    fn settled(&mut self) -> Settled {
        let reason = "because".to_owned();
        let after_ms = self.pick(&[0, 0, 0, LONG]);
        match self.dice.random_range(0..20) {
            0..4 => Settled::Custody,
            4..12 => {
                self.receipts += 1;
                delivered(&format!("r{}", self.receipts))
            }
            12..14 => Settled::Retry { after_ms, reason },
            14 => Settled::Release { after_ms },
            15..17 => Settled::Failed { reason },
            17..19 => Settled::Unknown { reason },
            _ => Settled::Expired,
        }
    }

    fn media(&mut self) -> Step {
        let media = match self.coin(70) {
            true => Media::Ready { id: "b1".into() },
            false => Media::Failed {
                reason: "gone".to_owned(),
            },
        };
        Step::Media(MediaStep {
            seq: self.seq(),
            index: self.dice.random_range(0..3),
            media,
            name: self.coin(50).then(|| "kept.png".to_owned()),
            mime: self.coin(50).then(|| "image/webp".to_owned()),
            size: self.coin(50).then_some(7),
            wait_ms: self.dice.random_range(0..2) * 800,
        })
    }

    fn ack(&mut self) -> Step {
        Step::Ack(Ack {
            chat: ChatId(self.dice.random_range(1..12)),
            reader: self.pick(&["m", "n", "person"]).to_owned(),
            seen: self.seq(),
        })
    }

    fn switch(&mut self) -> Step {
        let chat = ChatId(self.dice.random_range(1..12));
        Step::Switch(Switch {
            mailbox: MailboxId::new(self.pick(&["m", "n", "p", "nobody"])),
            to: self.coin(80).then_some(chat),
        })
    }

    fn renew(&mut self) -> Step {
        let kind = self.pick(&[LaneKind::Turn, LaneKind::Link]);
        let Some(held) = self.lane(kind) else {
            return self.claim();
        };
        Step::Renew(Renew {
            lane: held.lane,
            fence: held.fence,
            lease_ms: self.pick(&[-1, LONG]),
        })
    }

    fn admin(&mut self) -> Admin {
        let connection = ConnectionId::new(self.pick(&CONNECTIONS));
        let delivery = DeliveryId(self.dice.random_range(1..40));
        match self.dice.random_range(0..36) {
            0 => put_mailbox(self.pick(&MAILBOXES), Door::Run, self.scope()),
            1..3 => {
                let door = self.pick(&[Door::Run, Door::Push, Door::Pull]);
                Admin::PutMailbox(pushed(door))
            }
            3 => {
                let mailbox = self.pick(&MAILBOXES);
                let platform = self.pick(&["alpha", "beta"]);
                add_connection(connection.as_str(), mailbox, platform, self.ident())
            }
            4 => {
                let ident = self.ident();
                let new = new_connection(connection.as_str(), "m", "alpha", ident);
                Admin::RenewConnection(Box::new(new))
            }
            5 => Admin::RemoveConnection { connection },
            6..8 => Admin::MoveChat {
                connection,
                from: self.pick(&["g1", "g2", "g3"]).into(),
                to: self.pick(&["g1", "g2", "g3"]).into(),
            },
            8..13 => Admin::RetryDelivery {
                delivery,
                ttl_ms: LONG,
            },
            13..15 => Admin::PurgeDeliveries {
                account: self.coin(50).then(|| self.account()),
                delivery: self.coin(70).then_some(delivery),
                before: Millis(self.pick(&[0, i64::MAX, i64::MAX])),
            },
            15 => Admin::PutToken(self.token()),
            16 => Admin::RemoveToken {
                prefix: self.pick(&["t0", "t1"]).to_owned(),
            },
            17..19 => Admin::PutState {
                connection,
                key: "k".to_owned(),
                rev: self.dice.random_range(0..3),
                value: SecretBox {
                    key: "v".to_owned(),
                    sealed: self.text(),
                },
            },
            19 => Admin::SetPolicy {
                connection,
                rev: 9,
                policy: chatbox_core::admit::Policy::default(),
            },
            21 => Admin::SettleFocus {
                mailbox: self.pick(&MAILBOXES).into(),
            },
            20 => Admin::SetStanding {
                mailbox: self.pick(&MAILBOXES).into(),
                standing: self.pick(&[Standing::Active, Standing::Active, Standing::Paused]),
            },
            22 => Admin::Mute {
                mailbox: self.pick(&MAILBOXES).into(),
                chat: ChatId(self.dice.random_range(1..12)),
                muted: self.coin(50),
            },
            23..27 => self.record(),
            27 => Admin::RemoveRecord {
                kind: self.record_kind(),
                account: self.account(),
                id: self.pick(&["x0", "x1", "x2"]).to_owned(),
            },
            28..30 => self.subscribe(),
            30 => Admin::Unsubscribe {
                account: self.account(),
                id: self.pick(&["s0", "s1"]).to_owned(),
            },
            31 => Admin::ReportLink {
                connection,
                up: self.coin(50),
                reason: self.coin(50).then(|| "gone".to_owned()),
            },
            32 => self.remember(),
            33 if self.coin(10) => Admin::ArchiveMailbox {
                mailbox: self.pick(&MAILBOXES).into(),
            },
            34..36 => self.reseal(),
            _ => Admin::EndLeases,
        }
    }

    fn account(&mut self) -> AccountId {
        self.pick(&["home", "away"]).into()
    }

    fn record_kind(&mut self) -> RecordKind {
        self.pick(&[RecordKind::Credential, RecordKind::Mailbox])
    }

    fn record(&mut self) -> Admin {
        let uses = match self.coin(40) {
            true => vec![self.pick(&["x0", "x1"]).to_owned()],
            false => Vec::new(),
        };
        Admin::PutRecord(NewRecord {
            kind: self.record_kind(),
            account: self.account(),
            id: self.pick(&["x0", "x1", "x2"]).to_owned(),
            name: self.pick(&["one", "two", "three"]).to_owned(),
            rev: self.coin(60).then(|| self.dice.random_range(0..3)),
            body: self.text(),
            uses,
        })
    }

    fn subscribe(&mut self) -> Admin {
        let account = self.account();
        // Not of new chats: of several arrivals, which is told first and which is handed out first is open.
        let others = |kind: &ServiceKind| *kind != ServiceKind::NewChat;
        let others = ServiceKind::ALL.into_iter().filter(others);
        let events = others.filter(|_| self.coin(60)).collect();
        Admin::Subscribe {
            account,
            id: self.pick(&["s0", "s1"]).to_owned(),
            events,
        }
    }

    fn remember(&mut self) -> Admin {
        Admin::Once(Once {
            key: self.pick(&["o0", "o1"]).to_owned(),
            asked: self.text(),
            reply: self.text(),
            ttl_ms: LONG,
        })
    }

    /// Of values that were there, or that never were.
    fn reseal(&mut self) -> Admin {
        let value = |text: String| {
            let key = "v".to_owned();
            serde_json::to_string(&SecretBox { key, sealed: text }).expect("JSON")
        };
        let (was, becomes) = (value(self.text()), value(self.text()));
        let connection = self.pick(&CONNECTIONS);
        let place = match self.dice.random_range(0..4) {
            0 => format!("state/{connection}/k"),
            1 => format!("connection/{connection}"),
            2 => format!("credential/{}", self.pick(&["x0", "x1", "x2"])),
            _ => format!("reply/{}", self.pick(&["o0", "o1"])),
        };
        let place = place.parse().expect("a place");
        match self.coin(50) {
            true => Admin::Reseal {
                place,
                was,
                becomes,
            },
            // What is not sealed is compared to the letter as well.
            false => Admin::Reseal {
                place,
                was: self.text(),
                becomes,
            },
        }
    }

    fn ident(&mut self) -> &'static str {
        self.pick(&["us", "others", "pulled", "new"])
    }

    fn token(&mut self) -> Token {
        Token {
            prefix: self.pick(&["t0", "t1"]).to_owned(),
            hash: self.text(),
            account: self.account(),
            principal: "owner".to_owned(),
            scopes: vec!["read".to_owned()],
            until: None,
        }
    }
}

/// A mailbox in an account of its own.
fn pushed(door: Door) -> NewMailbox {
    NewMailbox {
        account: "away".into(),
        id: "p".into(),
        name: "p-name".to_owned(),
        door,
        scope: LaneScope::Chat,
    }
}
