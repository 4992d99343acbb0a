//! What is said: its text, and the one request it takes.

use super::{Alpha, Undone, failed};
use crate::platform::{Draft, Failure};
use chatbox_connector_api::OutMessage;
use chatbox_connector_api::conformance::{Room, Who};
use chatbox_connector_api::id::DeliveryId;
use chatbox_connector_api::markup::{Block, Markup, plain};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::sleep;

impl Alpha {
    pub(super) fn text(&self, markup: &Markup) -> String {
        if let Some(change) = self.changes_code() {
            let mut markup = markup.clone();
            for block in &mut markup.0 {
                if let Block::Code { text, .. } = block {
                    *text = change(text);
                }
            }
            return plain(&markup);
        }
        let drops: Option<fn(&Block) -> bool> = match self.twist {
            "drops lists" => Some(|block| matches!(block, Block::List { .. })),
            "drops quotes" => Some(|block| matches!(block, Block::Quote(_))),
            "drops tables" => Some(|block| matches!(block, Block::Table { .. })),
            "drops headings" => Some(|block| matches!(block, Block::Heading { .. })),
            _ => None,
        };
        if let Some(drops) = drops {
            let blocks = markup.0.iter().filter(|block| !drops(block));
            return plain(&Markup(blocks.cloned().collect()));
        }
        match self.twist {
            "runs paragraphs together" => return plain(markup).replace('\n', ""),
            "takes words for markup" => return plain(markup).replace(['_', '*'], ""),
            _ => {}
        }
        if self.is("drops code") {
            let blocks = markup
                .0
                .iter()
                .filter(|block| !matches!(block, Block::Code { .. }));
            return plain(&Markup(blocks.cloned().collect()));
        }
        plain(markup)
    }

    fn changes_code(&self) -> Option<fn(&str) -> String> {
        match self.twist {
            "joins the lines of code" => Some(|code| code.replace('\n', " ")),
            "takes the indentation from code" => Some(|code| {
                let lines: Vec<_> = code.lines().map(str::trim_start).collect();
                lines.join("\n")
            }),
            "takes empty lines from code" => Some(|code| {
                let lines: Vec<_> = code.lines().filter(|line| !line.is_empty()).collect();
                lines.join("\n")
            }),
            _ => None,
        }
    }

    pub(super) async fn draft(&self, message: &OutMessage) -> std::result::Result<Draft, Undone> {
        let mut files = Vec::new();
        for attachment in &message.attachments {
            files.push(self.file(attachment).await.map_err(Ok)?);
        }
        if self.is("reverses files") {
            files.reverse();
        }
        if self.is("drops the second file") {
            files.truncate(1);
        }
        let mut text = self.text(&message.markup);
        if self.is("cuts long texts") {
            text = text.chars().take(1000).collect();
        }
        let reply_to = message
            .reply_to
            .as_ref()
            .map(|name| name.as_str().to_owned());
        let newest = || {
            let state = self.platform.state();
            let people = state
                .updates
                .iter()
                .filter(|update| update.sender != Who::US);
            people.map(|update| update.key.clone()).next_back()
        };
        Ok(Draft {
            text,
            files,
            reply_to: match self.twist {
                "ignores what it replies to" => None,
                "replies to everything" => reply_to.or_else(newest),
                "replies to the first" => reply_to.map(|_| "m1".to_owned()),
                _ => reply_to,
            },
            buttons: match self.twist {
                "shows no buttons" => Vec::new(),
                "shows one button" => message.choices.iter().take(1).cloned().collect(),
                "turns the buttons round" => message.choices.iter().rev().cloned().collect(),
                "shows buttons once more" => self.buttons(&message.choices),
                _ => message.choices.clone(),
            },
            preview: self.is("leaves previews on")
                || self.is("leaves previews on in replies") && message.reply_to.is_some(),
            ..Draft::default()
        })
    }

    /// Those of before, where there are none.
    fn buttons(&self, choices: &[String]) -> Vec<String> {
        let mut last = self.memory.buttons.lock().expect("whole");
        if !choices.is_empty() {
            *last = choices.to_vec();
        }
        last.clone()
    }

    pub(super) async fn say(
        &self,
        room: Room,
        id: Option<DeliveryId>,
        message: &OutMessage,
    ) -> std::result::Result<String, Undone> {
        let mut draft = self.draft(message).await?;
        draft.note = id.filter(|_| self.asks).map(|id| id.0);
        if self.is("says its last words again after a cut") {
            *self.memory.last_words.lock().expect("whole") = Some((room, draft.clone()));
        }
        let spoken = &self.memory.spoken;
        if !spoken.lock().expect("whole").insert(draft.text.clone())
            && self.is("says nothing twice")
        {
            return Ok("said before".to_owned());
        }
        if self.is("cuts where it likes")
            && let Some(at) = draft.text.find('\u{200D}')
        {
            let rest = Draft {
                text: draft.text.split_off(at),
                ..Draft::default()
            };
            self.post(room, draft).await?;
            return self.post(room, rest).await;
        }
        if self.is("breaks after a failed draft")
            && self.memory.broken.swap(false, Ordering::SeqCst)
        {
            return Err(failed(Failure::Refused));
        }
        let room = match self.twist {
            "answers in the chat that spoke last" => {
                self.memory.last_room.lock().expect("whole").unwrap_or(room)
            }
            "answers everybody in one chat" => Room::Dm(Who(1)),
            "answers every group in the first" if matches!(room, Room::Group(_)) => Room::Group(1),
            _ => room,
        };
        if ["sends in its own time", "sends when it likes"].contains(&self.twist) {
            let (this, nth) = (
                self.clone(),
                self.memory.queue.lock().expect("whole").len() as u64,
            );
            self.memory
                .queue
                .lock()
                .expect("whole")
                .push((room, draft.clone()));
            let wait = if self.is("sends in its own time") {
                200 - (nth * 20).min(200)
            } else {
                nth % 2 * 150
            };
            tokio::spawn(async move {
                sleep(Duration::from_millis(wait)).await;
                this.platform.send(&this.token, room, draft).await
            });
            return Ok(format!("later-{nth}"));
        }
        if self.is("answers elsewhere as well") {
            let _ = self
                .platform
                .send(&self.token, Room::Dm(Who(2)), draft.clone())
                .await;
        }
        self.post(room, draft).await
    }

    /// The one request, and what twists make of its failure.
    async fn post(&self, room: Room, draft: Draft) -> std::result::Result<String, Undone> {
        let sent = self.platform.send(&self.token, room, draft.clone()).await;
        match (self.twist, &sent) {
            ("waits for ever for an answer", Err(Failure::Lost)) => std::future::pending().await,
            ("asks until it is answered", Err(Failure::Lost)) => loop {
                let again = self.platform.send(&self.token, room, draft.clone()).await;
                if again != Err(Failure::Lost) {
                    return again.map_err(failed);
                }
            },
            ("waits out a limit by itself", Err(Failure::RateLimited(wait))) => {
                sleep(*wait).await;
                self.platform
                    .send(&self.token, room, draft)
                    .await
                    .map_err(failed)
            }
            (
                "tries again by itself",
                Err(Failure::Lost | Failure::Unreachable | Failure::ServerError),
            ) => self
                .platform
                .send(&self.token, room, draft)
                .await
                .map_err(failed),
            ("takes a limit for success", Err(Failure::RateLimited(_)))
            | ("takes a lost answer for success", Err(Failure::Lost))
            | ("takes an unreachable platform for success", Err(Failure::Unreachable))
            | ("takes a failing platform for success", Err(Failure::ServerError))
            | ("takes a refusal for success", Err(Failure::Refused))
            | ("takes a refused credential for success", Err(Failure::Unauthorized)) => {
                Ok("none".to_owned())
            }
            ("keeps a queue of its own", Err(Failure::Unreachable)) => {
                self.memory.queue.lock().expect("whole").push((room, draft));
                Ok("queued".to_owned())
            }
            _ => sent.map_err(failed),
        }
    }

    pub(super) async fn send_queue(&self) {
        let queue = std::mem::take(&mut *self.memory.queue.lock().expect("whole"));
        for (room, draft) in queue {
            let _ = self.platform.send(&self.token, room, draft).await;
        }
    }
}
