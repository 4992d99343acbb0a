//! Rows of the tables as values.

use chatbox_core::connector::{Cursor, Receipt};
use chatbox_core::event::{Attachment, EventBody};
use chatbox_core::focus::{Focus, Recap};
use chatbox_core::id::{ChatId, DeliveryId, Millis, Seq, SessionId};
use chatbox_core::store::{
    Attention, Author, Chat, Connection, Delivery, DeliveryState, LaneKey, LaneKind, LogRow,
    Mailbox, News, Parcel, Sent,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::postgres::PgRow;

type Result<T> = std::result::Result<T, sqlx::Error>;

/// What [`log_row`] reads. The row is `l`; its newest body joins as `b`, read through to where its files are now.
macro_rules! log_columns {
    () => {
        "l.seq, l.chat, l.by, l.author, l.author_name, l.\"out\", l.event_id, \
         l.target, l.late, l.wakes, l.at, l.cur_seq, b.body, \
         CASE WHEN b.files > 0 THEN (SELECT json_agg(json_build_object('name', m.name, 'mime', m.mime, 'size', m.size, \
             'place', m.place) ORDER BY m.idx)::text FROM media m WHERE m.seq = b.seq) END AS files"
    };
}
pub(super) use log_columns;

/// What [`log_row`] reads, from the log.
pub(super) const LOG_ROW: &str = concat!(
    "SELECT ",
    log_columns!(),
    " FROM log l JOIN content b ON b.seq = coalesce(l.cur_seq, l.seq)"
);

/// What [`delivery`] reads.
pub(super) const DELIVERY: &str = "SELECT id, seq, part, chat, owner, key, class, payload, state, attempts, expires, \
    receipt, degraded, reason, at, since FROM outbox";

/// What [`chat`] reads. The chat is `c`.
macro_rules! chat_columns {
    () => {
        "c.id AS chat_id, c.conn, c.mailbox, c.platform, c.handle, c.kind AS chat_kind, c.name AS chat_name, c.session, \
         c.head"
    };
}
pub(super) use chat_columns;

/// What [`chat`] reads, from the chats.
pub(super) const CHAT: &str = concat!("SELECT ", chat_columns!(), " FROM chats c");

/// What [`mailbox`] reads. The mailbox is `r`.
macro_rules! mailbox_columns {
    () => {
        "r.id, r.account, r.name, r.door, r.scope, r.focal, r.focus_rev, r.recap_from, r.recap_to, r.status, r.fails"
    };
}
pub(super) use mailbox_columns;

/// A document kept as text.
pub(super) fn document<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// A word of a closed set, as it is written in documents.
pub(super) fn word<T: DeserializeOwned>(text: String) -> Result<T> {
    let value = serde_json::Value::String(text);
    serde_json::from_value(value).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

pub(super) fn log_row(row: &PgRow) -> Result<LogRow> {
    let mut body: EventBody = document(row.try_get("body")?)?;
    if let Some(files) = row.try_get::<Option<&str>, _>("files")? {
        place_files(&mut body, document(files)?)?;
    }
    let revised = row.try_get::<Option<i64>, _>("cur_seq")?.is_some();
    if let (true, EventBody::Edit { content, .. }) = (revised, &body) {
        body = EventBody::Message(content.clone());
    }
    Ok(LogRow {
        seq: Seq(row.try_get("seq")?),
        chat: ChatId(row.try_get("chat")?),
        author: author(row)?,
        out: row.try_get("out")?,
        body,
        event: text(row, "event_id")?,
        target: row.try_get::<Option<i64>, _>("target")?.map(Seq),
        late: row.try_get("late")?,
        wakes: row.try_get("wakes")?,
        at: Millis(row.try_get("at")?),
    })
}

fn author(row: &PgRow) -> Result<Author> {
    let id: &str = row.try_get("author")?;
    Ok(match row.try_get("by")? {
        "person" => Author::Person {
            id: id.into(),
            name: row.try_get("author_name")?,
        },
        "mailbox" => Author::Mailbox { id: id.into() },
        _ => Author::System,
    })
}

/// A file as its row says.
#[derive(Deserialize)]
struct File {
    name: String,
    mime: String,
    size: Option<u64>,
    place: String,
}

fn place_files(body: &mut EventBody, files: Vec<File>) -> Result<()> {
    let (EventBody::Message(content) | EventBody::Edit { content, .. }) = body else {
        return Ok(());
    };
    let attachments = files.into_iter().map(|file| {
        Ok(Attachment {
            media: document(&file.place)?,
            name: file.name,
            mime: file.mime,
            size: file.size,
        })
    });
    content.attachments = attachments.collect::<Result<_>>()?;
    Ok(())
}

fn text<T: From<String>>(row: &PgRow, column: &str) -> Result<Option<T>> {
    Ok(row.try_get::<Option<String>, _>(column)?.map(T::from))
}

fn id<T: From<String>>(row: &PgRow, column: &str) -> Result<T> {
    Ok(T::from(row.try_get::<String, _>(column)?))
}

pub(super) fn delivery(row: &PgRow) -> Result<Sent> {
    let state: DeliveryState = word(row.try_get("state")?)?;
    let receipt = match state {
        DeliveryState::Delivered => Some(Receipt {
            message: text(row, "receipt")?,
            degraded: row.try_get("degraded")?,
        }),
        _ => None,
    };
    let parcel: Parcel = document(row.try_get("payload")?)?;
    let kind = match parcel {
        Parcel::Perform(_) => LaneKind::Out,
        Parcel::Hand { .. } | Parcel::Event { .. } => LaneKind::Push,
    };
    let delivery = Delivery {
        id: DeliveryId(row.try_get("id")?),
        seq: Seq(row.try_get("seq")?),
        part: number(row, "part")?,
        lane: LaneKey {
            kind,
            owner: row.try_get("owner")?,
            key: row.try_get("key")?,
        },
        chat: ChatId(row.try_get("chat")?),
        class: word(row.try_get("class")?)?,
        parcel,
        state,
        attempts: number(row, "attempts")?,
        expires: Millis(row.try_get("expires")?),
        receipt,
        reason: row.try_get("reason")?,
        at: Millis(row.try_get("at")?),
    };
    Ok(Sent {
        delivery,
        since: Millis(row.try_get("since")?),
    })
}

/// A count that is never negative.
pub(super) fn number(row: &PgRow, column: &str) -> Result<u32> {
    let number: i32 = row.try_get(column)?;
    u32::try_from(number).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

pub(super) fn chat(row: &PgRow) -> Result<Chat> {
    Ok(Chat {
        id: ChatId(row.try_get("chat_id")?),
        connection: id(row, "conn")?,
        mailbox: id(row, "mailbox")?,
        platform: id(row, "platform")?,
        handle: id(row, "handle")?,
        kind: word(row.try_get("chat_kind")?)?,
        name: row.try_get("chat_name")?,
        session: SessionId(row.try_get("session")?),
        head: Seq(row.try_get("head")?),
    })
}

pub(super) fn mailbox(row: &PgRow) -> Result<Mailbox> {
    Ok(Mailbox {
        id: id(row, "id")?,
        account: id(row, "account")?,
        name: row.try_get("name")?,
        door: word(row.try_get("door")?)?,
        scope: word(row.try_get("scope")?)?,
        focus: focus(row)?,
        standing: word(row.try_get("status")?)?,
        fails: number(row, "fails")?,
    })
}

pub(super) fn attention(row: &PgRow) -> Result<Attention> {
    let focal: Option<i64> = row.try_get("chat_id")?;
    Ok(Attention {
        mailbox: mailbox(row)?,
        focal: focal.map(|_| chat(row)).transpose()?,
    })
}

/// News: a row each, and one that has only what all share where there are none.
pub(super) fn news(rows: &[PgRow]) -> Result<News> {
    let mut news = News::default();
    for row in rows {
        news.head = Seq(row.try_get("newest")?);
        news.focal = row.try_get::<Option<i64>, _>("focal")?.map(ChatId);
        if row.try_get::<Option<i64>, _>("seq")?.is_some() {
            news.rows.push((log_row(row)?, chat(row)?));
        }
    }
    Ok(news)
}

fn focus(row: &PgRow) -> Result<Focus> {
    let number = |column| row.try_get::<Option<i64>, _>(column);
    let recap = number("recap_from")?.zip(number("recap_to")?);
    Ok(Focus {
        chat: number("focal")?.map(ChatId),
        revision: row.try_get("focus_rev")?,
        recap: recap.map(|(after, upto)| Recap {
            after: Seq(after),
            upto: Seq(upto),
        }),
    })
}

pub(super) fn connection(row: &PgRow) -> Result<Connection> {
    let secret: Option<&str> = row.try_get("secret")?;
    Ok(Connection {
        id: id(row, "id")?,
        mailbox: id(row, "reader")?,
        platform: id(row, "platform")?,
        ident: id(row, "ident")?,
        settings: row.try_get("settings")?,
        secret: secret.map(document).transpose()?,
        policy: document(row.try_get("policy")?)?,
        policy_rev: row.try_get("policy_rev")?,
        cursor: row.try_get::<Option<String>, _>("cursor")?.map(Cursor),
    })
}
