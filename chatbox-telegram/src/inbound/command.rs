//! What is meant for us: commands, mentions.

use super::place::Words;
use super::span::covered;
use super::wire::{Message, User};
use chatbox_connector_api::event::Action;

/// The commands the house answers itself. Any other is a message like all others.
const HOUSE: [&str; 5] = ["start", "stop", "new", "status", "link"];

/// A command at the start of a text.
struct Command<'a> {
    name: &'a str,
    /// The bot it names, without its `@`.
    to: Option<&'a str>,
    argument: &'a str,
}

/// The house's command in a message, unless it names another bot.
pub(super) fn action(message: &Message, me: &User) -> Option<Action> {
    let command = command(message)?;
    let name = command.name.to_ascii_lowercase();
    let ours = command.is_for(me) && HOUSE.contains(&name.as_str());
    ours.then(|| Action {
        name,
        argument: command.argument.to_owned(),
        token: None,
        target: None,
    })
}

/// Whether a message is a command that we may take for ours.
pub(super) fn is_for(message: &Message, me: &User) -> bool {
    command(message).is_some_and(|command| command.is_for(me))
}

/// Whether a message mentions us.
pub(super) fn mentions(message: &Message, me: &User) -> bool {
    let words = message.words();
    words
        .entities
        .iter()
        .any(|entity| match entity.kind.as_str() {
            "mention" => covered(words.text, entity)
                .and_then(|text| text.strip_prefix('@'))
                .is_some_and(|name| is_me(name, me)),
            "text_mention" => entity.user.as_ref().is_some_and(|user| user.id == me.id),
            _ => false,
        })
}

impl Command<'_> {
    fn is_for(&self, me: &User) -> bool {
        self.to.is_none_or(|name| is_me(name, me))
    }
}

fn is_me(name: &str, me: &User) -> bool {
    me.username
        .as_ref()
        .is_some_and(|mine| mine.eq_ignore_ascii_case(name))
}

fn command(message: &Message) -> Option<Command<'_>> {
    let Words { text, entities } = message.words();
    // `/stop` shown as code is talked about, not given.
    let quoted = |kind: &str| matches!(kind, "code" | "pre");
    if entities.iter().any(|e| e.offset == 0 && quoted(&e.kind)) {
        return None;
    }
    let rest = text.strip_prefix('/')?;
    let (word, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (name, to) = match word.split_once('@') {
        Some((name, to)) => (name, Some(to)),
        None => (word, None),
    };
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let good = (1..=32).contains(&name.len()) && name.bytes().all(letter);
    good.then_some(Command {
        name,
        to,
        argument: argument.trim(),
    })
}
