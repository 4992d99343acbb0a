//! A channel's past.

use crate::client::Client;
use crate::inbound::{Id, Reader};
use crate::outbound::{self, Target};
use chatbox_connector_api::event::Event;
use chatbox_connector_api::id::{EventId, Handle};
use chatbox_connector_api::kit::repair::repair;
use chatbox_connector_api::{ErrorKind, Result};
use serde::Deserialize;
use serde_json::value::RawValue;
use serenity::http::Route;
use serenity::model::id::ChannelId;
use std::borrow::Cow;
use std::time::Duration;
use tokio::time::sleep;

/// The most messages that one request answers.
const PAGE: usize = 100;
/// So many pages of a channel are read for one question.
const MAX_PAGES: usize = 10;
/// How long to wait where Discord says that we are too fast and not for how long.
const PAUSE: Duration = Duration::from_secs(5);

/// A message of the past as it came: one that cannot be read stops no other.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) id: u64,
    pub(crate) channel: u64,
    pub(crate) guild: Option<u64>,
    pub(crate) json: Box<RawValue>,
}

impl Past {
    /// What has no number cannot be told apart from the next.
    fn read(channel: u64, guild: Option<u64>, json: Box<RawValue>) -> Option<Self> {
        #[derive(Deserialize)]
        struct Named {
            id: Id,
        }
        let json = match repair(json.get()) {
            Cow::Borrowed(_) => json,
            Cow::Owned(text) => RawValue::from_string(text).ok()?,
        };
        let id = serde_json::from_str::<Named>(json.get()).ok()?.id.0;
        Some(Self {
            id,
            channel,
            guild,
            json,
        })
    }
}

/// One page of a channel's past.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Oldest first.
    pub(crate) messages: Vec<Past>,
    /// Whether there may be more behind it.
    pub(crate) more: bool,
}

/// The first page of a channel's messages after one.
async fn page(client: &Client, channel: u64, guild: Option<u64>, after: u64) -> Result<Page> {
    let route = Route::ChannelMessages {
        channel_id: ChannelId::new(channel),
    };
    let query = [("after", after.to_string()), ("limit", PAGE.to_string())];
    let page: Vec<Box<RawValue>> = client.get(route, &query).await?;
    let more = page.len() >= PAGE;
    let page = page.into_iter();
    let mut messages: Vec<Past> = page
        .filter_map(|json| Past::read(channel, guild, json))
        .collect();
    // Discord lists the newest first.
    messages.sort_by_key(|past| past.id);
    Ok(Page { messages, more })
}

/// The same, when Discord lets us.
pub(crate) async fn patiently(
    client: &Client,
    channel: u64,
    guild: Option<u64>,
    after: u64,
) -> Result<Page> {
    loop {
        match page(client, channel, guild, after).await {
            Err(error) if *error.kind() == ErrorKind::RateLimited => {
                sleep(error.retry_after().unwrap_or(PAUSE)).await;
            }
            answered => return answered,
        }
    }
}

/// A channel's messages after one, oldest first.
async fn after(
    client: &Client,
    channel: u64,
    guild: Option<u64>,
    mut after: u64,
) -> Result<Vec<Past>> {
    let mut all = Vec::new();
    for _ in 0..MAX_PAGES {
        let page = page(client, channel, guild, after).await?;
        let Some(last) = page.messages.last().map(|past| past.id) else {
            break;
        };
        after = last;
        all.extend(page.messages);
        if !page.more {
            break;
        }
    }
    Ok(all)
}

/// The events of a chat after one of its messages.
pub(crate) async fn since(
    client: &Client,
    mut reader: Reader,
    chat: &Handle,
    after: Option<&EventId>,
) -> Result<Vec<Event>> {
    #[derive(Deserialize)]
    struct Home {
        #[serde(default)]
        guild_id: Option<String>,
    }
    let channel = outbound::channel(chat)?;
    let after = after
        .map(Target::of)
        .transpose()?
        .map_or(0, |target| target.message.get());
    let home: Home = client
        .get(
            Route::Channel {
                channel_id: channel,
            },
            &[],
        )
        .await?;
    let guild = home.guild_id.and_then(|guild| guild.parse().ok());
    let messages = self::after(client, channel.get(), guild, after).await?;
    Ok(messages
        .iter()
        .filter_map(|past| reader.late(past))
        .collect())
}
