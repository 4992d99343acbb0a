//! How one socket follows its chat: every line once, in the order of the log, whatever was missed on the way.
//!
//! Live lines come from the seat, each with the one before it. After a gap they are read from the log, a page at a time,
//! until a short page shows that nothing is missing. Correct because a line is committed before it is told: what is told while a page is read is
//! in that page or still waiting.

use crate::inbound::After;
use crate::outbound::{self, Bounds, Shown, Sync, Welcome};
use crate::seat::{Seat, Waiting};
use chatbox_connector_api::event::EventBody;
use chatbox_connector_api::id::Seq;
use chatbox_connector_api::{Line, Positions, Transcript, TranscriptError, Voice};
use std::sync::Arc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Lines read from the log at once while catching up.
const PAGE: u32 = 32;
/// Lines a client gets that starts anew.
const FRESH: u32 = 50;
/// Lines a client may have missed and still go on where it was.
const RESUMABLE: u32 = 200;
/// About the most text of a frame that holds many lines, in bytes.
const BATCH_BYTES: usize = 256 * 1024;

/// One socket's place in its chat.
#[derive(Debug)]
pub(crate) struct Reader {
    seat: Arc<Seat>,
    log: Arc<dyn Transcript>,
    sent: Seq,
    shown: Shown,
    behind: bool,
    draft: Option<i64>,
}

impl Reader {
    /// A reader that has sent nothing yet. The seat must be in the hub already: what is committed from now on waits.
    pub(crate) fn new(seat: Arc<Seat>, log: Arc<dyn Transcript>) -> Self {
        Self {
            seat,
            log,
            sent: Seq::ZERO,
            shown: Shown::default(),
            behind: false,
            draft: None,
        }
    }

    /// The newest line the client was given.
    pub(crate) fn sent(&self) -> Seq {
        self.sent
    }

    /// The first frame, and whether the client's place in the log was one.
    pub(crate) async fn welcome(
        &mut self,
        after: After,
        bounds: Bounds,
    ) -> Result<(bool, Utf8Bytes), TranscriptError> {
        let positions = self.log.positions(&self.seat.chat).await?;
        let place = match after {
            After::Line(seq) if seq <= positions.head => Some(seq),
            _ => None,
        };
        let valid = place.is_some() || after == After::Nothing;
        if let Some(seq) = place
            && let Some(frame) = self.resumed(seq, &positions, bounds).await?
        {
            return Ok((valid, frame));
        }
        Ok((valid, self.fresh(&positions, bounds).await?))
    }

    async fn resumed(
        &mut self,
        after: Seq,
        positions: &Positions,
        bounds: Bounds,
    ) -> Result<Option<Utf8Bytes>, TranscriptError> {
        let chat = &self.seat.chat;
        let lines = self.log.since(chat, after, RESUMABLE + 1).await?;
        if lines.len() > RESUMABLE as usize {
            return Ok(None);
        }
        let fitting = fitting(lines.iter());
        self.behind = fitting < lines.len();
        let lines = &lines[..fitting];
        self.sent = lines.last().map_or(after, |line| line.seq);
        Ok(Some(self.greet(
            positions,
            Sync::Resumed,
            lines,
            false,
            bounds,
        )))
    }

    async fn fresh(
        &mut self,
        positions: &Positions,
        bounds: Bounds,
    ) -> Result<Utf8Bytes, TranscriptError> {
        let lines = self.log.before(&self.seat.chat, None, FRESH).await?;
        let more = lines.len() >= FRESH as usize;
        let (lines, cut) = newest(&lines);
        self.sent = lines.last().map_or(Seq::ZERO, |line| line.seq);
        Ok(self.greet(positions, Sync::Full, lines, more || cut, bounds))
    }

    fn greet(
        &mut self,
        positions: &Positions,
        sync: Sync,
        lines: &[Line],
        more: bool,
        bounds: Bounds,
    ) -> Utf8Bytes {
        self.shown = positions.into();
        if self.behind {
            self.seat.ring();
        }
        outbound::welcome(&Welcome {
            visitor: &self.seat.visitor,
            positions,
            sync,
            lines,
            more,
            bounds,
        })
    }

    /// The frames for what waited, in order. Rings the seat's bell when there is more to read.
    pub(crate) async fn frames(
        &mut self,
        waiting: Waiting,
    ) -> Result<Vec<Utf8Bytes>, TranscriptError> {
        let mut frames = Vec::new();
        let mut positions = waiting.positions;
        if waiting.behind {
            self.behind = true;
            positions = Some((&self.log.positions(&self.seat.chat).await?).into());
        }
        if self.behind {
            self.catch_up(&mut frames).await?;
        }
        if !self.behind {
            self.live(waiting, &mut frames);
        }
        if let Some(shown) = positions.filter(|shown| *shown != self.shown) {
            self.shown = shown;
            frames.push(outbound::positions(shown));
        }
        Ok(frames)
    }

    async fn catch_up(&mut self, frames: &mut Vec<Utf8Bytes>) -> Result<(), TranscriptError> {
        let page = self.log.since(&self.seat.chat, self.sent, PAGE).await?;
        self.behind = page.len() >= PAGE as usize;
        for line in &page {
            if !matches!(line.from, Voice::Person { .. }) {
                self.end_draft(self.draft, frames);
            }
            frames.push(outbound::line(&self.seat.visitor, line));
            self.sent = line.seq;
        }
        if self.behind {
            self.seat.ring();
        }
        Ok(())
    }

    fn live(&mut self, waiting: Waiting, frames: &mut Vec<Utf8Bytes>) {
        for told in waiting.lines {
            if told.seq <= self.sent {
                continue;
            }
            if told.prev > self.sent {
                self.behind = true;
                self.seat.ring();
                return;
            }
            self.end_draft(told.ends, frames);
            frames.push(told.frame);
            self.sent = told.seq;
        }
        if waiting.typing {
            frames.push(outbound::typing());
        }
        if let Some((id, frame)) = waiting.draft {
            self.draft = Some(id);
            frames.push(frame);
        }
    }

    fn end_draft(&mut self, ends: Option<i64>, frames: &mut Vec<Utf8Bytes>) {
        if ends.is_some() && ends == self.draft {
            frames.extend(self.draft.take().map(outbound::draft_end));
        }
    }

    /// A `lines` frame of what came before a place.
    pub(crate) async fn history(
        &self,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Utf8Bytes, TranscriptError> {
        let lines = self.log.before(&self.seat.chat, before, limit).await?;
        let more = lines.len() >= limit as usize;
        let (lines, cut) = newest(&lines);
        Ok(outbound::lines(&self.seat.visitor, lines, more || cut))
    }

    /// The line at a place of this chat.
    pub(crate) async fn line(&self, seq: Seq) -> Result<Option<Line>, TranscriptError> {
        let before = Seq(seq.0.saturating_sub(1));
        let lines = self.log.since(&self.seat.chat, before, 1).await?;
        Ok(lines.into_iter().find(|line| line.seq == seq))
    }

    /// The visitor has read up to a place. What is not a place is ignored.
    pub(crate) async fn seen(&self, seq: Seq) -> Result<(), TranscriptError> {
        let person = &self.seat.visitor.id;
        match self.log.mark_seen(&self.seat.chat, person, seq).await {
            Err(TranscriptError::Future(_)) => Ok(()),
            other => other,
        }
    }
}

/// How many of these lines fit into one frame: all or some of them, and always one.
fn fitting<'a>(lines: impl Iterator<Item = &'a Line>) -> usize {
    let mut room = BATCH_BYTES;
    let mut fits = |line: &Line| {
        let size = size(line);
        let fits = size <= room;
        room = room.saturating_sub(size);
        fits
    };
    let mut lines = lines.peekable();
    let any = usize::from(lines.peek().is_some());
    lines.take_while(|line| fits(line)).count().max(any)
}

/// The newest of these lines that fit into one frame, and whether some were left out.
fn newest(lines: &[Line]) -> (&[Line], bool) {
    let count = fitting(lines.iter().rev());
    (&lines[lines.len() - count..], count < lines.len())
}

fn size(line: &Line) -> usize {
    const FRAME: usize = 200;
    let text = match &line.body {
        EventBody::Message(content) | EventBody::Edit { content, .. } => content.text.len(),
        _ => 0,
    };
    text + FRAME
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Visitor;
    use crate::seat::Told;
    use async_trait::async_trait;
    use chatbox_connector_api::News;
    use chatbox_connector_api::event::Content;
    use chatbox_connector_api::id::{ExternalId, Handle, Millis};
    use proptest::prelude::*;
    use std::sync::{Mutex, Weak};
    use tokio::sync::broadcast;

    /// What happens around a reader.
    #[derive(Clone, Copy, Debug)]
    enum Happens {
        /// A line is committed; its news is on the way.
        Commit,
        /// More lines than a page holds.
        Burst,
        /// News arrives, not always the oldest.
        Arrive(usize),
        /// All news on the way is lost, and the hub says so.
        Lose,
        /// The socket writes what waits.
        Write,
    }

    /// A log whose reads take long: things happen between the reading and the answer.
    #[derive(Debug, Default)]
    struct World {
        lines: Mutex<Vec<Line>>,
        news: Mutex<Vec<Told>>,
        meanwhile: Mutex<Vec<Happens>>,
        seat: Mutex<Weak<Seat>>,
    }

    impl World {
        fn happen(&self, what: Happens) {
            let seat = self.seat.lock().expect("no panic").upgrade();
            let seat = seat.expect("the test holds it");
            match what {
                Happens::Commit => self.commit(),
                Happens::Burst => (0..PAGE + 7).for_each(|_| self.commit()),
                Happens::Arrive(nth) => {
                    let mut news = self.news.lock().expect("no panic");
                    if !news.is_empty() {
                        let nth = nth % news.len();
                        seat.tell(&news.remove(nth));
                    }
                }
                Happens::Lose => {
                    self.news.lock().expect("no panic").clear();
                    seat.lag();
                }
                Happens::Write => {}
            }
        }

        fn commit(&self) {
            let mut lines = self.lines.lock().expect("no panic");
            let prev = lines.last().map_or(Seq::ZERO, |line| line.seq);
            let seq = Seq(prev.0 + 3);
            let line = Line {
                seq,
                at: Millis(0),
                from: Voice::Agent,
                body: EventBody::Message(Content::text("x")),
                target: None,
                event: None,
            };
            let frame = seq.to_string().into();
            lines.push(line);
            let told = Told {
                seq,
                prev,
                frame,
                ends: None,
            };
            self.news.lock().expect("no panic").push(told);
        }

        fn meanwhile(&self) {
            for _ in 0..3 {
                let next = self.meanwhile.lock().expect("no panic").pop();
                next.into_iter().for_each(|what| self.happen(what));
            }
        }
    }

    #[async_trait]
    impl Transcript for World {
        async fn since(
            &self,
            _: &Handle,
            after: Seq,
            limit: u32,
        ) -> Result<Vec<Line>, TranscriptError> {
            let lines = {
                let lines = self.lines.lock().expect("no panic");
                let lines = lines.iter().filter(|line| line.seq > after);
                lines.take(limit as usize).cloned().collect()
            };
            self.meanwhile();
            Ok(lines)
        }

        async fn before(
            &self,
            _: &Handle,
            _: Option<Seq>,
            limit: u32,
        ) -> Result<Vec<Line>, TranscriptError> {
            let lines = self.lines.lock().expect("no panic").clone();
            self.meanwhile();
            Ok(lines[lines.len().saturating_sub(limit as usize)..].to_vec())
        }

        async fn positions(&self, _: &Handle) -> Result<Positions, TranscriptError> {
            let lines = self.lines.lock().expect("no panic");
            let head = lines.last().map_or(Seq::ZERO, |line| line.seq);
            Ok(Positions {
                head,
                ..Positions::default()
            })
        }

        async fn mark_seen(
            &self,
            _: &Handle,
            _: &ExternalId,
            _: Seq,
        ) -> Result<(), TranscriptError> {
            Ok(())
        }

        fn news(&self) -> broadcast::Receiver<News> {
            broadcast::channel(1).1
        }
    }

    const BOUNDS: Bounds = Bounds {
        text_bytes: 1,
        upload_bytes: 1,
        files: 1,
    };

    /// The places a frame speaks of: a bare number (told live), a `line`, or a `welcome` with many.
    fn places(frame: &str) -> Vec<i64> {
        let frame: serde_json::Value = serde_json::from_str(frame).expect("it is JSON");
        let place = |line: &serde_json::Value| line["seq"].as_i64().expect("a line has a place");
        match frame["lines"].as_array() {
            Some(lines) => lines.iter().map(place).collect(),
            None => vec![frame.as_i64().unwrap_or_else(|| place(&frame))],
        }
    }

    /// Everything a client gets, from its welcome until nothing more waits.
    async fn follow(
        before: usize,
        script: Vec<Happens>,
        during: Vec<Happens>,
        lost: bool,
    ) -> (Vec<i64>, Vec<i64>) {
        let world = Arc::new(World::default());
        let visitor = Visitor {
            id: "ann".into(),
            name: None,
        };
        let seat = Seat::new(visitor, "ann".into(), None, 4);
        *world.seat.lock().expect("no panic") = Arc::downgrade(&seat);
        (0..before).for_each(|_| world.commit());
        *world.meanwhile.lock().expect("no panic") = during;
        let mut reader = Reader::new(seat.clone(), world.clone());
        let (_, welcome) = reader
            .welcome(After::Nothing, BOUNDS)
            .await
            .expect("it reads");
        let mut got = places(&welcome);
        for what in script {
            if matches!(what, Happens::Write) {
                let frames = reader.frames(seat.take()).await.expect("it reads");
                got.extend(frames.iter().flat_map(|frame| places(frame)));
            } else {
                world.happen(what);
            }
        }
        world.meanwhile.lock().expect("no panic").clear();
        if lost {
            world.happen(Happens::Lose);
        }
        while !world.news.lock().expect("no panic").is_empty() {
            world.happen(Happens::Arrive(0));
        }
        while tokio::time::timeout(std::time::Duration::ZERO, seat.called())
            .await
            .is_ok()
        {
            let frames = reader.frames(seat.take()).await.expect("it reads");
            got.extend(frames.iter().flat_map(|frame| places(frame)));
        }
        let lines = world.lines.lock().expect("no panic");
        let first = lines.len().min(before).saturating_sub(FRESH as usize);
        let all = lines[first..].iter().map(|line| line.seq.0).collect();
        (got, all)
    }

    fn happens() -> impl Strategy<Value = Happens> {
        prop_oneof![
            8 => Just(Happens::Commit),
            1 => Just(Happens::Burst),
            8 => any::<usize>().prop_map(Happens::Arrive),
            1 => Just(Happens::Lose),
            6 => Just(Happens::Write),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn every_line_comes_once_and_in_order(
            before in 0_usize..120,
            script in prop::collection::vec(happens(), 0..200),
            during in prop::collection::vec(happens(), 0..40),
            lost in any::<bool>(),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let (got, all) = runtime.expect("a runtime").block_on(follow(before, script, during, lost));
            prop_assert_eq!(got, all);
        }
    }

    #[tokio::test]
    async fn a_frame_holds_at_least_one_line() {
        let line = |text: usize| Line {
            seq: Seq(1),
            at: Millis(0),
            from: Voice::Agent,
            body: EventBody::Message(Content::text("x".repeat(text))),
            target: None,
            event: None,
        };
        let lines = [line(10), line(BATCH_BYTES * 2), line(10)];
        assert_eq!(fitting(lines.iter()), 1);
        assert_eq!(fitting(lines[1..].iter()), 1);
        assert_eq!(newest(&lines), (&lines[2..], true));
        assert_eq!(fitting([].iter()), 0);
    }
}
