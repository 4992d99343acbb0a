//! The templates of a mailbox: which one an event is rendered with, and what comes out.

use super::error::{Fault, Place, TemplateError};
use super::event_type::EventType;
#[cfg(feature = "jinja")]
use super::jinja::Jinja;
use super::key::Key;
use super::moment::Moment;
use super::placeholder::Placeholder;
use super::plain::Plain;
use super::written::Written;
use super::{SOURCE_MOST, TEXT_MOST, sample, show, words};
use std::collections::HashMap;
use std::sync::Arc;

/// What the focal chat says, unless somebody wrote something else. Its head is lines nobody on a platform can write.
const FOCAL_MESSAGE: &str = "\
$EVENT_TYPE from $SENDER_NAME in $CHAT_ID, $TIMESTAMP
message id: $MESSAGE_ID
about message: $REPLY_TO
files: $ATTACHMENTS

$TEXT";

/// What is said of every other chat.
const NOTIFICATION: &str = "\
$EVENT_TYPE from $SENDER_NAME in $CHAT_ID, which you are not looking at: $PREVIEW
To read and answer it, call switch_chat with chat_id $CHAT_ID first.

$CHAT_LIST";

/// Templates that were checked: every one is readable, knows only what there is, and rendered samples of every event. A
/// clone shares them.
#[derive(Clone, Debug)]
pub struct Templates {
    by_key: Arc<HashMap<Key, Template>>,
}

/// What a webhook says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rendered {
    /// The message.
    pub content: String,
    /// What stands beside it and is not for keeping, where a template for it is set.
    pub ephemeral: Option<String>,
    /// Whether the event's text is longer than [`TEXT_MOST`] and only its beginning was put in.
    pub truncated: bool,
    /// Whether the text or a name holds characters that show something else than they say.
    pub suspicious_unicode: bool,
}

#[derive(Clone, Debug)]
enum Template {
    Plain(Plain),
    #[cfg(feature = "jinja")]
    Jinja(Box<Jinja>),
}

impl Templates {
    /// Checks what was written. `focal_message` and `notification` have our own wording where they are not set.
    ///
    /// # Errors
    /// What is wrong with the first template that cannot be taken.
    pub fn parse(written: &Written) -> Result<Self, TemplateError> {
        let mut by_key = HashMap::new();
        for (name, source) in written.iter() {
            let key: Key = name
                .parse()
                .map_err(|fault: Fault| fault.of(show::line(name, 40)))?;
            let template = Template::parse(key, source)?;
            if by_key.insert(key, template).is_some() {
                return Err(Fault::DuplicateKey.of(key));
            }
        }
        for (key, source) in [
            (Key::FocalMessage, FOCAL_MESSAGE),
            (Key::Notification, NOTIFICATION),
        ] {
            by_key.entry(key).or_insert_with(|| ours(source));
        }
        Ok(Self {
            by_key: Arc::new(by_key),
        })
    }

    /// Whether what an event is rendered with names this: what nobody names need not be found out.
    pub fn name(&self, event: EventType, focal: bool, placeholder: Placeholder) -> bool {
        let ephemeral = self.by_key.get(&Key::Ephemeral);
        let mut with = ephemeral.into_iter().chain([self.main(event, focal).1]);
        with.any(|template| template.names(placeholder))
    }

    /// The first of the event's keys that is set.
    fn main(&self, event: EventType, focal: bool) -> (Key, &Template) {
        let set = |key: Key| self.by_key.get(&key).map(|template| (key, template));
        let main = Key::order(event, focal).find_map(set);
        main.expect("the last one of the order is always set")
    }

    /// Renders an event: with the focal chat's template if it is of that chat, as a notification otherwise.
    ///
    /// # Errors
    /// A template ran out of fuel, or grew too long. The samples it rendered when it was set did not.
    pub fn render(&self, moment: &Moment<'_>) -> Result<Rendered, TemplateError> {
        let ephemeral = self.by_key.get(&Key::Ephemeral);
        let run = |(key, template): (Key, &Template)| {
            template.render(moment).map_err(|fault| fault.of(key))
        };
        let text = words::text(moment.body);
        let names = [
            moment.chat_name,
            moment.sender.and_then(|it| it.name),
            Some(&*text),
        ];
        Ok(Rendered {
            content: run(self.main(moment.event_type(), moment.is_focal()))?,
            ephemeral: ephemeral.map(|it| run((Key::Ephemeral, it))).transpose()?,
            truncated: text.len() > TEXT_MOST,
            suspicious_unicode: names.into_iter().flatten().any(show::is_suspicious),
        })
    }
}

impl Default for Templates {
    fn default() -> Self {
        Self::parse(&Written::default()).expect("no template, no fault")
    }
}

fn ours(source: &str) -> Template {
    let plain = Plain::parse(source);
    Template::Plain(plain.expect("our own wording is readable"))
}

impl Template {
    fn parse(key: Key, source: &str) -> Result<Self, TemplateError> {
        if source.len() > SOURCE_MOST {
            return Err(Fault::TooLarge { most: SOURCE_MOST }.of(key));
        }
        let template = if source.contains("{{") || source.contains("{%") {
            jinja(key, source)?
        } else {
            let plain = Plain::parse(source);
            let plain = plain.map_err(|(at, fault)| TemplateError {
                at: Some(Place::of(source, at)),
                ..fault.of(key)
            });
            Self::Plain(plain?)
        };
        sample::each(|moment| template.render(moment)).map_err(|fault| fault.of(key))?;
        Ok(template)
    }

    fn names(&self, placeholder: Placeholder) -> bool {
        match self {
            Self::Plain(plain) => plain.names(placeholder),
            #[cfg(feature = "jinja")]
            Self::Jinja(jinja) => jinja.names(placeholder),
        }
    }

    fn render(&self, moment: &Moment<'_>) -> Result<String, Fault> {
        match self {
            Self::Plain(plain) => plain.render(moment),
            #[cfg(feature = "jinja")]
            Self::Jinja(jinja) => jinja.render(moment),
        }
    }
}

#[cfg(feature = "jinja")]
fn jinja(key: Key, source: &str) -> Result<Template, TemplateError> {
    let jinja = Jinja::parse(source);
    let jinja = jinja.map_err(|(at, fault)| TemplateError {
        at,
        ..fault.of(key)
    });
    Ok(Template::Jinja(Box::new(jinja?)))
}

#[cfg(not(feature = "jinja"))]
fn jinja(key: Key, _source: &str) -> Result<Template, TemplateError> {
    Err(Fault::NoJinja.of(key))
}
