//! One batch: the arrays that go to the database, and the way back from what it answers to the steps' order.

use super::encode::{Encoded, Same};
use chatbox_core::id::DeliveryId;
use chatbox_core::store::{Done, Outcome, StoreError};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;

/// Steps on their way to the database. What was handed over goes first, then arrivals, then all others.
#[derive(Debug, Default)]
pub(super) struct Batch<'a> {
    handed: Array,
    arrivals: Array,
    acts: Array,
    order: Order,
    seen: HashMap<&'a Same, usize>,
    /// Deliveries that were handed over.
    taken: HashSet<DeliveryId>,
    /// Whose deliveries are decided about one after the other: what comes after keeps its place.
    one_by_one: HashSet<&'a str>,
}

/// What goes to the database.
#[derive(Debug)]
pub(super) struct Arrays {
    pub(super) handed: String,
    pub(super) arrivals: String,
    pub(super) acts: String,
    pub(super) order: Order,
}

/// Where each step's answer stands.
#[derive(Debug, Default)]
pub(super) struct Order(Vec<Place>);

#[derive(Clone, Copy, Debug)]
enum Place {
    /// The next of those handed over.
    Handed,
    /// The next of the arrivals.
    Arrival,
    /// The next of the others.
    Act,
    /// So many of the others, which are one step.
    Together(usize),
}

/// A JSON array as it grows.
#[derive(Debug, Default)]
struct Array {
    text: String,
    count: usize,
}

impl Array {
    fn next(&mut self) -> &mut String {
        self.text.push(if self.count == 0 { '[' } else { ',' });
        self.count += 1;
        &mut self.text
    }

    fn finish(mut self) -> String {
        self.text.push_str(if self.count == 0 { "[]" } else { "]" });
        self.text
    }
}

impl<'a> Batch<'a> {
    pub(super) fn push(&mut self, step: &'a Encoded) {
        let place = match step {
            Encoded::Act(json) => self.act(json),
            Encoded::Settle { json, owner, taken } => self.settle(json, owner, *taken),
            Encoded::Together(all) => {
                for json in all {
                    self.act(json);
                }
                Place::Together(all.len())
            }
            Encoded::Arrival { json, same } => {
                self.arrive(json, same.as_ref());
                Place::Arrival
            }
        };
        self.order.0.push(place);
    }

    fn settle(&mut self, json: &str, owner: &'a str, taken: Option<DeliveryId>) -> Place {
        let is_alone = !self.one_by_one.contains(owner);
        if is_alone && taken.is_some_and(|id| self.taken.insert(id)) {
            self.handed.next().push_str(json);
            return Place::Handed;
        }
        self.one_by_one.insert(owner);
        self.act(json)
    }

    fn act(&mut self, json: &str) -> Place {
        self.acts.next().push_str(json);
        Place::Act
    }

    fn arrive(&mut self, json: &str, same: Option<&'a Same>) {
        let place = self.arrivals.count;
        let first = same.map(|same| *self.seen.entry(same).or_insert(place));
        let array = self.arrivals.next();
        match (first.filter(|first| *first < place), json.strip_prefix('{')) {
            (Some(first), Some(rest)) => {
                let _ = write!(array, "{{\"first\":{first},{rest}");
            }
            _ => array.push_str(json),
        }
    }

    pub(super) fn finish(self) -> Arrays {
        Arrays {
            handed: self.handed.finish(),
            arrivals: self.arrivals.finish(),
            acts: self.acts.finish(),
            order: self.order,
        }
    }
}

impl Order {
    /// The outcomes in the steps' order, from what was answered for each kind.
    pub(super) fn outcomes(&self, row: Option<&SqliteRow>) -> Result<Vec<Outcome>, StoreError> {
        let row = row.ok_or_else(|| failed("a batch was not answered"))?;
        let answered = |of| -> Result<Vec<Outcome>, StoreError> {
            let json: &str = row.try_get(of).map_err(failed)?;
            serde_json::from_str(json).map_err(failed)
        };
        let mut handed = answered("handed")?.into_iter();
        let mut arrived = answered("arrived")?.into_iter();
        let mut acted = answered("acted")?.into_iter();
        let in_order = self.0.iter().map(|place| match place {
            Place::Handed => handed.next(),
            Place::Arrival => arrived.next(),
            Place::Act => acted.next(),
            Place::Together(many) => {
                let all: Vec<Outcome> = acted.by_ref().take(*many).collect();
                (all.len() == *many).then(|| sum(&all))
            }
        });
        let outcomes: Option<Vec<Outcome>> = in_order.collect();
        outcomes.ok_or_else(|| failed("a step was not answered"))
    }
}

/// What several changes that were all made changed.
fn sum(all: &[Outcome]) -> Outcome {
    let count = all.iter().map(|outcome| match outcome {
        Outcome::Done(Done::Changed { count }) => *count,
        _ => 0,
    });
    let count = count.sum();
    Outcome::Done(Done::Changed { count })
}

/// Why one of several changes that go together could not be made, from the words the database ended with.
pub(super) fn undone(error: &StoreError) -> Option<Outcome> {
    let StoreError::Failed(words) = error else {
        return None;
    };
    let (_, outcome) = words.split_once("together:")?;
    let outcome = serde_json::Deserializer::from_str(outcome)
        .into_iter()
        .next()?;
    outcome.ok()
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(error.to_string())
}
