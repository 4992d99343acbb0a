//! The one way in and the one way out.

use crate::admit::{Decision, Refusal, admit};
use crate::connector::{Arrival, Cursor, Fate, News, Positions, Verb};
use crate::event::{Action, ChatKind, Content, Event, EventBody, Media};
use crate::house::{Error, House, millis, wall_clock};
use crate::id::{ChatId, EventId, Handle, MailboxId, Seq};
use crate::link::Link;
use crate::store::{
    Accept, Accepted, Admin, Appended, Author, Chat, Claimed, Done, Emit, LogRow, Outcome,
    PlannedPart, Skip, Step, StoreError, Wake,
};
use crate::transcript::line;
use crate::{connector, meters, plan, wake};
use std::sync::Arc;
use std::time::Duration;

/// A file that was accepted but not fetched yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ToFetch {
    pub(crate) seq: Seq,
    pub(crate) index: u32,
    pub(crate) source: String,
    pub(crate) name: String,
    pub(crate) mime: String,
    /// What its lane goes on waiting for once it is here, in milliseconds.
    pub(crate) wait_ms: i64,
}

/// What accepting made, beyond the rows.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) claims: Vec<Claimed>,
    pub(crate) files: Vec<ToFetch>,
    pub(crate) actions: Vec<(Chat, Action)>,
    /// A turn is owed that nobody has begun: its lane is due later, or held.
    pub(crate) owed: bool,
}

/// What was decided about one arrival.
enum Verdict {
    Take(Wake),
    Drop(Refusal),
    Later(Duration),
    /// The policy changes; decided again where it is written.
    Write,
}

/// Takes arrivals in, in order, and tells each sender its fate once that is on disk.
///
/// # Errors
/// The store failed: arrivals not yet told are not safe, and the stream must be opened again from its cursor.
pub(crate) async fn accept(
    house: &House,
    link: &Link,
    arrivals: Vec<Arrival>,
) -> Result<Taken, StoreError> {
    let mut taken = Taken::default();
    let mut batch = Vec::new();
    for arrival in arrivals {
        match decide(house, link, &arrival) {
            Verdict::Later(wait) => tell(arrival, Fate::Later(wait)),
            Verdict::Take(wake) => batch.push((arrival, Some(wake))),
            Verdict::Drop(refusal) => {
                meters::inbound(&link.platform, refusal.as_str());
                batch.push((arrival, None));
            }
            Verdict::Write => {
                flush(house, link, &mut batch, &mut taken).await?;
                let welcome = write_policy(house, link, &arrival.event).await?;
                batch.push((arrival, welcome.then_some(Wake::Never)));
                flush(house, link, &mut batch, &mut taken).await?;
            }
        }
    }
    flush(house, link, &mut batch, &mut taken).await?;
    Ok(taken)
}

fn decide(house: &House, link: &Link, arrival: &Arrival) -> Verdict {
    let now = wall_clock();
    let event = &arrival.event;
    match admit(&link.policy().0, &link.own, event, now) {
        Decision::Refuse(refusal) => Verdict::Drop(refusal),
        Decision::Remember(_) | Decision::Pair(_) => Verdict::Write,
        Decision::Admit => {
            let wake = wake::wake(event, now);
            let spoken = matches!(event.body, EventBody::Message(_));
            match spoken.then(|| house.rates.take(&link.id, &event.sender.id)) {
                Some(Err(wait)) if arrival.may_wait => Verdict::Later(wait),
                Some(Err(wait)) => Verdict::Take(wake::no_sooner(wake, millis(wait))),
                _ => Verdict::Take(wake),
            }
        }
    }
}

/// Writes what an event makes of the policy, deciding again while somebody else writes it too. Whether it was a
/// pairing.
async fn write_policy(house: &House, link: &Link, event: &Event) -> Result<bool, StoreError> {
    loop {
        let (policy, rev) = link.policy();
        let (policy, paired) = match admit(&policy, &link.own, event, wall_clock()) {
            Decision::Remember(policy) => (*policy, false),
            Decision::Pair(policy) => (*policy, true),
            Decision::Admit | Decision::Refuse(_) => return Ok(false),
        };
        let connection = link.id.clone();
        let set = Step::Admin(Box::new(Admin::SetPolicy {
            connection,
            rev,
            policy: policy.clone(),
        }));
        match single(house, set).await? {
            Outcome::Stale => refresh(house, link).await?,
            _ => {
                link.set_policy(policy, rev + 1);
                return Ok(paired);
            }
        }
    }
}

/// Reads the connection's policy again.
pub(crate) async fn refresh(house: &House, link: &Link) -> Result<(), StoreError> {
    let row = house.store.connection(&link.id).await?;
    let row = row.ok_or(StoreError::Closed)?;
    link.set_policy(row.policy, row.policy_rev);
    Ok(())
}

/// Commits what was decided, and decides again what was decided on an old policy.
async fn flush(
    house: &House,
    link: &Link,
    batch: &mut Vec<(Arrival, Option<Wake>)>,
    taken: &mut Taken,
) -> Result<(), StoreError> {
    let mut waiting = std::mem::take(batch);
    while !waiting.is_empty() {
        let rev = link.policy().1;
        let steps = waiting
            .iter()
            .filter_map(|(arrival, wake)| step(house, link, arrival, *wake, rev))
            .collect();
        let mut outcomes = house.store.commit(steps).await?.into_iter();
        let mut stale = Vec::new();
        for (arrival, wake) in waiting {
            let outcome = if makes_step(&arrival, wake) {
                outcomes.next()
            } else {
                None
            };
            match outcome {
                Some(Outcome::Stale) => stale.push((arrival, wake)),
                outcome => settle(house, link, arrival, wake, outcome, taken),
            }
        }
        if !stale.is_empty() {
            refresh(house, link).await?;
        }
        let again = |(arrival, wake): (Arrival, Option<Wake>)| match decide(house, link, &arrival) {
            Verdict::Drop(_) => (arrival, None),
            _ => (arrival, wake),
        };
        waiting = stale.into_iter().map(again).collect();
    }
    Ok(())
}

fn makes_step(arrival: &Arrival, wake: Option<Wake>) -> bool {
    wake.is_some() || arrival.cursor.is_some()
}

fn step(
    house: &House,
    link: &Link,
    arrival: &Arrival,
    wake: Option<Wake>,
    policy_rev: i64,
) -> Option<Step> {
    let connection = link.id.clone();
    match (wake, &arrival.cursor) {
        (Some(wake), cursor) => Some(Step::Accept(Box::new(Accept {
            connection,
            policy_rev,
            event: arrival.event.clone(),
            wake,
            cursor: cursor.clone(),
            offer: house.answers(&link.mailbox).then(|| house.offer()),
        }))),
        (None, Some(cursor)) => Some(Step::Skip(Skip {
            connection,
            cursor: Cursor(cursor.0.clone()),
        })),
        (None, None) => None,
    }
}

/// Tells the sender, the sockets and the caller what became of one arrival.
fn settle(
    house: &House,
    link: &Link,
    arrival: Arrival,
    wake: Option<Wake>,
    outcome: Option<Outcome>,
    taken: &mut Taken,
) {
    let fate = match outcome {
        Some(Outcome::Done(Done::Accepted(accepted))) => {
            meters::inbound(&link.platform, "accepted");
            taken.files.extend(files(&arrival.event, accepted.seq));
            taken.owed |= accepted.claimed.is_none()
                && wake != Some(Wake::Never)
                && house.backend(&link.mailbox).is_some();
            taken.claims.extend(accepted.claimed.clone());
            if let EventBody::Action(action) = &arrival.event.body {
                taken
                    .actions
                    .push((chat(link, &arrival.event, &accepted), action.clone()));
            }
            let fate = Fate::Stored(accepted.seq);
            announce_arrival(link, &arrival.event, accepted, wake);
            fate
        }
        Some(Outcome::Duplicate { seq }) => {
            meters::inbound(&link.platform, "duplicate");
            seq.map_or(Fate::Refused("duplicate"), Fate::Duplicate)
        }
        _ => Fate::Refused("refused"),
    };
    tell(arrival, fate);
}

fn tell(arrival: Arrival, fate: Fate) {
    if let Some(confirm) = arrival.confirm {
        confirm.confirm(fate);
    }
}

fn files(event: &Event, seq: Seq) -> Vec<ToFetch> {
    let attachments = event
        .body
        .content()
        .map_or(&[][..], |content| &content.attachments);
    let wait_ms = event.group.as_ref().map_or(0, |_| wake::ALBUM_MS);
    let pending = attachments
        .iter()
        .zip(0..)
        .filter_map(|(file, index)| match &file.media {
            Media::Pending { source } => {
                let (name, mime) = (file.name.clone(), file.mime.clone());
                Some(ToFetch {
                    seq,
                    index,
                    source: source.clone(),
                    name,
                    mime,
                    wait_ms,
                })
            }
            _ => None,
        });
    pending.collect()
}

fn chat(link: &Link, event: &Event, accepted: &Accepted) -> Chat {
    Chat {
        id: accepted.chat,
        connection: link.id.clone(),
        mailbox: link.mailbox.clone(),
        platform: link.platform.clone(),
        handle: event.chat.handle.clone(),
        kind: event.chat.kind,
        name: event.chat.name.clone(),
        session: accepted.session,
        head: accepted.seq,
    }
}

fn announce_arrival(link: &Link, event: &Event, accepted: Accepted, wake: Option<Wake>) {
    if !link.is_native() {
        return;
    }
    let row = LogRow {
        seq: accepted.seq,
        chat: accepted.chat,
        author: Author::Person {
            id: event.sender.id.clone(),
            name: event.sender.name.clone(),
        },
        out: false,
        body: event.body.clone(),
        event: Some(event.id.clone()),
        target: None,
        late: event.late,
        wakes: wake.is_some_and(|wake| wake != Wake::Never),
        at: accepted.at,
    };
    announce(link, event.chat.handle.clone(), row, accepted.prev);
}

fn announce(link: &Link, chat: Handle, row: LogRow, prev: Seq) {
    // Nobody listening is no error: the log is the delivery.
    let _ = link.news.send(News::Line {
        chat,
        line: line(row),
        prev,
    });
}

pub(crate) fn announce_positions(link: &Link, chat: &Chat, upto: Seq) {
    if link.is_native() {
        let positions = Positions {
            handed: upto,
            seen: upto,
            head: upto,
        };
        let _ = link.news.send(News::Positions {
            chat: chat.handle.clone(),
            positions,
        });
    }
}

/// Tells sockets and the outbox what was appended.
pub(crate) fn announce_emitted(link: &Link, chat: &Chat, emits: Vec<Emit>, rows: &[Appended]) {
    if !link.is_native() {
        link.due.notify_one();
        return;
    }
    for (emit, appended) in emits.into_iter().zip(rows) {
        let row = LogRow {
            seq: appended.seq,
            chat: appended.chat,
            author: emit.author,
            out: true,
            body: emit.body,
            event: None,
            target: emit.target,
            late: false,
            wakes: false,
            at: appended.at,
        };
        announce(link, chat.handle.clone(), row, appended.prev);
    }
}

/// What a row is to say, as an emit. Plans the parts by the link's capabilities.
///
/// # Errors
/// What the platform does not offer, before anything is stored.
pub(crate) fn compose(
    house: &House,
    link: &Link,
    chat: ChatId,
    author: Author,
    content: Content,
) -> connector::Result<Emit> {
    let parts = match link.is_native() {
        true => Vec::new(),
        false => plan::message(&content, &link.capabilities, &*link.dialect)?,
    };
    Ok(emit(
        house,
        link,
        chat,
        author,
        EventBody::Message(content),
        None,
        parts,
    ))
}

fn emit(
    house: &House,
    link: &Link,
    chat: ChatId,
    author: Author,
    body: EventBody,
    target: Option<Seq>,
    parts: Vec<PlannedPart>,
) -> Emit {
    Emit {
        mailbox: link.mailbox.clone(),
        author,
        chat,
        body,
        target,
        parts,
        class: link.capabilities.delivery,
        ttl_ms: millis(house.tuning.reply_ttl),
        idem: None,
    }
}

/// What an agent or a person above it can do to a chat outside a turn.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Say {
    /// Says something new.
    Message(Content),
    /// Changes an earlier message of the mailbox.
    Edit {
        /// The message's row.
        target: Seq,
        /// All it says now.
        content: Content,
    },
    /// Takes an earlier message of the mailbox back.
    Delete {
        /// The message's row.
        target: Seq,
    },
    /// Sets the mailbox's reactions to a message.
    React {
        /// The message's row.
        target: Seq,
        /// The emoji; none removes them.
        emoji: Vec<String>,
    },
}

/// Says something outside a turn: one log row, and its parts in the outbox.
///
/// # Errors
/// What the platform does not offer, a chat or message that does not exist, or the store.
pub(crate) async fn say(
    house: &House,
    chat: &Chat,
    author: Author,
    say: Say,
) -> Result<Appended, Error> {
    let link = house
        .link(&chat.connection)
        .ok_or_else(|| Error::NotRunning(chat.connection.clone()))?;
    let said = match say {
        Say::Message(content) => compose(house, &link, chat.id, author, content)?,
        other => about(house, &link, chat.id, author, other).await?,
    };
    match single(house, Step::Emit(Box::new(said.clone()))).await? {
        Outcome::Done(Done::Appended { rows, .. }) if !rows.is_empty() => {
            announce_emitted(&link, chat, vec![said], &rows);
            Ok(rows[0].clone())
        }
        _ => Err(Error::NotFound(format!("chat {}", chat.id))),
    }
}

/// An emit about an earlier row, named as its platform names it.
async fn about(
    house: &House,
    link: &Arc<Link>,
    chat: ChatId,
    author: Author,
    say: Say,
) -> Result<Emit, Error> {
    let (target, names) = match &say {
        Say::Edit { target, .. } | Say::Delete { target } | Say::React { target, .. } => {
            (*target, house.store.names_of(*target).await?)
        }
        Say::Message(_) => (Seq::ZERO, Vec::new()),
    };
    let parts = match link.is_native() {
        true => Vec::new(),
        false => plan_about(link, target, &names, &say)?,
    };
    let own = names.into_iter().next();
    let own = own.unwrap_or_else(|| EventId::new(target.to_string()));
    let body = match say {
        Say::Message(content) => EventBody::Message(content),
        Say::Edit { content, .. } => EventBody::Edit {
            target: own,
            content,
        },
        Say::Delete { .. } => EventBody::Delete { target: own },
        Say::React { emoji, .. } => EventBody::Reaction { target: own, emoji },
    };
    Ok(emit(house, link, chat, author, body, Some(target), parts))
}

/// The parts by which a platform is told about an earlier row. What it does not offer is said first: a message it
/// never named makes no difference then.
fn plan_about(
    link: &Link,
    target: Seq,
    names: &[EventId],
    say: &Say,
) -> Result<Vec<PlannedPart>, Error> {
    let can = &link.capabilities;
    let verb = |target: &EventId| match say {
        Say::React { emoji, .. } => Verb::React {
            target: target.clone(),
            emoji: emoji.clone(),
        },
        Say::Edit { .. } => Verb::Edit {
            target: target.clone(),
            message: connector::OutMessage::default(),
        },
        Say::Delete { .. } | Say::Message(_) => Verb::Delete {
            target: target.clone(),
        },
    };
    connector::check(can, &verb(&EventId::new("")))?;
    let missing = || Error::NotFound(format!("message {target} on {}", link.platform));
    let first = names.first().ok_or_else(missing)?;
    match say {
        Say::Edit { content, .. } => Ok(plan::edit(first.clone(), content, can, &*link.dialect)?),
        Say::React { .. } => Ok(plan::verb(verb(first), can)?),
        Say::Delete { .. } | Say::Message(_) => {
            let each = names.iter().map(|name| plan::verb(verb(name), can));
            let parts = each.collect::<Result<Vec<_>, _>>()?;
            Ok(parts.into_iter().flatten().collect())
        }
    }
}

/// Commits one step.
pub(crate) async fn single(house: &House, step: Step) -> Result<Outcome, StoreError> {
    let outcome = house.store.commit(vec![step]).await?.pop();
    outcome.ok_or_else(|| StoreError::Failed("a step was not answered".to_owned()))
}

/// An event for the store's own use, as when a person is told something by the house.
pub(crate) fn notice(
    house: &House,
    link: &Link,
    chat: ChatId,
    text: &str,
) -> connector::Result<Emit> {
    compose(house, link, chat, Author::System, Content::text(text))
}

/// The chat a mailbox would use to reach its owner: the newest one-to-one chat of a connection.
pub(crate) async fn newest_dm(
    house: &House,
    mailbox: &MailboxId,
    link: &Link,
) -> Result<Option<Chat>, StoreError> {
    let chats = house.store.chats(mailbox, 200).await?;
    Ok(chats
        .into_iter()
        .find(|chat| chat.connection == link.id && chat.kind == ChatKind::Dm))
}

/// The time by which codes and links expire.
pub(crate) fn now() -> crate::id::Millis {
    wall_clock()
}
