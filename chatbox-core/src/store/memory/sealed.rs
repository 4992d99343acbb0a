//! Sealed values, wherever they stand.

use super::admin::changed;
use super::world::World;
use crate::id::ConnectionId;
use crate::store::{KeyUse, Outcome, Record, RecordKind, Sealed, SealedOf, SealedPlace, SecretBox};
use std::collections::BTreeMap;

impl World {
    /// Every text that may hold a sealed value, in the order of their places.
    pub(super) fn sealed(&self) -> Vec<Sealed> {
        let connections = self.connections.iter().filter_map(|(id, it)| {
            let secret = it.connection.secret.as_ref()?;
            Some(sealed(SealedOf::Connection, id.as_str(), "", text(secret)))
        });
        let is_credential = |it: &&Record| it.kind == RecordKind::Credential;
        let credentials = self.records.values().filter(is_credential);
        let credentials =
            credentials.map(|it| sealed(SealedOf::Credential, &it.id, "", it.body.clone()));
        let states = self.states.iter();
        let states = states.map(|((connection, key), (_, value))| {
            sealed(SealedOf::State, connection.as_str(), key, text(value))
        });
        let replies = self.remembered.iter();
        let replies =
            replies.map(|(key, (it, _))| sealed(SealedOf::Reply, key, "", it.reply.clone()));
        let mut all: Vec<Sealed> = connections
            .chain(credentials)
            .chain(states)
            .chain(replies)
            .collect();
        all.sort_by(|a, b| a.place.cmp(&b.place));
        all
    }

    pub(super) fn keys(&self) -> Vec<KeyUse> {
        let mut uses = BTreeMap::new();
        for value in self.sealed().iter().filter_map(Sealed::value) {
            *uses.entry(value.key).or_default() += 1;
        }
        let uses = uses.into_iter();
        uses.map(|(key, values)| KeyUse { key, values }).collect()
    }

    pub(super) fn reseal(&mut self, place: &SealedPlace, was: &str, becomes: &str) -> Outcome {
        let stands = |it: &Sealed| it.place == *place && it.text == was;
        if !self.sealed().iter().any(stands) {
            return Outcome::Stale;
        }
        let value = || serde_json::from_str(becomes).ok();
        let connection = ConnectionId::new(place.id.clone());
        match place.of {
            SealedOf::Connection => {
                if let (Some(it), Some(value)) = (self.connections.get_mut(&connection), value()) {
                    it.connection.secret = Some(value);
                }
            }
            SealedOf::Credential => {
                let record = (RecordKind::Credential, place.id.clone());
                if let Some(it) = self.records.get_mut(&record) {
                    becomes.clone_into(&mut it.body);
                }
            }
            SealedOf::State => {
                let state = self.states.get_mut(&(connection, place.key.clone()));
                if let (Some((_, box_)), Some(value)) = (state, value()) {
                    *box_ = value;
                }
            }
            SealedOf::Reply => {
                if let Some((it, _)) = self.remembered.get_mut(&place.id) {
                    becomes.clone_into(&mut it.reply);
                }
            }
        }
        changed(1)
    }
}

fn sealed(of: SealedOf, id: &str, key: &str, text: String) -> Sealed {
    let place = SealedPlace {
        of,
        id: id.to_owned(),
        key: key.to_owned(),
    };
    Sealed { place, text }
}

fn text(value: &SecretBox) -> String {
    serde_json::to_string(value).expect("two texts are JSON")
}
