//! Rows of the database as values.

use super::failed;
use chatbox_core::connector::{Cursor, Revision};
use chatbox_core::event::{EventBody, Media};
use chatbox_core::focus::{Focus, Recap};
use chatbox_core::id::Fence;
use chatbox_core::id::{
    AccountId, ChatId, ConnectionId, DeliveryId, EventId, ExternalId, Handle, MailboxId, Millis,
    Platform, Seq, SessionId,
};
use chatbox_core::store::{
    Attention, Backlog, Chat, Connection, Delivery, Depth, LaneKey, LaneKind, LogRow, Mailbox,
    News, Note, Noted, Overview, Parcel, PendingMedia, Position, Record, Remembered, Sent,
    StateBox, StoreError, Subscription, Token, TurnRow,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::borrow::Cow;

/// A value made of one row.
pub(super) trait FromRow: Sized {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError>;
}

pub(super) fn text(row: &SqliteRow, column: &str) -> Result<String, StoreError> {
    row.try_get(column).map_err(failed)
}

pub(super) fn number(row: &SqliteRow, column: &str) -> Result<i64, StoreError> {
    row.try_get(column).map_err(failed)
}

fn flag(row: &SqliteRow, column: &str) -> Result<bool, StoreError> {
    Ok(number(row, column)? != 0)
}

fn maybe<T>(row: &SqliteRow, column: &str) -> Result<Option<T>, StoreError>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(column).map_err(failed)
}

/// A column of JSON.
fn json<T: DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<T, StoreError> {
    serde_json::from_str(&text(row, column)?).map_err(failed)
}

fn maybe_json<T: DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<Option<T>, StoreError> {
    let text: Option<String> = maybe(row, column)?;
    let value = text.map(|text| serde_json::from_str(&text));
    value.transpose().map_err(failed)
}

/// A column that holds the bare word of an enum.
fn word<T: DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<T, StoreError> {
    serde_json::from_value(text(row, column)?.into()).map_err(failed)
}

impl FromRow for Mailbox {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: MailboxId::new(text(row, "id")?),
            account: AccountId::new(text(row, "account")?),
            name: text(row, "name")?,
            door: word(row, "door")?,
            scope: word(row, "scope")?,
            focus: Focus::from_row(row)?,
            standing: word(row, "status")?,
            fails: u32::try_from(number(row, "fails")?).map_err(failed)?,
        })
    }
}

impl FromRow for Focus {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        let recap = |upto| -> Result<_, StoreError> {
            let after = Seq(number(row, "recap_from")?);
            Ok(Recap { after, upto })
        };
        Ok(Self {
            chat: maybe(row, "focal")?.map(ChatId),
            revision: number(row, "focus_rev")?,
            recap: maybe(row, "recap_to")?.map(Seq).map(recap).transpose()?,
        })
    }
}

impl FromRow for Depth {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            sends: number(row, "sends")?.unsigned_abs(),
            hand_outs: number(row, "hand_outs")?.unsigned_abs(),
        })
    }
}

impl FromRow for Backlog {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            rows: number(row, "depth")?.unsigned_abs(),
            oldest: maybe(row, "oldest")?.map(Millis),
        })
    }
}

impl FromRow for Overview {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        let last: Option<i64> = maybe(row, "seq")?;
        Ok(Self {
            chat: Chat::from_row(row)?,
            unread: number(row, "unread")?.unsigned_abs(),
            muted: flag(row, "muted")?,
            last: last.map(|_| LogRow::from_row(row)).transpose()?,
        })
    }
}

impl FromRow for Attention {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        let focal: Option<i64> = maybe(row, "chat_id")?;
        Ok(Self {
            mailbox: Mailbox::from_row(row)?,
            focal: focal.map(|_| Chat::from_row(row)).transpose()?,
        })
    }
}

/// News: a row each, and one that has only what all share where there are none.
pub(super) fn news(rows: &[SqliteRow]) -> Result<News, StoreError> {
    let mut news = News::default();
    for row in rows {
        news.head = Seq(maybe(row, "newest")?.unwrap_or(0));
        news.focal = maybe(row, "focal")?.map(ChatId);
        if maybe::<i64>(row, "seq")?.is_some() {
            news.rows
                .push((LogRow::from_row(row)?, Chat::from_row(row)?));
        }
    }
    Ok(news)
}

impl FromRow for Connection {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: ConnectionId::new(text(row, "id")?),
            mailbox: MailboxId::new(text(row, "reader")?),
            platform: Platform::new(text(row, "platform")?),
            ident: ExternalId::new(text(row, "ident")?),
            settings: text(row, "settings")?,
            secret: maybe_json(row, "secret")?,
            policy: json(row, "policy")?,
            policy_rev: number(row, "policy_rev")?,
            cursor: maybe(row, "cursor")?.map(Cursor),
        })
    }
}

impl FromRow for Chat {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: ChatId(number(row, "chat_id")?),
            connection: ConnectionId::new(text(row, "connection")?),
            mailbox: MailboxId::new(text(row, "reader")?),
            platform: Platform::new(text(row, "platform")?),
            handle: Handle::new(text(row, "handle")?),
            kind: word(row, "chat_kind")?,
            name: maybe(row, "chat_name")?,
            session: SessionId(number(row, "session")?),
            head: Seq(number(row, "head")?),
        })
    }
}

impl FromRow for LogRow {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            seq: Seq(number(row, "seq")?),
            chat: ChatId(number(row, "chat")?),
            author: json(row, "author")?,
            out: flag(row, "out")?,
            body: as_it_shows(json(row, "body")?, flag(row, "revised")?),
            event: maybe(row, "event_id")?.map(|id: String| EventId::new(id)),
            target: maybe(row, "target")?.map(Seq),
            late: flag(row, "late")?,
            wakes: flag(row, "wakes")?,
            at: Millis(number(row, "at")?),
        })
    }
}

/// What took a message's place shows as a message.
fn as_it_shows(body: EventBody, revised: bool) -> EventBody {
    match body {
        EventBody::Edit { content, .. } if revised => EventBody::Message(content),
        body => body,
    }
}

/// A row among others in one value: what [`LogRow`] is made of, in the order of its columns.
#[derive(Deserialize)]
struct Packed<'a>(
    i64,
    i64,
    #[serde(borrow)] Cow<'a, str>,
    i64,
    #[serde(borrow)] Cow<'a, str>,
    i64,
    Option<String>,
    Option<i64>,
    i64,
    i64,
    i64,
);

/// Rows that came as one value.
pub(super) fn unpack(packed: &str) -> Result<Vec<LogRow>, StoreError> {
    let rows: Vec<Packed<'_>> = serde_json::from_str(packed).map_err(failed)?;
    rows.into_iter().map(LogRow::try_from).collect()
}

impl TryFrom<Packed<'_>> for LogRow {
    type Error = StoreError;

    fn try_from(row: Packed<'_>) -> Result<Self, StoreError> {
        let Packed(seq, chat, author, out, body, revised, event, target, late, wakes, at) = row;
        let body = serde_json::from_str(&body).map_err(failed)?;
        Ok(Self {
            seq: Seq(seq),
            chat: ChatId(chat),
            author: serde_json::from_str(&author).map_err(failed)?,
            out: out != 0,
            body: as_it_shows(body, revised != 0),
            event: event.map(EventId::new),
            target: target.map(Seq),
            late: late != 0,
            wakes: wakes != 0,
            at: Millis(at),
        })
    }
}

impl FromRow for Position {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            reader: text(row, "reader")?,
            handed: Seq(number(row, "handed")?),
            seen: Seq(number(row, "seen")?),
        })
    }
}

/// The kind of the lane that a delivery is in.
fn lane_kind(parcel: &Parcel) -> LaneKind {
    match parcel {
        Parcel::Perform(_) => LaneKind::Out,
        Parcel::Hand { .. } | Parcel::Event { .. } => LaneKind::Push,
    }
}

impl FromRow for Delivery {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        let parcel = json(row, "verb")?;
        Ok(Self {
            id: DeliveryId(number(row, "id")?),
            seq: Seq(number(row, "seq")?),
            part: u32::try_from(number(row, "part")?).map_err(failed)?,
            lane: LaneKey {
                kind: lane_kind(&parcel),
                owner: text(row, "owner")?,
                key: text(row, "key")?,
            },
            chat: ChatId(number(row, "chat")?),
            class: word(row, "class")?,
            parcel,
            state: word(row, "state")?,
            attempts: u32::try_from(number(row, "attempts")?).map_err(failed)?,
            expires: Millis(number(row, "expires")?),
            receipt: maybe_json(row, "receipt")?,
            reason: maybe(row, "reason")?,
            at: Millis(number(row, "at")?),
        })
    }
}

impl FromRow for Sent {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            delivery: Delivery::from_row(row)?,
            since: Millis(number(row, "since")?),
        })
    }
}

impl FromRow for TurnRow {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            fence: Fence(number(row, "fence")?),
            attempt: u32::try_from(number(row, "attempt")?).map_err(failed)?,
            state: text(row, "state")?,
            at: Millis(number(row, "at")?),
            reason: maybe(row, "reason")?,
        })
    }
}

impl FromRow for Token {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            prefix: text(row, "prefix")?,
            hash: text(row, "hash")?,
            account: AccountId::new(text(row, "account_name")?),
            principal: text(row, "principal")?,
            scopes: json(row, "scopes")?,
            until: maybe(row, "until")?.map(Millis),
        })
    }
}

impl FromRow for Record {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            kind: word(row, "kind")?,
            account: AccountId::new(text(row, "account_name")?),
            id: text(row, "id")?,
            name: text(row, "name")?,
            rev: number(row, "rev")?,
            body: text(row, "body")?,
            uses: json(row, "uses")?,
            at: Millis(number(row, "at")?),
        })
    }
}

impl FromRow for Subscription {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: text(row, "id")?,
            account: AccountId::new(text(row, "account_name")?),
            events: json(row, "events")?,
            standing: word(row, "status")?,
            fails: u32::try_from(number(row, "fails")?).map_err(failed)?,
            dropped: number(row, "dropped")?.unsigned_abs(),
            at: Millis(number(row, "at")?),
        })
    }
}

impl FromRow for Remembered {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            asked: text(row, "asked")?,
            reply: text(row, "reply")?,
        })
    }
}

impl FromRow for Noted {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: number(row, "id")?,
            at: Millis(number(row, "at")?),
            note: Note {
                account: AccountId::new(text(row, "account_name")?),
                by: text(row, "by")?,
                action: text(row, "action")?,
                target: text(row, "target")?,
            },
        })
    }
}

impl FromRow for (Revision, StateBox) {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok((number(row, "rev")?, json(row, "box")?))
    }
}

/// The files of a message that are still with their platform.
pub(super) fn files_to_fetch(row: &LogRow) -> Vec<PendingMedia> {
    let files = row.body.content().map(|it| it.attachments.as_slice());
    let files = (0..).zip(files.unwrap_or_default());
    let waiting = files.filter_map(|(index, file)| match &file.media {
        Media::Pending { source } => Some(PendingMedia {
            seq: row.seq,
            index,
            source: source.clone(),
            name: file.name.clone(),
            mime: file.mime.clone(),
        }),
        _ => None,
    });
    waiting.collect()
}
