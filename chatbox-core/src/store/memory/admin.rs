//! Changing who and what exists.

use super::world::{Connected, World};
use crate::connector::Revision;
use crate::id::{AccountId, ChatId, ConnectionId, DeliveryId, Handle, MailboxId, Millis, Seq};
use crate::store::{
    Admin, CONNECTION_REMOVED, Connection, DeliveryState, Done, Door, LaneKey, LaneKind, Mailbox,
    NewConnection, NewMailbox, Outcome, ServiceEvent, ServiceKind, Standing, StateBox,
};

pub(super) const NOT_TWICE: Outcome = Outcome::Duplicate { seq: None };

pub(super) fn changed(count: usize) -> Outcome {
    Outcome::Done(Done::Changed {
        count: count as u64,
    })
}

impl World {
    pub(super) fn admin(&mut self, admin: Admin, now: Millis) -> Outcome {
        match admin {
            Admin::PutMailbox(new) => self.put_mailbox(new, now),
            Admin::AddConnection(new) => self.add_connection(*new),
            Admin::RenewConnection(new) => self.renew_connection(*new),
            Admin::RemoveConnection { connection } => self.remove_connection(&connection, now),
            Admin::SetPolicy {
                connection,
                rev,
                policy,
            } => {
                if self.policy_rev(&connection) != Some(rev) {
                    return Outcome::Stale;
                }
                self.set_policy(&connection, policy);
                changed(1)
            }
            Admin::Mute {
                mailbox,
                chat,
                muted,
            } => self.mute(&mailbox, chat, muted),
            Admin::SetStanding { mailbox, standing } => self.set_standing(&mailbox, standing, now),
            Admin::ArchiveMailbox { mailbox } => self.archive_mailbox(&mailbox, now),
            Admin::PutRecord(new) => self.put_record(new, now),
            Admin::RemoveRecord { kind, account, id } => self.remove_record(kind, &account, &id),
            Admin::Subscribe {
                account,
                id,
                events,
            } => self.subscribe(account, id, events, now),
            Admin::Unsubscribe { account, id } => self.unsubscribe(&account, &id, now),
            Admin::ReportLink {
                connection,
                up,
                reason,
            } => self.report_link(&connection, up, reason, now),
            Admin::Once(once) => self.once(once, now),
            Admin::Note(note) => self.note(note, now),
            Admin::SettleFocus { mailbox } => self.settle_focus(&mailbox),
            Admin::MoveChat {
                connection,
                from,
                to,
            } => self.move_chat(&connection, &from, to),
            Admin::RetryDelivery { delivery, ttl_ms } => self.retry(delivery, ttl_ms, now),
            Admin::PurgeDeliveries {
                account,
                delivery,
                before,
            } => self.purge(account.as_ref(), delivery, before),
            Admin::PutToken(token) => {
                self.tokens.insert(token.prefix.clone(), token);
                changed(1)
            }
            Admin::RemoveToken { prefix } => {
                changed(usize::from(self.tokens.remove(&prefix).is_some()))
            }
            Admin::PutState {
                connection,
                key,
                rev,
                value,
            } => self.put_state(connection, key, rev, value),
            Admin::Reseal {
                place,
                was,
                becomes,
            } => self.reseal(&place, &was, &becomes),
            Admin::EndLeases => self.end_leases(),
        }
    }

    fn mute(&mut self, mailbox: &MailboxId, chat: ChatId, muted: bool) -> Outcome {
        if !self.in_mailbox(mailbox, chat) {
            return Outcome::Stale;
        }
        let reader = mailbox.as_str().to_owned();
        self.members.entry((chat, reader)).or_default().muted = muted;
        changed(1)
    }

    fn set_standing(&mut self, id: &MailboxId, standing: Standing, now: Millis) -> Outcome {
        if let Some(subscription) = self.subscriptions.get_mut(id.as_str()) {
            subscription.standing = standing;
            subscription.fails = 0;
            return changed(1);
        }
        let mailbox = self.mailboxes.get_mut(id);
        let Some(mailbox) = mailbox.filter(|it| it.standing != Standing::Archived) else {
            return Outcome::Stale;
        };
        let before = std::mem::replace(&mut mailbox.standing, standing);
        mailbox.fails = 0;
        let kind = match standing {
            Standing::Active => ServiceKind::MailboxUnpaused,
            _ => ServiceKind::MailboxPaused,
        };
        if before != standing {
            self.happen(&ServiceEvent::new(kind, id.clone()), Seq::ZERO, now);
        }
        changed(1)
    }

    fn archive_mailbox(&mut self, id: &MailboxId, now: Millis) -> Outcome {
        let mailbox = self.mailboxes.get_mut(id);
        let Some(mailbox) = mailbox.filter(|it| it.standing != Standing::Archived) else {
            return Outcome::Stale;
        };
        mailbox.standing = Standing::Archived;
        mailbox.name = id.as_str().to_owned();
        let theirs = self.connections.values();
        let theirs = theirs.filter(|it| it.active && it.connection.mailbox == *id);
        let theirs: Vec<ConnectionId> = theirs.map(|it| it.connection.id.clone()).collect();
        for connection in theirs {
            self.remove_connection(&connection, now);
        }
        self.end_turns(id.as_str());
        self.end_push(id.as_str(), now);
        changed(1)
    }

    fn settle_focus(&mut self, mailbox: &MailboxId) -> Outcome {
        let mailbox = self.mailboxes.get_mut(mailbox);
        let shown = mailbox.filter(|it| it.focus.recap.is_some());
        let count = shown.map_or(0, |it| {
            it.focus = it.focus.settled();
            1
        });
        changed(count)
    }

    /// Whether this lane hands to a mailbox that is pushed, or to a subscription.
    fn is_pushed(&self, lane: &LaneKey) -> bool {
        let mailbox = self.mailbox_of(lane);
        mailbox.is_some_and(|id| {
            let it = &self.mailboxes[&id];
            it.door == Door::Push && it.standing != Standing::Archived
        }) || self.subscriptions.contains_key(&lane.owner)
    }

    fn put_mailbox(&mut self, new: NewMailbox, now: Millis) -> Outcome {
        if self.name_taken(&new.account, &new.name, &new.id) {
            return NOT_TWICE;
        }
        let known = self.mailboxes.get(&new.id);
        let fits = |it: &Mailbox| it.standing != Standing::Archived && it.account == new.account;
        if known.is_some_and(|it| !fits(it)) {
            return Outcome::Stale;
        }
        let mailbox = Mailbox {
            id: new.id,
            account: new.account,
            name: new.name,
            door: new.door,
            scope: new.scope,
            focus: known.map(|it| it.focus).unwrap_or_default(),
            standing: known.map(|it| it.standing).unwrap_or_default(),
            fails: known.map(|it| it.fails).unwrap_or_default(),
        };
        let before = self.mailboxes.insert(mailbox.id.clone(), mailbox.clone());
        if before.as_ref() == Some(&mailbox) {
            return changed(0);
        }
        if before.is_some_and(|it| (it.door, it.scope) != (mailbox.door, mailbox.scope)) {
            self.relane(&mailbox, now);
        }
        changed(1)
    }

    /// Its messages wait in other lanes from now on. Whoever holds one of the old ones has lost it.
    fn relane(&mut self, mailbox: &Mailbox, now: Millis) {
        let owner = mailbox.id.as_str();
        self.end_turns(owner);
        if mailbox.door != Door::Push {
            self.end_push(owner, now);
        }
        if mailbox.door != Door::Run {
            return;
        }
        let chats: Vec<_> = self
            .chats
            .iter()
            .filter(|it| it.mailbox == mailbox.id)
            .cloned()
            .collect();
        for chat in chats {
            if self.oldest_waking(chat.id, owner).is_some() {
                let key = LaneKey::turn(&mailbox.id, mailbox.scope, chat.id, chat.session);
                let lane = self.lane_mut(&key);
                lane.wake(chat.head.0, now);
                lane.done = lane.done.min(chat.head.0 - 1);
            }
        }
    }

    /// Whoever holds a turn lane of this mailbox has lost it.
    fn end_turns(&mut self, owner: &str) {
        let theirs = |key: &&LaneKey| key.kind == LaneKind::Turn && key.owner == owner;
        let old: Vec<LaneKey> = self.lanes.keys().filter(theirs).cloned().collect();
        for key in old {
            self.lose_turns(&key);
            let lane = self.lane_mut(&key);
            lane.fence.0 += i64::from(lane.holder.is_some());
            lane.rest();
        }
    }

    fn add_connection(&mut self, new: NewConnection) -> Outcome {
        let mailbox = self.mailboxes.get(&new.mailbox);
        if mailbox.is_none_or(|it| it.standing == Standing::Archived) {
            return Outcome::Stale;
        }
        let taken = self.connections.values().any(|it| {
            let other = &it.connection;
            it.active && other.mailbox == new.mailbox && other.platform == new.platform
        });
        if taken
            || self.connections.contains_key(&new.id)
            || self.in_use(&new.id, &new.platform, &new.ident)
        {
            return NOT_TWICE;
        }
        let connection = Connection {
            id: new.id,
            mailbox: new.mailbox,
            platform: new.platform,
            ident: new.ident,
            settings: new.settings,
            secret: new.secret,
            policy: new.policy,
            policy_rev: 1,
            cursor: None,
        };
        let connected = Connected {
            connection,
            active: true,
        };
        let id = connected.connection.id.clone();
        self.lane_mut(&LaneKey::link(&id)).wanted = 1;
        self.connections.insert(id, connected);
        changed(1)
    }

    fn renew_connection(&mut self, new: NewConnection) -> Outcome {
        let Some(platform) = self.active(&new.id).map(|it| it.platform.clone()) else {
            return Outcome::Stale;
        };
        if self.in_use(&new.id, &platform, &new.ident) {
            return NOT_TWICE;
        }
        if let Some(it) = self.connections.get_mut(&new.id) {
            it.connection.ident = new.ident;
            it.connection.settings = new.settings;
            it.connection.secret = new.secret;
        }
        changed(1)
    }

    fn remove_connection(&mut self, id: &ConnectionId, now: Millis) -> Outcome {
        if self.active(id).is_none() {
            return Outcome::Stale;
        }
        if let Some(it) = self.connections.get_mut(id) {
            it.active = false;
        }
        let theirs = |key: &LaneKey| key.kind == LaneKind::Out && key.owner == id.as_str();
        let lost: Vec<DeliveryId> = self
            .unsettled()
            .filter(|sent| theirs(&sent.delivery.lane))
            .map(|sent| sent.delivery.id)
            .collect();
        for id in lost {
            self.change(
                id,
                DeliveryState::Failed,
                None,
                Some(CONNECTION_REMOVED),
                now,
            );
        }
        for (key, lane) in &mut self.lanes {
            if theirs(key) {
                lane.rest();
            }
        }
        self.lane_mut(&LaneKey::link(id)).rest();
        changed(1)
    }

    fn move_chat(&mut self, connection: &ConnectionId, from: &Handle, to: Handle) -> Outcome {
        if self.active(connection).is_none() {
            return Outcome::Stale;
        }
        let Some(id) = self.chat_of(connection, from).map(|chat| chat.id) else {
            return changed(0);
        };
        if self.chat_of(connection, &to).is_some() {
            return NOT_TWICE;
        }
        self.chat_mut(id).handle = to;
        changed(1)
    }

    fn retry(&mut self, id: DeliveryId, ttl_ms: i64, now: Millis) -> Outcome {
        let Some(lane) = self
            .outbox
            .get(&id)
            .filter(|sent| is_dead(sent.delivery.state))
        else {
            return Outcome::Stale;
        };
        let lane = lane.delivery.lane.clone();
        let connected = self.active(&ConnectionId::new(lane.owner.clone()));
        if connected.is_none() && !self.is_pushed(&lane) {
            return Outcome::Stale;
        }
        self.change(id, DeliveryState::Queued, None, None, now);
        if let Some(sent) = self.outbox.get_mut(&id) {
            sent.delivery.attempts = 0;
            sent.delivery.expires = Millis(now.0 + ttl_ms);
        }
        let lane = self.lane_mut(&lane);
        lane.wake(id.0, now);
        lane.done = lane.done.min(id.0 - 1);
        changed(1)
    }

    fn purge(
        &mut self,
        account: Option<&AccountId>,
        delivery: Option<DeliveryId>,
        before: Millis,
    ) -> Outcome {
        let there = self.outbox.len();
        let theirs: Vec<DeliveryId> = self
            .outbox
            .iter()
            .filter(|(_, it)| account.is_none_or(|it_is| self.account_of(it) == Some(it_is)))
            .map(|(id, _)| *id)
            .collect();
        self.outbox.retain(|id, sent| {
            let meant = delivery.is_none_or(|one| one == *id) && theirs.contains(id);
            !(meant && is_dead(sent.delivery.state) && sent.delivery.at < before)
        });
        changed(there - self.outbox.len())
    }

    fn put_state(
        &mut self,
        connection: ConnectionId,
        key: String,
        rev: Revision,
        value: StateBox,
    ) -> Outcome {
        let place = (connection, key);
        let found = self.states.get(&place).map_or(0, |(rev, _)| *rev);
        if self.active(&place.0).is_none() || found != rev {
            return Outcome::Stale;
        }
        self.states.insert(place, (rev + 1, value));
        changed(1)
    }

    fn end_leases(&mut self) -> Outcome {
        let held = self.lanes.values_mut().filter(|lane| lane.holder.is_some());
        changed(held.map(|lane| lane.until = Millis(0)).count())
    }
}

/// Whether a person may decide about it once more.
fn is_dead(state: DeliveryState) -> bool {
    matches!(
        state,
        DeliveryState::Failed | DeliveryState::Unknown | DeliveryState::Expired
    )
}
