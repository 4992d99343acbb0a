//! What people see while a turn runs: that somebody writes, and the reply as it grows. Never stored.

use crate::backend::Growing;
use crate::connector::{self, Outbound, Verb};
use crate::id::Handle;
use crate::link::Link;
use crate::markup;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// A reply that is there sooner than this is not shown growing.
const FIRST_DRAFT: Duration = Duration::from_millis(20);
/// A person sees that somebody is writing after this.
const FIRST_TYPING: Duration = Duration::from_millis(150);
/// How often "is writing" is said again while nothing else shows.
const TYPING_AGAIN: Duration = Duration::from_secs(4);

/// Shows that a reply is being written, and the reply itself as it grows, at the platform's pace. Never ends.
pub(super) async fn show(
    link: &Link,
    chat: &Handle,
    id: i64,
    mut growing: watch::Receiver<Growing>,
) {
    let mut wait = FIRST_TYPING;
    loop {
        let grown = timeout(wait, growing.changed()).await;
        match grown {
            Err(_) => {
                ephemeral(link, chat, Verb::Typing).await;
                wait = TYPING_AGAIN;
            }
            Ok(Err(_)) => return std::future::pending().await,
            Ok(Ok(())) => {
                sleep(FIRST_DRAFT).await;
                let text = growing.borrow_and_update().text.clone();
                ephemeral(
                    link,
                    chat,
                    Verb::Draft {
                        id,
                        markup: markup::parse(&text),
                    },
                )
                .await;
                let pace = link
                    .capabilities
                    .draft
                    .and_then(|limits| limits.pace)
                    .unwrap_or_default();
                sleep(pace).await;
                wait = TYPING_AGAIN;
            }
        }
    }
}

/// Shows something that is never stored, if the platform can; whether it worked matters to nobody.
async fn ephemeral(link: &Link, chat: &Handle, verb: Verb) {
    if connector::check(&link.capabilities, &verb).is_err()
        || !link.is_up()
        || link.paused_until().is_some()
    {
        return;
    }
    let out = Outbound {
        id: None,
        chat: chat.clone(),
        verb,
    };
    if let Err(error) = link.parts.adapter.perform(&out).await {
        if let Some(wait) = error.retry_after() {
            link.pause(wait);
        }
        tracing::debug!(%error, "a draft was not shown");
    }
}
