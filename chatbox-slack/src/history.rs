//! What was said while nobody listened: conversations, their messages, and the threads in them.

use crate::client::Client;
use crate::inbound::{Channel, Dated, Message, Ts};
use chatbox_connector_api::kit::repair::repair;
use chatbox_connector_api::{AdapterError, ErrorKind, Result};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};
use tokio::time::sleep;

/// How long to wait where Slack does not say so.
const PAUSE: Duration = Duration::from_secs(5);
/// So far back is looked for what may have been sent.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many conversations or messages one request answers.
const PAGE: usize = 100;
/// So many pages of one conversation or thread are read at most.
const MAX_PAGES: usize = 10;
/// So many pages of the list of conversations.
const MAX_LISTS: usize = 20;
/// The kinds of conversations, each of which wants a scope of its own.
const KINDS: [&str; 4] = ["im", "mpim", "private_channel", "public_channel"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct More {
    next_cursor: String,
}

/// A message of the past, read by itself: one that cannot be read stops no other.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) dated: Dated,
    /// `None` where more of it than its place cannot be read.
    pub(crate) message: Option<Message>,
    pub(crate) json: Box<RawValue>,
}

impl Said {
    /// What has no timestamp has no place in the past.
    fn read(json: Box<RawValue>) -> Option<Self> {
        let json = match repair(json.get()) {
            Cow::Borrowed(_) => json,
            Cow::Owned(text) => RawValue::from_string(text).ok()?,
        };
        let dated = match serde_json::from_str::<Dated>(json.get()) {
            Ok(dated) => dated,
            Err(error) => {
                tracing::warn!(%error, "a message of the past without a place in it");
                return None;
            }
        };
        let message = serde_json::from_str(json.get());
        let message = message.inspect_err(|error| {
            tracing::warn!(%error, "a message of the past that cannot be read");
        });
        let message = message.ok();
        Some(Self {
            dated,
            message,
            json,
        })
    }

    pub(crate) fn ts(&self) -> &Ts {
        &self.dated.ts
    }
}

/// The conversations we are in. A kind that we may not list is left out.
pub(crate) async fn conversations(client: &Client) -> Result<Vec<Channel>> {
    let mut all = Vec::new();
    for kind in KINDS {
        match of_kind(client, kind).await {
            Ok(found) => all.extend(found),
            Err(error) if *error.kind() == ErrorKind::Forbidden => {
                tracing::warn!(kind, %error, "what was missed in some conversations is not read");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

async fn of_kind(client: &Client, kind: &str) -> Result<Vec<Channel>> {
    #[derive(Deserialize)]
    struct Listed {
        channels: Vec<Box<RawValue>>,
        #[serde(default)]
        response_metadata: More,
    }
    let (mut all, mut next) = (Vec::new(), String::new());
    for _ in 0..MAX_LISTS {
        let with = [
            ("types", kind.to_owned()),
            ("exclude_archived", "true".to_owned()),
            ("limit", "200".to_owned()),
            ("cursor", next),
        ];
        let page: Listed = client.ask("users.conversations", &with).await?;
        let channels = page.channels.iter();
        let channels =
            channels.filter_map(|it| serde_json::from_str::<Channel>(&repair(it.get())).ok());
        all.extend(channels.filter(|it| !it.is_archived));
        next = page.response_metadata.next_cursor;
        if next.is_empty() {
            return Ok(all);
        }
    }
    tracing::warn!(kind, "there are more conversations than are looked at");
    Ok(all)
}

/// From where on a conversation and the threads in it are read.
#[derive(Clone, Debug)]
pub(crate) struct From {
    /// The conversation's own messages are read after this one.
    pub(crate) own: Ts,
    /// Messages of a thread we know of, by its first message.
    pub(crate) threads: BTreeMap<Ts, Ts>,
    /// Messages of any other thread.
    pub(crate) others: Ts,
}

/// What was said in a conversation.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// Oldest first.
    pub(crate) messages: Vec<Said>,
    /// From when on something may be missing.
    pub(crate) gap: Option<Ts>,
}

/// What was said in a conversation and in those of its threads that are known or among its latest messages.
pub(crate) async fn read(client: &Client, channel: &str, from: &From) -> Result<Past> {
    let mut past = Past::default();
    let mut threads: BTreeSet<Ts> = from.threads.keys().cloned().collect();
    let (pages, whole) = pages(client, "conversations.history", channel, None, &from.own).await?;
    for said in pages {
        let root = said.ts();
        let since = from.threads.get(root).unwrap_or(&from.others);
        let latest = said.dated.latest_reply.as_ref();
        if latest.is_some_and(|it| it > since) {
            threads.insert(root.clone());
        }
        if *root > from.own {
            past.messages.push(said);
        }
    }
    if !whole {
        past.gap = Some(from.own.clone());
    }
    for root in threads {
        let since = from.threads.get(&root).unwrap_or(&from.others);
        match replies(client, channel, &root, since).await {
            Ok((messages, whole)) => {
                past.messages.extend(messages);
                past.gap = past.gap.or_else(|| (!whole).then(|| since.clone()));
            }
            Err(error) if *error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    past.messages.sort_by(|one, other| one.ts().cmp(other.ts()));
    past.messages.dedup_by(|one, other| one.ts() == other.ts());
    Ok(past)
}

/// What was said in a thread after one of its messages, and whether this is all.
pub(crate) async fn replies(
    client: &Client,
    channel: &str,
    root: &Ts,
    since: &Ts,
) -> Result<(Vec<Said>, bool)> {
    let method = "conversations.replies";
    let (messages, whole) = pages(client, method, channel, Some(root), since).await?;
    let fits = |it: &Said| it.ts() != root && it.ts() > since;
    Ok((messages.into_iter().filter(fits).collect(), whole))
}

/// Pages, the newest first, until one reaches back to `since`; and whether one does.
async fn pages(
    client: &Client,
    method: &str,
    channel: &str,
    root: Option<&Ts>,
    since: &Ts,
) -> Result<(Vec<Said>, bool)> {
    let (mut all, mut next) = (Vec::new(), String::new());
    for _ in 0..MAX_PAGES {
        let mut with = vec![
            ("channel", channel.to_owned()),
            ("limit", PAGE.to_string()),
            ("cursor", next),
        ];
        // A conversation's latest messages are looked at whatever their age: their threads may be new.
        if let Some(root) = root {
            with.extend([("ts", root.0.clone()), ("oldest", since.0.clone())]);
        }
        let page = patiently(client, method, &with).await?;
        let messages = page.messages.into_iter().filter_map(Said::read);
        let before = all.len();
        all.extend(messages);
        let back = all[before..].iter().any(|it| it.ts() <= since);
        next = page.response_metadata.next_cursor;
        if next.is_empty() || !page.has_more || (back && root.is_none()) {
            return Ok((all, true));
        }
    }
    Ok((all, false))
}

/// One page, when Slack lets us: to give up here would be to read everything before it once more, and to come no further.
async fn patiently(client: &Client, method: &str, with: &[(&str, String)]) -> Result<Page> {
    loop {
        match client.ask(method, with).await {
            Err(error) if *error.kind() == ErrorKind::RateLimited => {
                sleep(error.retry_after().unwrap_or(PAUSE)).await;
            }
            answered => return answered,
        }
    }
}

#[derive(Deserialize)]
struct Page {
    messages: Vec<Box<RawValue>>,
    #[serde(default)]
    has_more: bool,
    #[serde(default)]
    response_metadata: More,
}

/// Looks through what was said in a conversation since yesterday, or through a whole thread, with what their senders hid in it.
/// `None` if it is certainly not there: nothing is sent that waited for a day.
///
/// # Errors
/// `Ambiguous` where more was said than is looked through.
pub(crate) async fn find(
    client: &Client,
    channel: &str,
    root: Option<&Ts>,
    is_it: impl Fn(&Message) -> bool,
) -> Result<Option<Message>> {
    let mut next = String::new();
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let since = since.unwrap_or_default().saturating_sub(DAY).as_secs();
    let yesterday = format!("{since}.000000");
    for _ in 0..MAX_PAGES {
        let mut with = vec![
            ("channel", channel.to_owned()),
            ("limit", PAGE.to_string()),
            ("cursor", next),
            ("include_all_metadata", "true".to_owned()),
        ];
        with.push(match root {
            Some(root) => ("ts", root.0.clone()),
            None => ("oldest", yesterday.clone()),
        });
        let method = match root {
            Some(_) => "conversations.replies",
            None => "conversations.history",
        };
        let page: Page = client.ask(method, &with).await?;
        let messages = page.messages.into_iter().filter_map(Said::read);
        let found = messages.filter_map(|it| it.message).find(&is_it);
        next = page.response_metadata.next_cursor;
        if found.is_some() || next.is_empty() {
            return Ok(found);
        }
    }
    Err(AdapterError::new(
        ErrorKind::Ambiguous,
        "too much was said meanwhile to be looked through",
    ))
}

/// One message, by its name: where it stands.
pub(crate) async fn one(client: &Client, channel: &str, ts: &Ts) -> Result<Option<Dated>> {
    let with = [
        ("channel", channel.to_owned()),
        ("ts", ts.0.clone()),
        ("oldest", ts.0.clone()),
        ("latest", ts.0.clone()),
        ("inclusive", "true".to_owned()),
        ("limit", "10".to_owned()),
    ];
    let page: Page = client.ask("conversations.replies", &with).await?;
    let messages = page.messages.into_iter().filter_map(Said::read);
    Ok(messages.map(|it| it.dated).find(|it| it.ts == *ts))
}
