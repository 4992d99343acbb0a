//! Tools that carry the name of the platform looked at. They are the general ones under another name, and there are only
//! those that the platform's capabilities allow.

use super::{Entry, act, entry, say};
use crate::mcp::desk::Desk;
use crate::mcp::refusal::Refusal;
use chatbox_core::connector::{Capabilities, LinkState};
use rmcp::model::Tool;

/// A tool under its platform's name.
struct Own {
    /// What follows the platform's name.
    verb: &'static str,
    entry: Entry,
    /// Where it can be done.
    offers: fn(&Capabilities) -> bool,
}

const OWN: [Own; 4] = [
    Own {
        verb: "_send",
        entry: entry::<say::SendMessage>(),
        offers: |_| true,
    },
    Own {
        verb: "_react",
        entry: entry::<act::React>(),
        offers: |can| can.react.is_some(),
    },
    Own {
        verb: "_edit_message",
        entry: entry::<act::EditMessage>(),
        offers: |can| can.edit.is_some(),
    },
    Own {
        verb: "_delete_message",
        entry: entry::<act::DeleteMessage>(),
        offers: |can| can.delete.is_some(),
    },
];

/// The tools of the platform that is looked at; none where no chat is, or where the platform cannot be reached. What is
/// sent by the general ones waits for it.
pub(in crate::mcp) async fn tools(desk: &Desk) -> Result<Vec<Tool>, Refusal> {
    let Some(link) = desk.link().await? else {
        return Ok(Vec::new());
    };
    if matches!(link.health().state, LinkState::Down { .. }) {
        return Ok(Vec::new());
    }
    let offered = OWN.iter().filter(|own| (own.offers)(&link.capabilities));
    let tools = offered.map(|own| {
        let mut tool = own.entry.tool();
        tool.name = format!("{}{}", link.platform, own.verb).into();
        tool
    });
    Ok(tools.collect())
}

/// Whether a platform's own tool has this name.
#[cfg(feature = "connector-tools")]
pub(in crate::mcp) fn is_own(platform: &chatbox_core::id::Platform, name: &str) -> bool {
    let verb = name.strip_prefix(platform.as_str());
    verb.is_some_and(|verb| OWN.iter().any(|own| own.verb == verb))
}

/// The tool that a name with a platform in it means; `None` where this mailbox has nothing of that name.
pub(in crate::mcp) async fn named(desk: &Desk, name: &str) -> Result<Option<Entry>, Refusal> {
    let split = |own: &'static Own| Some((name.strip_suffix(own.verb)?, own));
    let Some((platform, own)) = OWN.iter().find_map(split) else {
        return Ok(None);
    };
    match desk.link().await? {
        Some(here) if here.platform.as_str() == platform => {
            Ok((own.offers)(&here.capabilities).then_some(own.entry))
        }
        _ if desk.is_on(platform).await? => Err(elsewhere(platform)),
        _ => Ok(None),
    }
}

/// For a tool of a platform that is not looked at.
pub(in crate::mcp) fn elsewhere(platform: &str) -> Refusal {
    Refusal::new(
        "chat_not_focal",
        format!("you do not look at a chat on {platform}; nothing was done"),
        format!("Call switch_chat with a chat on {platform}, then call this again."),
    )
}
