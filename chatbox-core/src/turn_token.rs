//! Turn tokens: what a process that a turn runs shows, to act in the turn's name for as long as it runs.
//!
//! A token is nothing but a sealed value that names the turn, so none is kept anywhere: who holds the key can make and read
//! one, on any node. Whether the turn still runs is for the store to say, in the transaction of whatever is done.

use crate::id::{ChatId, MailboxId};
use crate::seal::Seal;
use crate::secret::Secret;
use crate::store::{SecretBox, Under};
use serde::{Deserialize, Serialize};

/// How a turn token begins.
const BEGINS: &str = "turn_";
/// What it is sealed as. Its row is the mailbox, so that it opens for no other.
const PURPOSE: &str = "turn_token";

/// A turn that a token names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RunningTurn {
    /// Its lane and fence.
    pub under: Under,
    /// Its origin: the one chat it looks at.
    pub chat: ChatId,
}

impl RunningTurn {
    /// A token for it.
    pub(crate) fn token(&self, seal: &dyn Seal) -> Secret {
        let named = serde_json::to_vec(self).expect("texts and numbers are JSON");
        let SecretBox { key, sealed } = seal.seal(PURPOSE, &self.under.lane.owner, &named);
        Secret::new(format!("{BEGINS}{key}.{sealed}"))
    }

    /// The turn that a token names, if it is a token of this mailbox.
    pub(crate) fn of(seal: &dyn Seal, mailbox: &MailboxId, token: &Secret) -> Option<Self> {
        let (key, sealed) = token.expose().strip_prefix(BEGINS)?.split_once('.')?;
        let sealed = SecretBox {
            key: key.to_owned(),
            sealed: sealed.to_owned(),
        };
        let named = seal.open(PURPOSE, mailbox.as_str(), &sealed).ok()?;
        serde_json::from_slice(&named).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Fence;
    use crate::seal::Unsealed;
    use crate::store::{LaneKey, LaneKind};

    #[test]
    fn a_token_names_its_turn_and_anything_else_none() {
        let turn = RunningTurn {
            under: Under {
                lane: LaneKey {
                    kind: LaneKind::Turn,
                    owner: "main".to_owned(),
                    key: "session/7".to_owned(),
                },
                fence: Fence(3),
            },
            chat: ChatId(9),
        };
        let token = turn.token(&Unsealed);
        let main = "main".into();
        assert_eq!(RunningTurn::of(&Unsealed, &main, &token), Some(turn));
        for other in [
            "",
            "turn_",
            "turn_x",
            "turn_unsealed.%%%",
            "mcp_x.y",
            "turn_unsealed.e30=",
        ] {
            let named = RunningTurn::of(&Unsealed, &main, &Secret::new(other));
            assert_eq!(named, None, "{other}");
        }
        assert!(!format!("{token:?}").contains("turn_"));
    }
}
