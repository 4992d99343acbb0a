//! One batch: the arrays that go to the database, and the way back from what it answers to the steps' order.

use super::encode::{Encoded, Same};
use chatbox_core::store::{Done, Outcome, StoreError};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::collections::HashMap;
use std::fmt::Write;

/// Steps on their way to the database. Arrivals go before all others.
#[derive(Debug, Default)]
pub(super) struct Batch<'a> {
    arrivals: Array,
    acts: Array,
    order: Order,
    seen: HashMap<&'a Same, usize>,
}

/// Where each step's answer stands.
#[derive(Debug, Default)]
pub(super) struct Order(Vec<Place>);

#[derive(Clone, Copy, Debug)]
enum Place {
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
        self.order.0.push(match step {
            Encoded::Arrival { .. } => Place::Arrival,
            Encoded::Act(_) => Place::Act,
            Encoded::Together(all) => Place::Together(all.len()),
        });
        match step {
            Encoded::Act(json) => self.acts.next().push_str(json),
            Encoded::Together(all) => all.iter().for_each(|json| self.acts.next().push_str(json)),
            Encoded::Arrival { json, same } => {
                let place = self.arrivals.count;
                let first = same
                    .as_ref()
                    .map(|same| *self.seen.entry(same).or_insert(place));
                let array = self.arrivals.next();
                match (first.filter(|first| *first < place), json.strip_prefix('{')) {
                    (Some(first), Some(rest)) => {
                        let _ = write!(array, "{{\"first\":{first},{rest}");
                    }
                    _ => array.push_str(json),
                }
            }
        }
    }

    /// How many arrivals there are.
    pub(super) fn arrivals(&self) -> usize {
        self.arrivals.count
    }

    /// How many other steps there are.
    pub(super) fn acts(&self) -> usize {
        self.acts.count
    }

    pub(super) fn finish(self) -> (String, String, Order) {
        (self.arrivals.finish(), self.acts.finish(), self.order)
    }
}

impl Order {
    /// The outcomes in the steps' order, from what was answered for the arrivals and for the others.
    pub(super) fn outcomes(&self, row: Option<&SqliteRow>) -> Result<Vec<Outcome>, StoreError> {
        let row = row.ok_or_else(|| failed("a batch was not answered"))?;
        let answered = |of| -> Result<Vec<Outcome>, StoreError> {
            let json: &str = row.try_get(of).map_err(failed)?;
            serde_json::from_str(json).map_err(failed)
        };
        let (arrived, acted) = (answered("arrived")?, answered("acted")?);
        let (mut arrived, mut acted) = (arrived.into_iter(), acted.into_iter());
        let in_order = self.0.iter().map(|place| match place {
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
