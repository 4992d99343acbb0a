//! The check in front of every adapter: what it did not claim is refused before it is called.

use super::{AdapterError, Capabilities, ErrorKind, Limits, OutMessage, Result, Verb};

/// Whether an adapter with these capabilities may be asked for this.
///
/// # Errors
/// `Unsupported` for an ability that is not claimed, `Invalid` beyond a claimed limit.
pub fn check(capabilities: &Capabilities, verb: &Verb) -> Result<()> {
    match verb {
        Verb::Send(message) => message_within(capabilities, message),
        Verb::Edit { message, .. } => {
            claimed(capabilities.edit, verb)?;
            message_within(capabilities, message)
        }
        Verb::Delete { .. } => claimed(capabilities.delete, verb).map(drop),
        Verb::React { emoji, .. } => {
            let limits = claimed(capabilities.react, verb)?;
            within(limits, emoji.len(), "reactions")
        }
        Verb::Answer { .. } => claimed(capabilities.answer, verb).map(drop),
        Verb::MarkRead { .. } => claimed(capabilities.mark_read, verb).map(drop),
        Verb::Typing => claimed(capabilities.typing, verb).map(drop),
        Verb::Draft { .. } => claimed(capabilities.draft, verb).map(drop),
    }
}

fn claimed(limits: Option<Limits>, verb: &Verb) -> Result<Limits> {
    limits.ok_or_else(|| unsupported(verb.name()))
}

fn unsupported(what: &str) -> AdapterError {
    AdapterError::new(
        ErrorKind::Unsupported,
        format!("this platform has no `{what}`"),
    )
}

fn message_within(capabilities: &Capabilities, message: &OutMessage) -> Result<()> {
    if message.reply_to.is_some() && capabilities.reply.is_none() {
        return Err(unsupported("reply"));
    }
    if message.attachments.is_empty() {
        return Ok(());
    }
    let limits = capabilities.media.ok_or_else(|| unsupported("media"))?;
    within(limits, message.attachments.len(), "files")?;
    let largest = message
        .attachments
        .iter()
        .filter_map(|file| file.size)
        .max()
        .unwrap_or(0);
    match limits.max_bytes {
        Some(max) if largest > max => {
            let text = format!("a file of {largest} bytes is larger than this platform's {max}");
            Err(AdapterError::new(ErrorKind::Invalid, text))
        }
        _ => Ok(()),
    }
}

fn within(limits: Limits, count: usize, what: &str) -> Result<()> {
    match limits.max_count {
        Some(max) if count > max => Err(AdapterError::new(
            ErrorKind::Invalid,
            format!("{count} {what} are more than this platform's {max}"),
        )),
        _ => Ok(()),
    }
}
