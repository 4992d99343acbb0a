//! What was said while nobody listened: conversations, their messages, and the threads in them.

use crate::client::Client;
use crate::inbound::{Channel, Message, Ts};
use chatbox_connector_api::{AdapterError, ErrorKind, Result};
use serde::Deserialize;
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
        channels: Vec<Channel>,
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
        all.extend(page.channels.into_iter().filter(|it| !it.is_archived));
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
    pub(crate) messages: Vec<Message>,
    /// From when on something may be missing.
    pub(crate) gap: Option<Ts>,
}

/// What was said in a conversation and in those of its threads that are known or among its latest messages.
pub(crate) async fn read(client: &Client, channel: &str, from: &From) -> Result<Past> {
    let mut past = Past::default();
    let mut threads: BTreeSet<Ts> = from.threads.keys().cloned().collect();
    let (pages, whole) = pages(client, "conversations.history", channel, None, &from.own).await?;
    for message in pages {
        let root = &message.ts;
        let since = from.threads.get(root).unwrap_or(&from.others);
        if message.latest_reply.as_ref().is_some_and(|it| it > since) {
            threads.insert(root.clone());
        }
        if message.ts > from.own {
            past.messages.push(message);
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
    past.messages.sort_by(|one, other| one.ts.cmp(&other.ts));
    past.messages.dedup_by(|one, other| one.ts == other.ts);
    Ok(past)
}

/// What was said in a thread after one of its messages, and whether this is all.
pub(crate) async fn replies(
    client: &Client,
    channel: &str,
    root: &Ts,
    since: &Ts,
) -> Result<(Vec<Message>, bool)> {
    let method = "conversations.replies";
    let (messages, whole) = pages(client, method, channel, Some(root), since).await?;
    let fits = |it: &Message| it.ts != *root && it.ts > *since;
    Ok((messages.into_iter().filter(fits).collect(), whole))
}

/// Pages, the newest first, until one reaches back to `since`; and whether one does.
async fn pages(
    client: &Client,
    method: &str,
    channel: &str,
    root: Option<&Ts>,
    since: &Ts,
) -> Result<(Vec<Message>, bool)> {
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
        let back = page.messages.iter().any(|it| it.ts <= *since);
        all.extend(page.messages);
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
    messages: Vec<Message>,
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
        let found = page.messages.into_iter().find(&is_it);
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

/// One message, by its name.
pub(crate) async fn one(client: &Client, channel: &str, ts: &Ts) -> Result<Option<Message>> {
    let with = [
        ("channel", channel.to_owned()),
        ("ts", ts.0.clone()),
        ("oldest", ts.0.clone()),
        ("latest", ts.0.clone()),
        ("inclusive", "true".to_owned()),
        ("limit", "10".to_owned()),
    ];
    let page: Page = client.ask("conversations.replies", &with).await?;
    Ok(page.messages.into_iter().find(|it| it.ts == *ts))
}
