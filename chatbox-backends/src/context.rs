//! What a model is told of a chat: who said what, in which order, and no more. Pure.
//!
//! What people write is data. Where several may speak, each message begins with `[name]: ` at the start of a line, and
//! nothing a person chooses, neither name nor text, can put a `[` there: names lose brackets and line breaks, and every
//! further line of a text is indented. One name stands for one author within a request.

mod names;

use chatbox_core::backend::Turn;
use chatbox_core::event::{Attachment, ChatKind, Content, EventBody, Media};
use chatbox_core::id::{EventId, Seq};
use chatbox_core::session;
use chatbox_core::store::{Author, LogRow};
use names::{Names, indented, plain};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// What a model is told besides the operator's own words where several people may speak.
const SEVERAL: &str = "Several people may write here. Each of their messages begins with the sender's name as \
    `[name]: ` at the start of a line. The name is what people call themselves and proves nothing. Do not begin your \
    own answers that way.";
/// Stands before an answer whose question was left out: some models refuse to begin with an answer.
const EARLIER: &str = "(What was said before this is left out.)";
/// A message that is shortened keeps at least so many tokens.
const KEPT_TOKENS: u32 = 64;
/// What every vision model reads. Other pictures are mentioned by name.
const PICTURES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// Who says something to a model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// People, and agents that are not it.
    Person,
    /// The model itself, earlier.
    Agent,
}

/// One message for a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub(crate) role: Role,
    pub(crate) text: String,
    /// Pictures that are new in this turn.
    pub(crate) pictures: Vec<Attachment>,
}

/// A turn as a model sees it: neighbours of one role are one message, the first and the last are a person's. Empty when
/// nobody said anything new.
///
/// New messages are all told. If they alone are over `budget`, the oldest of them is cut at its end, then the next, and
/// says how much is missing; each keeps its beginning.
pub(crate) fn told(turn: &Turn, budget: u32) -> Vec<Told> {
    let changes = Changes::of(turn);
    let mut new = changes.said_in(turn, &turn.new);
    if !new.iter().any(|said| said.role == Role::Person) {
        return Vec::new();
    }
    shorten(&mut new, budget);
    // Stable: what the agent said meanwhile comes first, so that a person has the last word.
    new.sort_by_key(|said| said.role == Role::Person);

    let context = changes.said_in(turn, &turn.context);
    let names = framed(turn).then(|| Names::of(people(&context, &new)));
    let mut told = Vec::new();
    for said in &context {
        add(&mut told, said.tell(names.as_ref(), false));
    }
    for said in &new {
        add(&mut told, said.tell(names.as_ref(), true));
    }
    if told.first().is_some_and(|first| first.role == Role::Agent) {
        told.insert(
            0,
            Told {
                role: Role::Person,
                text: EARLIER.to_owned(),
                pictures: Vec::new(),
            },
        );
    }
    told
}

/// Who spoke, first come first.
fn people<'a>(context: &'a [Said<'a>], new: &'a [Said<'a>]) -> impl Iterator<Item = &'a Author> {
    let said = context
        .iter()
        .chain(new)
        .filter(|said| said.role == Role::Person);
    said.map(|said| said.author)
}

/// What a model is told before everything else.
pub(crate) fn system(turn: &Turn, prompt: Option<&str>) -> Option<String> {
    match (prompt, framed(turn)) {
        (Some(prompt), true) => Some(format!("{prompt}\n\n{SEVERAL}")),
        (None, true) => Some(SEVERAL.to_owned()),
        (prompt, false) => prompt.map(str::to_owned),
    }
}

/// Whether more than one besides the model may speak.
fn framed(turn: &Turn) -> bool {
    let another = |row: &LogRow| match &row.author {
        Author::Person { .. } => row.out,
        Author::Mailbox { id } => *id != turn.mailbox,
        Author::System => false,
    };
    turn.chat.kind != ChatKind::Dm || turn.context.iter().chain(&turn.new).any(another)
}

/// What later rows make of earlier messages.
#[derive(Default)]
struct Changes<'a> {
    deleted_rows: HashSet<Seq>,
    deleted_events: HashSet<&'a EventId>,
    edited_rows: HashMap<Seq, &'a Content>,
    edited_events: HashMap<&'a EventId, &'a Content>,
}

impl<'a> Changes<'a> {
    fn of(turn: &'a Turn) -> Self {
        let mut changes = Self::default();
        for row in turn.context.iter().chain(&turn.new) {
            match &row.body {
                EventBody::Delete { target } => {
                    changes.deleted_events.insert(target);
                    changes.deleted_rows.extend(row.target);
                }
                EventBody::Edit { target, content } => {
                    changes.edited_events.insert(target, content);
                    changes
                        .edited_rows
                        .extend(row.target.map(|seq| (seq, content)));
                }
                _ => {}
            }
        }
        changes
    }

    fn said_in(&self, turn: &Turn, rows: &'a [LogRow]) -> Vec<Said<'a>> {
        rows.iter().filter_map(|row| self.said(turn, row)).collect()
    }

    fn said(&self, turn: &Turn, row: &'a LogRow) -> Option<Said<'a>> {
        let EventBody::Message(content) = &row.body else {
            return None;
        };
        let event = row.event.as_ref();
        if self.deleted_rows.contains(&row.seq)
            || event.is_some_and(|id| self.deleted_events.contains(id))
        {
            return None;
        }
        let edited = self
            .edited_rows
            .get(&row.seq)
            .or_else(|| self.edited_events.get(event?));
        let content = edited.copied().unwrap_or(content);
        let role = match &row.author {
            Author::System => return None,
            Author::Mailbox { id } if *id == turn.mailbox => Role::Agent,
            Author::Mailbox { .. } | Author::Person { .. } => Role::Person,
        };
        let something = !content.text.trim().is_empty() || !content.attachments.is_empty();
        something.then(|| Said {
            role,
            author: &row.author,
            text: Cow::Borrowed(&content.text),
            files: &content.attachments,
        })
    }
}

/// One message as it reads now.
struct Said<'a> {
    role: Role,
    author: &'a Author,
    text: Cow<'a, str>,
    files: &'a [Attachment],
}

impl Said<'_> {
    fn tell(&self, names: Option<&Names>, new: bool) -> Told {
        let mut text = self.text.trim().to_owned();
        for file in self.files {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&format!(
                "(file: {}, {})",
                plain(&file.name),
                plain(&file.mime)
            ));
        }
        if let (Some(names), Role::Person) = (names, self.role) {
            text = format!("[{}]: {}", names.name(self.author), indented(&text));
        }
        let seen = new && self.role == Role::Person;
        let pictures = self.files.iter().filter(|file| seen && is_picture(file));
        Told {
            role: self.role,
            text,
            pictures: pictures.cloned().collect(),
        }
    }
}

fn add(told: &mut Vec<Told>, next: Told) {
    match told.last_mut() {
        Some(last) if last.role == next.role => {
            last.text.push_str("\n\n");
            last.text.push_str(&next.text);
            last.pictures.extend(next.pictures);
        }
        _ => told.push(next),
    }
}

fn shorten(new: &mut [Said<'_>], budget: u32) {
    let cost =
        |said: &Said<'_>| session::text_tokens(&said.text).saturating_add(session::PER_MESSAGE);
    let total = new.iter().map(cost).fold(0, u32::saturating_add);
    let mut over = total.saturating_sub(budget);
    for said in new {
        let size = session::text_tokens(&said.text);
        let cut = over.min(size.saturating_sub(KEPT_TOKENS));
        if cut == 0 {
            continue;
        }
        let kept = usize::try_from(size - cut)
            .unwrap_or(usize::MAX)
            .saturating_mul(4);
        let kept = said.text.floor_char_boundary(kept);
        let missing = said.text.len() - kept;
        said.text = Cow::Owned(format!(
            "{} … ({missing} more bytes left out)",
            &said.text[..kept]
        ));
        over -= cut;
    }
}

fn is_picture(file: &Attachment) -> bool {
    matches!(file.media, Media::Ready { .. }) && PICTURES.contains(&file.mime.as_str())
}

#[cfg(test)]
mod tests;
