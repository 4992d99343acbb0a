//! What is still to be read of the past, channel by channel, and how far each was read. It asks nobody anything.
//!
//! It outlives a connection: the next one reads on behind what is on disk.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// How many channels are read at once.
const MAX_READS: usize = 4;
/// So many pages of a channel are read at most.
const MAX_PAGES: usize = 10;

/// A page to ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ask {
    pub(crate) channel: u64,
    pub(crate) guild: Option<u64>,
    /// Messages after this one.
    pub(crate) after: u64,
}

/// A channel whose past is not on disk yet.
#[derive(Debug)]
struct Unread {
    guild: Option<u64>,
    /// Up to here it was read.
    after: u64,
    /// The last message that was handed on.
    handed: u64,
    pages: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Queued,
    Asked,
    Read,
}

/// The past since a session was lost.
#[derive(Debug, Default)]
pub(crate) struct Fill {
    /// Everything before this message is on disk.
    floor: u64,
    /// Guilds that were not told of yet.
    guilds: BTreeSet<u64>,
    /// Guilds that came back from an outage.
    back: BTreeSet<u64>,
    channels: BTreeMap<u64, Unread>,
    queue: VecDeque<u64>,
    /// Up to where channels are on disk.
    stored: HashMap<u64, u64>,
}

impl Fill {
    /// All since a message, once these guilds were told of.
    pub(crate) fn since(floor: u64, guilds: impl IntoIterator<Item = u64>) -> Self {
        Self {
            floor,
            guilds: guilds.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The same past under a new session: guilds tell of their channels once more, and what is on disk is not read again.
    pub(crate) fn under_new_session(self, guilds: impl IntoIterator<Item = u64>) -> Self {
        Self {
            stored: self.stored,
            ..Self::since(self.floor, guilds)
        }
    }

    /// The message before which everything is on disk.
    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    /// A new connection: what was read and is not on disk is read again.
    pub(crate) fn read_again(&mut self) {
        for (channel, unread) in &mut self.channels {
            let stored = self.stored.get(channel).copied().unwrap_or(self.floor);
            (unread.after, unread.handed, unread.pages) = (stored, stored, 0);
            unread.state = State::Queued;
        }
        self.queue = self.channels.keys().copied().collect();
    }

    /// A guild is told of: from where on its channels are read, if they are.
    pub(crate) fn told(&mut self, guild: u64, away_since: Option<u64>) -> Option<u64> {
        let awaited = self.guilds.remove(&guild);
        if away_since.is_some() {
            self.back.insert(guild);
        }
        away_since.or(awaited.then_some(self.floor))
    }

    /// A channel has news, or may have.
    pub(crate) fn add(&mut self, channel: u64, guild: Option<u64>, floor: u64) {
        let stored = self.stored.entry(channel).or_insert(floor);
        let after = *stored;
        let unread = self.channels.entry(channel).or_insert(Unread {
            guild,
            after,
            handed: after,
            pages: 0,
            state: State::Read,
        });
        if unread.state == State::Read {
            unread.state = State::Queued;
            self.queue.push_back(channel);
        }
    }

    /// Whether what is said in a channel waits for its past. If so that is read next.
    pub(crate) fn awaits(&mut self, channel: u64, guild: Option<u64>) -> bool {
        match self.channels.get(&channel).map(|unread| unread.state) {
            Some(State::Queued) => {
                self.queue.retain(|queued| *queued != channel);
                self.queue.push_front(channel);
                true
            }
            Some(State::Asked) => true,
            Some(State::Read) | None => guild.is_some_and(|guild| self.guilds.contains(&guild)),
        }
    }

    /// What to ask for next, as long as not too much is asked for at once.
    pub(crate) fn next(&mut self) -> Option<Ask> {
        let asked = self.channels.values().filter(|it| it.state == State::Asked);
        if asked.count() >= MAX_READS {
            return None;
        }
        let channel = self.queue.pop_front()?;
        let unread = self.channels.get_mut(&channel)?;
        unread.state = State::Asked;
        Some(Ask {
            channel,
            guild: unread.guild,
            after: unread.after,
        })
    }

    /// Whether an answer is still of use.
    pub(crate) fn wants(&self, ask: &Ask) -> bool {
        let unread = self.channels.get(&ask.channel);
        unread.is_some_and(|it| it.state == State::Asked && it.after == ask.after)
    }

    /// A channel was read up to a message, and its messages up to `handed` are handed on. Whether there is more than is read.
    pub(crate) fn read(
        &mut self,
        channel: u64,
        after: u64,
        handed: Option<u64>,
        more: bool,
    ) -> bool {
        let Some(unread) = self.channels.get_mut(&channel) else {
            return false;
        };
        let moved = after > unread.after;
        unread.pages += 1;
        unread.after = after;
        unread.handed = handed.unwrap_or(unread.handed);
        if more && moved && unread.pages < MAX_PAGES {
            unread.state = State::Queued;
            self.queue.push_front(channel);
            return false;
        }
        unread.state = State::Read;
        self.settle(channel);
        more
    }

    /// A message of a channel is on disk.
    pub(crate) fn stored(&mut self, channel: u64, message: u64) {
        let known = self.stored.entry(channel).or_default();
        *known = (*known).max(message);
        self.settle(channel);
    }

    /// A channel that was read and is on disk is done with.
    fn settle(&mut self, channel: u64) {
        let Some(unread) = self.channels.get(&channel) else {
            return;
        };
        let stored = self.stored.get(&channel).copied().unwrap_or(self.floor);
        if unread.state == State::Read && stored >= unread.handed {
            self.stored.insert(channel, unread.after.max(stored));
            self.channels.remove(&channel);
        }
    }

    /// A channel is gone.
    pub(crate) fn leave_channel(&mut self, channel: u64) {
        self.channels.remove(&channel);
        self.queue.retain(|queued| *queued != channel);
    }

    /// A guild is gone: from where on it is to be read if it comes back, where it was not read whole.
    pub(crate) fn leave_guild(&mut self, guild: u64) -> Option<u64> {
        let mut unread = self.guilds.remove(&guild);
        self.back.remove(&guild);
        let (channels, queue) = (&mut self.channels, &mut self.queue);
        channels.retain(|channel, it| {
            let here = it.guild == Some(guild);
            if here {
                queue.retain(|queued| queued != channel);
            }
            unread |= here;
            !here
        });
        unread.then_some(self.floor)
    }

    /// Guilds that are not told of.
    pub(crate) fn untold(&self) -> Vec<u64> {
        self.guilds.iter().copied().collect()
    }

    /// Whether there is something that is not even handed on.
    pub(crate) fn is_open(&self) -> bool {
        let mut channels = self.channels.values();
        !self.guilds.is_empty() || channels.any(|it| it.state != State::Read)
    }

    /// The guilds that came back and are read now.
    pub(crate) fn take_back(&mut self) -> BTreeSet<u64> {
        std::mem::take(&mut self.back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUILD: Option<u64> = Some(100);

    fn ask(channel: u64, after: u64) -> Option<Ask> {
        Some(Ask {
            channel,
            guild: GUILD,
            after,
        })
    }

    #[test]
    fn a_channel_is_read_page_by_page_and_done_with_once_it_is_on_disk() {
        let mut fill = Fill::since(10, [100]);
        assert!(fill.is_open() && fill.awaits(1, GUILD));
        assert_eq!(fill.told(100, None), Some(10));
        assert!(!fill.is_open() && !fill.awaits(1, GUILD));
        fill.add(1, GUILD, 10);
        assert_eq!(fill.next(), ask(1, 10));
        assert!(fill.awaits(1, GUILD) && !fill.awaits(2, GUILD));
        assert!(!fill.read(1, 20, Some(20), true));
        assert_eq!(fill.next(), ask(1, 20), "it is read on, not anew");
        fill.stored(1, 15);
        assert!(!fill.read(1, 30, Some(25), false));
        assert!(!fill.is_open() && !fill.channels.is_empty());
        fill.read_again();
        assert_eq!(fill.next(), ask(1, 15), "from what is on disk");
        assert!(!fill.read(1, 30, Some(25), false));
        fill.stored(1, 25);
        assert!(fill.channels.is_empty());
        let mut fill = fill.under_new_session([100]);
        assert_eq!(fill.told(100, None), Some(10));
        fill.add(1, GUILD, 10);
        assert_eq!(fill.next(), ask(1, 30), "what was read is not read again");
    }

    #[test]
    fn few_are_asked_for_at_once_and_first_where_somebody_waits() {
        let mut fill = Fill::since(10, []);
        (1..=9).for_each(|channel| fill.add(channel, GUILD, 10));
        assert!(fill.awaits(7, GUILD));
        let asked: Vec<u64> = std::iter::from_fn(|| fill.next())
            .map(|it| it.channel)
            .collect();
        assert_eq!(asked, [7, 1, 2, 3]);
        assert!(!fill.read(7, 10, None, false), "nothing there");
        assert_eq!(fill.next().map(|it| it.channel), Some(4));
    }

    #[test]
    fn who_leaves_is_waited_for_no_more() {
        let mut fill = Fill::since(10, [100, 200, 300]);
        assert_eq!(fill.told(100, None), Some(10));
        fill.add(1, GUILD, 10);
        fill.add(2, GUILD, 10);
        let asked = fill.next().expect("a channel");
        assert_eq!(fill.leave_guild(100), Some(10));
        assert!(!fill.wants(&asked), "an answer on its way is of no use");
        assert_eq!(fill.next(), None);
        assert_eq!(fill.leave_guild(200), Some(10));
        assert_eq!(fill.untold(), [300]);
        assert_eq!(fill.told(300, Some(5)), Some(5), "it was away for longer");
        fill.add(3, Some(300), 5);
        fill.leave_channel(3);
        assert!(!fill.is_open());
        assert_eq!(fill.take_back(), [300].into());
        assert_eq!(fill.leave_guild(300), None, "it was read");
    }

    #[test]
    fn of_a_channel_without_end_so_much_is_read() {
        let mut fill = Fill::since(10, []);
        fill.add(1, GUILD, 10);
        let mut after = 10;
        let ended = (0..MAX_PAGES).map(|_| {
            let asked = fill.next().expect("there is more");
            assert_eq!(asked.after, after);
            after += 100;
            fill.read(1, after, None, true)
        });
        let ended: Vec<bool> = ended.collect();
        assert!(ended[MAX_PAGES - 1] && !ended[..MAX_PAGES - 1].contains(&true));
        // A page that names nothing cannot be passed.
        fill.add(2, GUILD, 10);
        fill.next().expect("a channel");
        assert!(fill.read(2, 10, None, true) && !fill.is_open());
    }
}
