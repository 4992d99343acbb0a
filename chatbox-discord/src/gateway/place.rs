//! A place in a bot's events: what a cursor says.

use super::fill::Fill;
use chatbox_connector_api::Cursor;
use serde::{Deserialize, Serialize};

/// How many people's direct messages are remembered: Discord does not list them, and they are read after a gap.
pub(crate) const MAX_DMS: usize = 64;
/// How many guilds that are out of order are remembered.
const MAX_AWAY: usize = 64;

/// Behind which dispatch of which session everything is safe, and what to read if the session is gone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Whose events. Another bot's sessions mean nothing.
    pub(crate) bot: u64,
    pub(crate) session: String,
    /// Where to resume it.
    pub(crate) url: String,
    pub(crate) seq: u64,
    /// The newest message.
    pub(crate) last: u64,
    /// The channels of the latest direct messages, the newest last.
    #[serde(default)]
    pub(crate) dms: Vec<u64>,
    /// Guilds that are out of order, and the message after which each is read when it is back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) away: Vec<(u64, u64)>,
}

/// What outlives a connection, within this process.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The newest safe place.
    pub(crate) place: Option<Place>,
    /// Resumptions asked for since the last that worked.
    pub(crate) resumes: u32,
    /// What is still to be read, under the place's session.
    pub(crate) fill: Option<Fill>,
}

impl Place {
    pub(crate) fn new(bot: u64) -> Self {
        Self {
            bot,
            session: String::new(),
            url: String::new(),
            seq: 0,
            last: 0,
            dms: Vec::new(),
            away: Vec::new(),
        }
    }

    pub(crate) fn read(cursor: &Cursor, bot: u64) -> Option<Self> {
        let place: Self = serde_json::from_str(&cursor.0).ok()?;
        (place.bot == bot).then_some(place)
    }

    pub(crate) fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_string(self).expect("numbers and two texts are JSON"))
    }

    /// Somebody wrote a direct message.
    pub(crate) fn met(&mut self, channel: &str) {
        let Ok(channel) = channel.parse::<u64>() else {
            return;
        };
        self.dms.retain(|known| *known != channel);
        if self.dms.len() >= MAX_DMS {
            self.dms.remove(0);
        }
        self.dms.push(channel);
    }

    /// A guild is out of order, and was read up to a message. The earliest that is not remembered any more, if there are too many.
    pub(crate) fn lacks(&mut self, guild: u64, since: u64) -> Option<u64> {
        if let Some((_, known)) = self.away.iter_mut().find(|(away, _)| *away == guild) {
            *known = since.min(*known);
            return None;
        }
        self.away.push((guild, since));
        (self.away.len() > MAX_AWAY).then(|| self.away.remove(0).1)
    }
}

impl Memory {
    /// The later of what is stored and what is known here.
    pub(crate) fn best(&self, stored: Option<Place>, bot: u64) -> Option<Place> {
        let known = self.place.clone().filter(|place| place.bot == bot);
        match (known, stored) {
            (Some(known), Some(stored)) if known.session == stored.session => {
                Some(if known.seq >= stored.seq {
                    known
                } else {
                    stored
                })
            }
            (Some(known), _) => Some(known),
            (None, stored) => stored,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_by_its_own_bot_only() {
        let mut place = Place {
            session: "s".to_owned(),
            seq: 3,
            last: 9,
            ..Place::new(1)
        };
        place.met("5");
        place.met("6");
        place.met("5");
        assert_eq!(place.dms, [6, 5]);
        assert_eq!(Place::read(&place.cursor(), 1), Some(place.clone()));
        assert_eq!(Place::read(&place.cursor(), 2), None);
        assert_eq!(Place::read(&Cursor("nonsense".to_owned()), 1), None);
        let memory = Memory {
            place: Some(Place {
                seq: 7,
                ..place.clone()
            }),
            ..Memory::default()
        };
        assert_eq!(
            memory.best(Some(place.clone()), 1).map(|it| it.seq),
            Some(7)
        );
        assert_eq!(memory.best(Some(place), 2).map(|it| it.seq), Some(3));
        for number in 0..200 {
            let mut many = Place::new(1);
            (0..number).for_each(|it| many.met(&it.to_string()));
            assert!(many.dms.len() <= MAX_DMS);
        }
        let mut place = Place::new(1);
        assert_eq!(place.lacks(7, 50), None);
        assert_eq!(place.lacks(7, 60), None);
        assert_eq!(place.away, [(7, 50)]);
        let forgotten = (100..200).filter_map(|guild| place.lacks(guild, guild));
        assert_eq!(forgotten.min(), Some(50));
        assert_eq!(place.away.len(), MAX_AWAY);
    }
}
