//! The way in: what is decided about arrivals, committed, and told to their senders.

use super::announce::{announce_arrival, row};
use super::policy::{refresh, write_policy};
use crate::admit::{Decision, Refusal, admit};
use crate::connector::{Arrival, Cursor, Fate, Revision};
use crate::event::{Action, Event, EventBody, Media};
use crate::house::{House, millis, wall_clock};
use crate::id::{Fence, Seq};
use crate::lease::Lease;
use crate::link::Link;
use crate::push::{self, HandOut, Item, Passed};
use crate::room::Place;
use crate::store::{
    Accept, Accepted, Chat, Done, Hand, Handing, LaneKey, LaneKind, Outcome, Pending, Skip, Step,
    StoreError, Wake,
};
use crate::{meters, wake};
use std::time::Duration;
use tokio::time::Instant;

/// The longest text that is passed on in memory, in bytes: a slow endpoint has thousands of them wait.
const PASSED: usize = 4 * 1024;

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
    pub(crate) claims: Vec<Taking>,
    pub(crate) hands: Vec<push::Taking>,
    pub(crate) files: Vec<ToFetch>,
    pub(crate) actions: Vec<(Chat, Action)>,
    /// A turn is owed that nobody has begun: its lane is due later, or held.
    pub(crate) owed: bool,
    /// Somebody else reads the connection by now: some of what came was not taken in, and is theirs to take.
    pub(crate) fenced: bool,
}

/// A turn lane taken by an arrival, with what is pending in it where that is known.
#[derive(Debug)]
pub(crate) struct Taking {
    pub(crate) lease: Lease,
    pub(crate) pending: Option<Pending>,
}

/// What was decided about one arrival.
enum Verdict {
    Take(Wake),
    Drop(Refusal),
    Later(Duration),
    /// The policy changes; decided again where it is written.
    Write,
}

/// Takes arrivals in, in order, and tells each sender its fate once that is on disk. What was read under a fence that is
/// not the connection's any more is not taken in, and nobody is told.
///
/// # Errors
/// The store failed: arrivals not yet told are not safe, and the stream must be opened again from its cursor.
pub(crate) async fn accept(
    house: &House,
    link: &Link,
    fence: Option<Fence>,
    arrivals: Vec<Arrival>,
) -> Result<Taken, StoreError> {
    let mut taken = Taken::default();
    let mut batch = Vec::new();
    for mut arrival in arrivals {
        match decide(house, link, &arrival) {
            Verdict::Later(wait) => tell(arrival, Fate::Later(wait)),
            Verdict::Take(wake) => batch.push((arrival, Some(wake))),
            Verdict::Drop(refusal) => {
                meters::inbound(&link.platform, &arrival.event.body, refusal.as_str());
                batch.push((arrival, None));
            }
            Verdict::Write => {
                flush(house, link, fence, &mut batch, &mut taken).await?;
                let welcome = write_policy(house, link, &arrival.event).await?;
                if welcome {
                    greet(&mut arrival.event.body);
                }
                batch.push((arrival, welcome.then_some(Wake::Never)));
                flush(house, link, fence, &mut batch, &mut taken).await?;
            }
        }
    }
    flush(house, link, fence, &mut batch, &mut taken).await?;
    Ok(taken)
}

/// A code typed alone is what opening a link is on platforms that have links: it is greeted, and not kept as a message.
fn greet(body: &mut EventBody) {
    if let EventBody::Message(content) = body {
        *body = EventBody::Action(Action {
            name: "start".to_owned(),
            argument: std::mem::take(&mut content.text),
            token: None,
            target: None,
        });
    }
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

/// Commits what was decided, and decides again what was decided on an old policy.
async fn flush(
    house: &House,
    link: &Link,
    fence: Option<Fence>,
    batch: &mut Vec<(Arrival, Option<Wake>)>,
    taken: &mut Taken,
) -> Result<(), StoreError> {
    let mut waiting = std::mem::take(batch);
    while !waiting.is_empty() {
        let under = (link.policy().1, fence);
        let mut steps = Vec::with_capacity(waiting.len());
        let mut places = Vec::with_capacity(waiting.len());
        for (arrival, wake) in &waiting {
            let place = wake.and_then(|_| push::place(house, &link.mailbox));
            steps.extend(step(house, link, arrival, *wake, under, place.is_some()));
            places.push(place);
        }
        let asked = Instant::now();
        let mut outcomes = house.store.commit(steps).await?.into_iter();
        // Of several that come together the later ones may be for the same turn.
        let single = waiting.len() == 1;
        let mut stale = Vec::new();
        for ((arrival, wake), place) in waiting.into_iter().zip(places) {
            let outcome = if makes_step(&arrival, wake) {
                outcomes.next()
            } else {
                None
            };
            match outcome {
                Some(Outcome::Stale) => stale.push((arrival, wake)),
                Some(Outcome::Fenced) => taken.fenced = true,
                outcome => {
                    let became = Became {
                        wake,
                        outcome,
                        asked,
                        place,
                    };
                    settle(house, link, arrival, became, taken);
                }
            }
        }
        if !single {
            taken.claims.iter_mut().for_each(|it| it.pending = None);
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
    (policy_rev, fence): (Revision, Option<Fence>),
    may_hand: bool,
) -> Option<Step> {
    let connection = link.id.clone();
    match (wake, &arrival.cursor) {
        (Some(wake), cursor) => Some(Step::Accept(Box::new(Accept {
            connection,
            policy_rev,
            fence,
            event: arrival.event.clone(),
            wake,
            cursor: cursor.clone(),
            offer: house.answers(&link.mailbox).then(|| house.offer()),
            hand: wake::hand(&arrival.event, wall_clock()).map(|within_ms| Hand {
                within_ms,
                offer: may_hand.then(|| house.offer()),
            }),
        }))),
        (None, Some(cursor)) => Some(Step::Skip(Skip {
            connection,
            cursor: Cursor(cursor.0.clone()),
            fence,
        })),
        (None, None) => None,
    }
}

/// What became of one arrival.
struct Became {
    wake: Option<Wake>,
    outcome: Option<Outcome>,
    /// When it was handed to the store.
    asked: Instant,
    /// What was kept for its hand-out.
    place: Option<Place>,
}

/// Tells the sender, the sockets and the caller what became of one arrival.
fn settle(house: &House, link: &Link, arrival: Arrival, became: Became, taken: &mut Taken) {
    let fate = match became.outcome {
        Some(Outcome::Done(Done::Accepted(accepted))) => {
            let (wake, event) = (became.wake, &arrival.event);
            meters::inbound(&link.platform, &event.body, "accepted");
            taken.files.extend(files(event, accepted.seq));
            taken.owed |= accepted.claimed.is_none()
                && wake != Some(Wake::Never)
                && house.backend(&link.mailbox).is_some();
            let at = (became.asked, became.place);
            taken.lane(house, link, event, &accepted, at);
            pass_on(house, link, event, &accepted);
            if accepted.new_chat {
                // Subscribers are told.
                house.hands_due.notify_one();
            }
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
            meters::inbound(&link.platform, &arrival.event.body, "duplicate");
            seq.map_or(Fate::Refused("duplicate"), Fate::Duplicate)
        }
        _ => Fate::Refused("refused"),
    };
    tell(arrival, fate);
}

impl Taken {
    /// What is done with the lane that an accepted event woke: at once where it was taken.
    fn lane(
        &mut self,
        house: &House,
        link: &Link,
        event: &Event,
        accepted: &Accepted,
        (asked, place): (Instant, Option<Place>),
    ) {
        let claimed = accepted.claimed.clone();
        let lease = claimed.map(|claimed| Lease::new(house, claimed, asked));
        match (lease, place) {
            (Some(lease), Some(place)) if lease.lane.kind == LaneKind::Push => {
                let is_first = accepted.handing.is_some_and(|it| it.after.is_none());
                let first = is_first.then(|| hand_out(link, event, accepted));
                let came = house.passing.open(&lease.lane);
                self.hands.push(push::Taking {
                    lease,
                    place,
                    first: first.flatten(),
                    came,
                });
            }
            (Some(lease), _) => {
                let pending = alone(link, event, accepted);
                self.claims.push(Taking { lease, pending });
            }
            // What waits for room is looked for when there is some.
            (None, None) if house.endpoint().is_some() => {
                if house.rooms.crowds(link.mailbox.as_str()) {
                    house.hands_due.notify_one();
                }
            }
            // A lane that waits for itself is looked for when it is due.
            (None, _) => {}
        }
    }
}

/// What a turn is about whose lane was taken for this row alone: it need not be read back.
fn alone(link: &Link, event: &Event, accepted: &Accepted) -> Option<Pending> {
    let message = matches!(event.body, EventBody::Message(_));
    (accepted.alone && message).then(|| Pending {
        chat: chat(link, event, accepted),
        rows: vec![row(event, accepted, true)],
        upto: accepted.seq,
    })
}

/// What is handed out where others wait before it: whoever drains the lane here need not read it.
fn pass_on(house: &House, link: &Link, event: &Event, accepted: &Accepted) {
    let Some(after) = accepted.handing.and_then(|handing| handing.after) else {
        return;
    };
    let content = event.body.content();
    if content.is_some_and(|it| it.text.len() > PASSED) {
        return;
    }
    let lane = LaneKey::hand(&link.mailbox, accepted.chat);
    house.passing.pass(&lane, || {
        let hand_out = hand_out(link, event, accepted)?;
        Some(Passed {
            after,
            since: Instant::now(),
            hand_out,
        })
    });
}

/// A row's hand-out, where the event tells all of it.
fn hand_out(link: &Link, event: &Event, accepted: &Accepted) -> Option<HandOut> {
    let Handing {
        delivery, focal, ..
    } = accepted.handing?;
    // What it is about, and what becomes of its files, is known to the store.
    let is_plain = matches!(&event.body, EventBody::Message(said) if said.attachments.is_empty())
        && event.body.target().is_none();
    is_plain.then(|| HandOut {
        delivery,
        attempts: 0,
        at: accepted.at,
        item: Item::Row {
            mailbox: link.mailbox.clone(),
            focal,
            chat: Box::new(chat(link, event, accepted)),
            row: Box::new(row(event, accepted, true)),
        },
    })
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
        name: accepted.name.clone(),
        session: accepted.session,
        head: accepted.seq,
    }
}
