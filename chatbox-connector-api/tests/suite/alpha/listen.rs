//! The line to the platform, and the order in which what comes on it is handed on.

use super::Alpha;
use crate::platform::{Failure, Heard, Line, Update};
use chatbox_connector_api::{Inbound, Incoming, Result};
use futures_util::{StreamExt, stream};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

impl Alpha {
    /// Says its last words once more, when it listens again.
    pub(super) async fn repeat_itself(&self, first: bool) {
        let last = self.memory.last_words.lock().expect("whole").take();
        if let Some((room, draft)) = last.filter(|_| !first) {
            let _ = self.platform.send(&self.token, room, draft).await;
        }
    }

    pub(super) async fn lines(&self, after: usize) -> Result<Inbound> {
        let line = self.platform.listen(&self.token, Some(after)).await;
        let line = line.map_err(|failure| self.error(&failure))?;
        if self.is("leaves its old connections open") {
            let extra = self.platform.listen(&self.token, Some(after)).await;
            Box::leak(Box::new(extra));
        }
        if self.is("listens on after it was stopped") {
            return Ok(self.pumped(line));
        }
        let state = (self.clone(), line, VecDeque::new());
        let items = stream::unfold(state, |(this, mut line, mut ready)| async move {
            while ready.is_empty() {
                this.hear(&mut line, &mut ready).await;
            }
            ready.pop_front().map(|item| (item, (this, line, ready)))
        });
        Ok(items.boxed())
    }

    fn pumped(&self, mut line: Line) -> Inbound {
        let (sender, receiver) = mpsc::unbounded_channel();
        let this = self.clone();
        tokio::spawn(async move {
            loop {
                let mut ready = VecDeque::new();
                this.hear(&mut line, &mut ready).await;
                let lost = ready.iter().any(std::result::Result::is_err);
                ready.into_iter().for_each(|item| drop(sender.send(item)));
                if lost {
                    return;
                }
            }
        });
        stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|item| (item, receiver))
        })
        .boxed()
    }

    /// Waits for the next thing on the line and translates it.
    async fn hear(&self, line: &mut Line, ready: &mut VecDeque<Result<Incoming>>) {
        self.stall().await;
        let next = match self.twist {
            "shows life by its own clock" => timeout(Duration::from_millis(100), line.next())
                .await
                .unwrap_or(Ok(Heard::Beat)),
            _ => line.next().await,
        };
        let count = self.memory.sends.fetch_add(1, Ordering::SeqCst);
        match next {
            Ok(Heard::Beat) if self.is("never shows life") => {}
            Ok(Heard::Beat) if self.is("seldom shows life") && count % 10 != 9 => {}
            Ok(Heard::Beat) => ready.push_back(Ok(Incoming::Alive)),
            Ok(Heard::Update(update)) => self.updates(*update, line, ready).await,
            Err(Failure::Lost) if self.is("does not notice a cut") => {
                sleep(Duration::from_millis(100)).await;
                ready.push_back(Ok(Incoming::Alive));
            }
            Err(Failure::Lost) if self.hides_outages() => {
                sleep(Duration::from_millis(30)).await;
                ready.push_back(Ok(Incoming::Alive));
                if let Ok(fresh) = self
                    .platform
                    .listen(
                        &self.token,
                        Some(self.memory.highest.load(Ordering::SeqCst)),
                    )
                    .await
                {
                    *line = fresh;
                    self.send_queue().await;
                }
            }
            Err(failure) => ready.push_back(Err(self.error(&failure))),
        }
    }

    fn hides_outages(&self) -> bool {
        ["hides an outage", "keeps a queue of its own"].contains(&self.twist)
    }

    /// One update and, for twists about order, those right behind it.
    async fn updates(
        &self,
        first: Update,
        line: &mut Line,
        ready: &mut VecDeque<Result<Incoming>>,
    ) {
        let mut batch = vec![first];
        if ["hands on the newest first", "swaps neighbours"].contains(&self.twist) {
            while let Ok(Ok(Heard::Update(next))) =
                timeout(Duration::from_millis(30), line.next()).await
            {
                batch.push(*next);
            }
        }
        let batch_end = batch.last().map_or(0, |update| update.number);
        match self.twist {
            "hands on the newest first" => batch.reverse(),
            "swaps neighbours" => batch.chunks_mut(2).for_each(<[Update]>::reverse),
            _ => {}
        }
        for update in batch {
            self.memory
                .highest
                .fetch_max(update.number, Ordering::SeqCst);
            self.update(update, batch_end, ready).await;
        }
    }
}
