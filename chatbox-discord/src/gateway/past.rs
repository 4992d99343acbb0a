//! The past, read beside the socket: what was said while there was no session, channel by channel.
//!
//! What is said in a channel meanwhile waits for that channel's past, so that its order is kept. No cursor moves before all
//! is handed on; within this process the next connection reads on where this one was.

use super::fill::{Ask, Fill};
use super::place::MAX_DMS;
use super::{Gateway, lock, lost};
use crate::history::{self, Page};
use crate::inbound::{Guild, Id, Ready};
use chatbox_connector_api::event::Event;
use chatbox_connector_api::id::Millis;
use chatbox_connector_api::{ErrorKind, Incoming, LinkState, Result};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::sleep;

/// How many events may wait for their channel's past before no more are read.
const MAX_HELD: usize = 1000;

/// An event that waits.
#[derive(Debug)]
pub(super) struct Held {
    event: Event,
    pub(super) seq: u64,
    channel: u64,
    guild: Option<u64>,
}

/// Something that was waited for.
pub(super) enum Work {
    Page(Ask, Result<Page>),
    /// Guilds that were not told of by now are away.
    Waited,
}

/// Where a dispatch belongs.
#[derive(Deserialize)]
struct Where {
    channel_id: Id,
    #[serde(default)]
    guild_id: Option<Id>,
}

/// What is gone, or a guild that is out of order.
#[derive(Deserialize)]
struct Gone {
    id: Id,
    #[serde(default)]
    unavailable: bool,
}

impl Gateway {
    /// Whether there is room for what may have to wait. Where not, nothing is listened to.
    pub(super) fn has_room(&self) -> bool {
        self.held.len() < MAX_HELD
    }

    pub(super) fn with_fill<T>(&self, with: impl FnOnce(&mut Fill) -> T) -> Option<T> {
        lock(&self.memory).fill.as_mut().map(with)
    }

    /// Whether some of the past is not handed on. Guilds that came back are as all others once there is none.
    pub(super) fn is_filling(&mut self) -> bool {
        if self.with_fill(|fill| fill.is_open()) == Some(true) {
            return true;
        }
        let back = self.with_fill(Fill::take_back).unwrap_or_default();
        self.here.away.retain(|(guild, _)| !back.contains(guild));
        false
    }

    /// A new session. What was said since the last known message is read, first in the direct messages.
    pub(super) fn began(&mut self, data: &RawValue) -> Result<()> {
        let ready: Ready = serde_json::from_str(data.get())
            .map_err(|_| lost("Discord's greeting cannot be read"))?;
        self.here.session = ready.session_id;
        self.here.url = ready.resume_gateway_url;
        let guilds: Vec<u64> = ready.guilds.iter().map(|guild| guild.id.0).collect();
        self.here.away.retain(|(guild, _)| guilds.contains(guild));
        let unfinished = lock(&self.memory).fill.take();
        let mut fill = match unfinished {
            Some(fill) => fill.under_new_session(guilds),
            None if self.here.last == 0 => {
                self.connected();
                return Ok(());
            }
            None => Fill::since(self.here.last, guilds),
        };
        let floor = fill.floor();
        for channel in &self.here.dms {
            fill.add(*channel, None, floor);
        }
        lock(&self.memory).fill = Some(fill);
        self.connected();
        if self.here.dms.len() >= MAX_DMS {
            self.gap(floor);
        }
        Ok(())
    }

    /// The session is ours; the past is read.
    pub(super) fn connected(&mut self) {
        lock(&self.memory).resumes = 0;
        self.ready
            .push_back(Ok(Incoming::Link(LinkState::Connected)));
        if self.with_fill(|fill| fill.untold().is_empty()) == Some(false) {
            let wait = self.config.guild_wait;
            self.works.push(Box::pin(async move {
                sleep(wait).await;
                Work::Waited
            }));
        }
        self.read_on();
    }

    /// A guild's channels. Those with news are read, where the guild was waited for.
    pub(super) fn guild(&mut self, data: &RawValue) {
        let Ok(guild) = serde_json::from_str::<Guild>(data.get()) else {
            return;
        };
        let id = guild.id.0;
        if guild.unavailable {
            return self.out_of_order(id);
        }
        let away = self.here.away.iter().find(|(away, _)| *away == id);
        let away = away.map(|(_, floor)| *floor);
        let last = self.here.last;
        let floor = {
            let mut memory = lock(&self.memory);
            if away.is_some() {
                memory.fill.get_or_insert_with(|| Fill::since(last, []));
            }
            memory.fill.as_mut().and_then(|fill| fill.told(id, away))
        };
        for channel in guild.channels.iter().chain(&guild.threads) {
            self.reader.know(channel);
            let news =
                floor.filter(|floor| channel.last_message_id.is_some_and(|last| last.0 > *floor));
            if let Some(floor) = news {
                self.with_fill(|fill| fill.add(channel.id.0, Some(id), floor));
            }
        }
        self.read_on();
        self.release();
    }

    /// A guild is gone for us, or only out of order for a while.
    pub(super) fn left_guild(&mut self, data: &RawValue) {
        let Ok(gone) = serde_json::from_str::<Gone>(data.get()) else {
            return;
        };
        if gone.unavailable {
            return self.out_of_order(gone.id.0);
        }
        self.with_fill(|fill| fill.leave_guild(gone.id.0));
        self.here.away.retain(|(away, _)| *away != gone.id.0);
        self.read_on();
        self.release();
    }

    pub(super) fn left_channel(&mut self, data: &RawValue) {
        if let Ok(gone) = serde_json::from_str::<Gone>(data.get()) {
            self.with_fill(|fill| fill.leave_channel(gone.id.0));
            self.read_on();
            self.release();
        }
    }

    /// A guild may be out of order for hours. Cursors do not wait for it: they say from where on it is read when it is back.
    fn out_of_order(&mut self, guild: u64) {
        let unread = self.with_fill(|fill| fill.leave_guild(guild)).flatten();
        let floor = unread.unwrap_or(self.here.last);
        let forgotten = match floor {
            0 => None,
            floor => self.here.lacks(guild, floor),
        };
        if let Some(since) = forgotten {
            self.gap(since);
        }
        self.read_on();
        self.release();
    }

    /// Asks for as much as may be asked for at once.
    fn read_on(&mut self) {
        while let Some(ask) = self.with_fill(Fill::next).flatten() {
            let client = self.client.clone();
            self.works.push(Box::pin(async move {
                let page = history::patiently(&client, ask.channel, ask.guild, ask.after).await;
                Work::Page(ask, page)
            }));
        }
    }

    pub(super) fn worked(&mut self, work: Work) -> Result<()> {
        match work {
            Work::Page(ask, page) => self.page(ask, page)?,
            Work::Waited => {
                for guild in self.with_fill(|fill| fill.untold()).unwrap_or_default() {
                    self.out_of_order(guild);
                }
            }
        }
        self.read_on();
        self.release();
        self.all_safe();
        Ok(())
    }

    /// A page of a channel's past goes before what was said in it meanwhile.
    fn page(&mut self, ask: Ask, page: Result<Page>) -> Result<()> {
        let page = match page {
            Ok(page) => page,
            // A channel that is gone or closed to us has nothing for us.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Forbidden) => {
                Page::default()
            }
            Err(error) => return Err(error),
        };
        if self.with_fill(|fill| fill.wants(&ask)) != Some(true) {
            return Ok(());
        }
        let channel = ask.channel;
        let after = page.messages.last().map_or(ask.after, |last| last.id);
        let said = page.messages.iter();
        let mut said: Vec<(u64, Event)> = said
            .filter_map(|past| Some((past.id, self.reader.late(past)?)))
            .collect();
        // The last of all may tell the place behind it.
        let last = said.pop();
        for (id, event) in said {
            self.arrive_late(channel, id, event);
        }
        let handed = last.as_ref().map(|(id, _)| *id);
        let more = self.with_fill(|fill| fill.read(channel, after, handed, page.more));
        if let Some((id, event)) = last {
            self.arrive_late(channel, id, event);
        }
        if more == Some(true) {
            self.gap(after);
        }
        Ok(())
    }

    fn arrive_late(&mut self, channel: u64, message: u64, event: Event) {
        // What was said while the page was on its way stands in it.
        self.held.retain(|held| held.event.id != event.id);
        self.arrive(event, Some((channel, message)));
    }

    /// An event, which waits where the past before it is not read. A button is answered at once or never.
    pub(super) fn take(&mut self, kind: &str, data: &RawValue, event: Event) {
        let now = kind == "INTERACTION_CREATE" || self.with_fill(|_| ()).is_none();
        let place = (!now).then(|| serde_json::from_str::<Where>(data.get()).ok());
        let Some(place) = place.flatten() else {
            return self.arrive(event, None);
        };
        let (channel, guild) = (place.channel_id.0, place.guild_id.map(|guild| guild.0));
        if self.with_fill(|fill| fill.awaits(channel, guild)) != Some(true) {
            return self.arrive(event, None);
        }
        self.held.push_back(Held {
            event,
            seq: self.here.seq,
            channel,
            guild,
        });
    }

    /// Whatever waits for nothing any more is handed on, in order.
    fn release(&mut self) {
        let mut nth = 0;
        while let Some(held) = self.held.get(nth) {
            let (channel, guild) = (held.channel, held.guild);
            if self.with_fill(|fill| fill.awaits(channel, guild)) == Some(true) {
                nth += 1;
            } else if let Some(held) = self.held.remove(nth) {
                self.arrive(held.event, None);
            }
        }
    }

    fn gap(&mut self, after: u64) {
        let since = Millis(i64::try_from(after >> 22).unwrap_or(0) + 1_420_070_400_000);
        self.ready.push_back(Ok(Incoming::Gap { since }));
    }
}
