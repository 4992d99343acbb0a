//! A channel's past.

use crate::client::Client;
use crate::inbound::{Message, Reader};
use crate::outbound::{self, Target};
use chatbox_connector_api::Result;
use chatbox_connector_api::event::Event;
use chatbox_connector_api::id::{EventId, Handle};
use serde::Deserialize;
use serenity::http::Route;
use serenity::model::id::ChannelId;

/// The most messages that one request answers.
const PAGE: usize = 100;
/// So many pages of a channel are read at most.
const MAX_PAGES: usize = 10;

/// A channel's messages after one, oldest first, and whether these are all.
pub(crate) async fn after(
    client: &Client,
    channel: u64,
    guild: Option<u64>,
    mut after: u64,
) -> Result<(Vec<Message>, bool)> {
    let mut all = Vec::new();
    for _ in 0..MAX_PAGES {
        let route = Route::ChannelMessages {
            channel_id: ChannelId::new(channel),
        };
        let query = [("after", after.to_string()), ("limit", PAGE.to_string())];
        let mut page: Vec<Message> = client.get(route, &query).await?;
        // Discord lists the newest first, and leaves out the guild.
        page.sort_by_key(|message| message.id.0);
        let full = page.len() >= PAGE;
        after = page.last().map_or(after, |last| last.id.0);
        all.extend(page.into_iter().map(|message| message.within(guild)));
        if !full {
            return Ok((all, true));
        }
    }
    Ok((all, false))
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
    let (messages, _) = self::after(client, channel.get(), guild, after).await?;
    Ok(messages
        .iter()
        .filter_map(|message| reader.late(message))
        .collect())
}
