//! An update as an event: the pure half.

use super::Alpha;
use crate::platform::{Update, What};
use crate::vendor::{handle, person};
use chatbox_connector_api::conformance::{Room, Who};
use chatbox_connector_api::event::{Action, ChatKind, Content, Event, EventBody, Place, Sender};
use chatbox_connector_api::id::{EventId, Millis};

impl Alpha {
    /// The update as an event: the pure half.
    pub(super) fn event(&self, update: &Update) -> Option<Event> {
        let body = self.body(update)?;
        let own = update.sender == Who::US;
        let sender = match (self.twist, update.room) {
            ("names people in groups otherwise", Room::Group(group)) if !own => {
                format!("g{group}-{}", update.sender.0).into()
            }
            ("takes its own words for its partner's", Room::Dm(who)) if own => person(who),
            ("takes its other devices for people", _) if own => "a-device".into(),
            ("takes the chat for the sender", room) => handle(room).as_str().into(),
            _ => person(update.sender),
        };
        let group = matches!(update.room, Room::Group(_));
        let place = match (self.twist, update.room) {
            ("mixes up chats", Room::Dm(Who(who))) => handle(Room::Dm(Who(who ^ 3))),
            _ => handle(update.room),
        };
        let meant = match &update.what {
            What::Message(said) => !group || said.addressed,
            _ => !group,
        };
        let addressed = match self.twist {
            "thinks that everything is meant for it" => true,
            "thinks that nothing is meant for it" => false,
            "hears no mention" => !group,
            _ => meant,
        };
        let one_to_one = !group || self.is("takes a group for two");
        let album = match &update.what {
            What::Message(said) => said.album.clone(),
            _ => None,
        };
        let id = match self.twist {
            "names messages by when they came" => format!("n{}", update.number),
            "names all changes of a message alike" => match &update.what {
                What::Edit { target, .. } | What::Reaction { target, .. } => {
                    format!("{target}-changed")
                }
                _ => update.key.clone(),
            },
            "names messages at random" => chatbox_connector_api::id::code(12),
            "names messages too shortly" => format!(
                "{}",
                update.key.len() * 100 + update.key.bytes().map(usize::from).sum::<usize>() % 100
            ),
            _ => update.key.clone(),
        };
        Some(Event {
            id: EventId::new(id),
            chat: Place {
                handle: place,
                kind: if one_to_one {
                    ChatKind::Dm
                } else {
                    ChatKind::Group
                },
                name: None,
            },
            sender: Sender {
                id: sender,
                name: None,
                is_bot: own && self.twist.is_empty(),
            },
            at: Millis(if self.is("dates messages in seconds") {
                update.at / 1000
            } else {
                update.at
            }),
            body,
            addressed,
            late: false,
            group: match self.twist {
                "sees no albums" => None,
                "sees an album in each picture" => album.map(|_| update.key.clone()),
                _ => album,
            },
            raw: None,
        })
    }

    fn body(&self, update: &Update) -> Option<EventBody> {
        let wrong = |target: &str| {
            // The newest message instead of the one that is meant.
            let state = self.platform.state();
            let messages = state
                .updates
                .iter()
                .filter(|it| matches!(it.what, What::Message(_)));
            messages
                .map(|it| it.key.clone())
                .next_back()
                .unwrap_or_else(|| target.to_owned())
        };
        let target_of = |target: &String, twist: &str| {
            EventId::new(if self.is(twist) {
                wrong(target)
            } else {
                target.clone()
            })
        };
        Some(match &update.what {
            What::Message(said) => {
                if said.files_gone && self.is("drops messages whose files are gone") {
                    return None;
                }
                let known = self
                    .memory
                    .heard
                    .lock()
                    .expect("whole")
                    .insert(update.key.clone(), said.text.clone());
                let before = self.memory.heard.lock().expect("whole");
                let before = before
                    .iter()
                    .any(|(key, text)| *key != update.key && *text == said.text);
                if before && known.is_none() && self.is("takes equal words for a repetition") {
                    return None;
                }
                if self.is("panics at what is not ASCII") && !said.text.is_ascii() {
                    // Without a word: it happens again and again.
                    std::panic::resume_unwind(Box::new("the twist"));
                }
                let files = match self.twist {
                    "takes only the first of several files" => 1,
                    _ => usize::MAX,
                };
                let files = said.files.iter().take(files);
                let own = |name: &String| {
                    let state = self.platform.state();
                    state.sent.iter().any(|sent| sent.id == *name)
                };
                EventBody::Message(Content {
                    text: match self.twist {
                        "cuts what it receives" => said.text.chars().take(400).collect(),
                        "joins lines that it receives" => said.text.replace('\n', " "),
                        "loses what is beyond the basic plane" => {
                            said.text.chars().filter(|it| *it < '\u{10000}').collect()
                        }
                        _ => said.text.clone(),
                    },
                    attachments: files.map(|file| self.pending(file)).collect(),
                    reply_to: match self.twist {
                        "does not see what a reply answers" => None,
                        "does not know its own words" => {
                            let other = said.reply_to.clone().filter(|name| !own(name));
                            other.map(EventId::new)
                        }
                        "takes a reply for one to itself" if said.reply_to.is_some() => {
                            Some(EventId::new(update.key.clone()))
                        }
                        _ => said.reply_to.clone().map(EventId::new),
                    },
                    choices: Vec::new(),
                })
            }
            What::Edit { text, .. } if self.is("takes an edit for a message") => {
                EventBody::Message(Content::text(text))
            }
            What::Edit { target, text } => EventBody::Edit {
                target: target_of(target, "takes an edit for one of the newest"),
                content: Content::text(text),
            },
            What::Delete { .. } if self.is("does not hear deletions") => return None,
            What::Delete { target } => EventBody::Delete {
                target: target_of(target, "takes a deletion for one of the newest"),
            },
            What::Reaction { emoji, .. } if self.is("takes a reaction for a message") => {
                EventBody::Message(Content::text(emoji))
            }
            What::Reaction { target, emoji } => EventBody::Reaction {
                target: target_of(target, "takes a reaction for one to the newest"),
                emoji: vec![emoji.clone()],
            },
            What::Press { button, .. } if self.is("takes a button for a message") => {
                EventBody::Message(Content::text(button))
            }
            What::Press {
                button,
                token,
                under,
            } => EventBody::Action(Action {
                name: button.clone(),
                argument: String::new(),
                token: (!self.is("forgets where answers go")).then(|| token.clone()),
                target: match self.twist {
                    "forgets whose button it was" => None,
                    "takes the first message's button" => Some("m2".into()),
                    _ => under.as_deref().map(EventId::new),
                },
            }),
            What::Garbage => EventBody::Unsupported {
                what: "garbage".to_owned(),
            },
        })
    }
}
