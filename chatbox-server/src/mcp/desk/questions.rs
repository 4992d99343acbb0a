//! Questions of a mailbox: kept as records, put once, answered from the log.

use super::Desk;
use crate::mcp::question::{End, Heard, Question, Reply};
use crate::mcp::refusal::Refusal;
use crate::records;
use chatbox_core::Say;
use chatbox_core::admit::hash;
use chatbox_core::connector::Revision;
use chatbox_core::event::{Content, EventBody};
use chatbox_core::id::{Millis, Seq};
use chatbox_core::store::{Author, Chat, LogRow, RecordKind};
use std::time::SystemTime;

/// How many rows are looked at at once.
const PAGE: u32 = 200;

impl Desk {
    /// A question of this mailbox as it is kept, and how often it was written.
    pub(in crate::mcp) async fn question(
        &self,
        id: &str,
    ) -> Result<Option<(Question, Revision)>, Refusal> {
        let key = self.key(id);
        let record = self.store().record(RecordKind::Question, &key).await?;
        Ok(record.and_then(|it| Some((records::body(&it)?, it.rev))))
    }

    /// Writes a question down, unless somebody else has since; says how often it was written then.
    pub(in crate::mcp) async fn keep_question(
        &self,
        question: &Question,
        rev: Revision,
    ) -> Result<Option<Revision>, Refusal> {
        let key = self.key(&question.id);
        let body = records::written(question);
        self.keep_record(RecordKind::Question, key, rev, body).await
    }

    /// Puts a question; the same again is the same row.
    pub(in crate::mcp) async fn put(&self, question: &Question) -> Result<Seq, Refusal> {
        let chat = self.asked_in(question).await?;
        let say = Say::Message(Content {
            choices: question.choices.clone(),
            ..Content::text(question.said(chat.kind))
        });
        let author = Author::Mailbox {
            id: self.mailbox.clone(),
        };
        let key = format!("question/{}", self.key(&question.id));
        Ok(self.app.chatbox.say_once(chat.id, author, say, key).await?)
    }

    /// Where a question is asked.
    pub(in crate::mcp) async fn asked_in(&self, question: &Question) -> Result<Chat, Refusal> {
        let chat = self.store().chat(question.chat).await?;
        chat.ok_or_else(|| gone("chat"))
    }

    /// What has come of a question by now. `heard` is what was read of its chat so far, and grows.
    pub(in crate::mcp) async fn end_of(
        &self,
        question: &Question,
        chat: &Chat,
        heard: &mut Vec<Heard>,
    ) -> Result<Option<End>, Refusal> {
        let now = now();
        let Some(asked) = question.row else {
            return Ok((now > question.until).then_some(End::Expired));
        };
        // What somebody answered may have been named by its platform only since.
        for it in heard.iter_mut() {
            if it.replies_to == Some(Reply::Elsewhere) {
                it.replies_to = self.reply(&it.row, chat).await?;
            }
        }
        let mut after = heard.last().map_or(asked, |last| last.row.seq);
        loop {
            let rows = self.store().since(chat.id, after, PAGE).await?;
            let Some(last) = rows.last().map(|row| row.seq) else {
                return Ok(question.end(chat.kind, heard, now));
            };
            after = last;
            for row in rows {
                let replies_to = self.reply(&row, chat).await?;
                heard.push(Heard { row, replies_to });
            }
        }
    }

    async fn reply(&self, row: &LogRow, chat: &Chat) -> Result<Option<Reply>, Refusal> {
        let to = match &row.body {
            EventBody::Action(action) => action.target.as_ref(),
            body => body.content().and_then(|it| it.reply_to.as_ref()),
        };
        let Some(to) = to else {
            return Ok(None);
        };
        let seq = self.store().seq_of(&chat.connection, to).await?;
        let seq = match (seq, to.as_str().parse()) {
            (None, Ok(number)) => self.only_a_row(Seq(number)).await?,
            (seq, _) => seq,
        };
        Ok(Some(seq.map_or(Reply::Elsewhere, Reply::To)))
    }

    /// What was only ever a row is called by its number; on a platform with numbers of its own that number is another message.
    async fn only_a_row(&self, seq: Seq) -> Result<Option<Seq>, Refusal> {
        let names = self.store().names_of(seq).await?;
        Ok(names.is_empty().then_some(seq))
    }

    /// Under what a question is kept.
    fn key(&self, id: &str) -> String {
        hash(&format!("{}\n{id}", self.mailbox))
    }
}

fn gone(what: &str) -> Refusal {
    chatbox_core::Error::NotFound(what.to_owned()).into()
}

/// The time by this machine's clock.
pub(in crate::mcp) fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.unwrap_or_default().as_millis();
    Millis(i64::try_from(millis).unwrap_or(i64::MAX))
}
