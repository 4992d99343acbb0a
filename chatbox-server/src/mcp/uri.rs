//! What an agent can read and watch as a resource, and the address that names it. Pure.

use super::names::Name;
use chatbox_core::id::MailboxId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What is written as it is: a template's value is put in so (RFC 6570), and comes back as we wrote it.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One resource of a mailbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Resource {
    /// The list of its chats.
    Chats,
    /// The newest messages of a chat, by the chat's name.
    Chat(Name),
}

impl Resource {
    /// The resource that an address names, where it is one of this mailbox's. Whether there is such a chat is not said.
    pub(super) fn parse(uri: &str, mailbox: &MailboxId) -> Option<Self> {
        let rest = uri.strip_prefix(&chats(mailbox))?;
        if rest.is_empty() {
            return Some(Self::Chats);
        }
        let name = rest.strip_prefix('/')?;
        if name.contains(['/', '?', '#']) {
            return None;
        }
        let name = Name::new(&percent_decode_str(name).decode_utf8().ok()?);
        name.address().is_ok().then_some(Self::Chat(name))
    }
}

/// The address of a mailbox's list of chats.
pub(super) fn chats(mailbox: &MailboxId) -> String {
    format!("chatbox://{}/chats", escaped(mailbox.as_str()))
}

/// The address of a chat.
pub(super) fn chat(mailbox: &MailboxId, chat_id: &str) -> String {
    format!("{}/{}", chats(mailbox), escaped(chat_id))
}

/// The addresses of all chats, as RFC 6570 writes a template.
pub(super) fn template(mailbox: &MailboxId) -> String {
    format!("{}/{{chat_id}}", chats(mailbox))
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn main() -> MailboxId {
        "main".into()
    }

    #[test]
    fn the_list_and_each_chat_have_an_address() {
        assert_eq!(chats(&main()), "chatbox://main/chats");
        let hall = chat(&main(), "alpha:hall/1 ü");
        assert_eq!(hall, "chatbox://main/chats/alpha%3Ahall%2F1%20%C3%BC");
        assert_eq!(template(&main()), "chatbox://main/chats/{chat_id}");
        let of = |uri: &str| Resource::parse(uri, &main());
        assert_eq!(of("chatbox://main/chats"), Some(Resource::Chats));
        let named = Some(Resource::Chat(Name::new("alpha:hall/1 ü")));
        assert_eq!(of(&hall), named);
        // As people write it.
        let plain = Some(Resource::Chat(Name::new("alpha:hall")));
        assert_eq!(of("chatbox://main/chats/alpha:hall"), plain);
    }

    #[test]
    fn what_is_not_this_mailboxs_is_none() {
        for uri in [
            "",
            "chatbox://other/chats",
            "chatbox://main/chats/",
            "chatbox://main/chatsalpha:hall",
            "chatbox://main/chats/alpha",
            "chatbox://main/chats/alpha:hall/x",
            "chatbox://main/chats/alpha:hall?x",
            "chatbox://main/chats/alpha:%00",
            "chatbox://main/chats/alpha:%ff",
            "chatbox://main/chats/../chats",
            "https://main/chats",
            "file:///etc/passwd",
        ] {
            assert_eq!(Resource::parse(uri, &main()), None, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn a_chat_is_found_again_by_its_address(handle in "[^\0]{1,40}") {
            let id = format!("alpha:{handle}");
            prop_assume!(id.trim() == id);
            let uri = chat(&main(), &id);
            prop_assert_eq!(Resource::parse(&uri, &main()), Some(Resource::Chat(Name::new(&id))));
        }
    }
}
