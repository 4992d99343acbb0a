//! Data folders with many messages in them, made by the store itself and kept for the next run.

use crate::load::Target;
use crate::process::{Running, add_feed, configure};
use anyhow::{Context, Result, ensure};
use chatbox_core::admit::Policy;
use chatbox_core::event::{ChatKind, Content, Event, EventBody, Place, Sender};
use chatbox_core::id::{EventId, Millis};
use chatbox_core::store::{
    Accept, Admin, Done, Door, LaneScope, NewConnection, NewMailbox, Outcome, Step, Store, Wake,
};
use chatbox_store::{SqliteOptions, SqliteStore};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Messages in one commit while filling.
const BATCH: i64 = 512;

/// A filled data folder.
#[derive(Clone, Debug)]
pub struct Filled {
    /// The folder.
    pub data: PathBuf,
    /// Its connection and token; the address is nobody's.
    pub target: Target,
    /// How many messages it holds.
    pub rows: i64,
}

/// A word that every filled message holds.
pub const COMMON: &str = "everywhere";

/// A word that a handful of the filled messages hold.
pub fn rare(rows: i64) -> String {
    format!("rare{}", rows / 2 / 5)
}

/// How many chats a folder of so many messages has.
pub fn chats(rows: i64) -> i64 {
    if rows > 10_000 { 10_000 } else { 10 }
}

/// The folder with so many messages below `shelf`, made if it is not there or was made with another schema.
///
/// # Errors
/// It cannot be made.
pub async fn filled(shelf: &Path, rows: i64) -> Result<Filled> {
    filled_with(shelf, rows, chats(rows)).await
}

/// The same, its messages spread over so many chats in turn.
///
/// # Errors
/// It cannot be made.
pub async fn filled_with(shelf: &Path, rows: i64, chats: i64) -> Result<Filled> {
    let data = shelf.join(format!("filled-{rows}-{chats}-{:x}", schema()));
    let mark = data.join("filled.json");
    if let Ok(text) = std::fs::read_to_string(&mark) {
        let parts: (String, String) = serde_json::from_str(&text)?;
        return Ok(with(data, parts, rows));
    }
    let _ = std::fs::remove_dir_all(&data);
    configure(&data, "none")?;
    let running = Running::serve(&data).await?;
    let target = add_feed(&data, &running).await?;
    running.stop().await?;
    let began = Instant::now();
    let store = SqliteStore::open(&database(&data), SqliteOptions::default()).await?;
    pour(&store, &target, rows, chats).await?;
    store.search(&"main".into(), COMMON, 1).await?;
    store.close().await;
    eprintln!("  filled {rows} messages in {:.1?}", began.elapsed());
    let parts = (target.connection.clone(), target.token.clone());
    std::fs::write(&mark, serde_json::to_string(&parts)?)?;
    Ok(with(data, parts, rows))
}

fn with(data: PathBuf, (connection, token): (String, String), rows: i64) -> Filled {
    let address = ([127, 0, 0, 1], 0).into();
    Filled {
        data,
        target: Target {
            address,
            connection,
            token,
        },
        rows,
    }
}

/// Where the database of a data folder lies.
pub fn database(data: &Path) -> PathBuf {
    data.join("chatbox.db")
}

/// A copy of a filled folder that may be written to.
///
/// # Errors
/// It cannot be copied.
pub fn copy(filled: &Filled, to: &Path) -> Result<Filled> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(&filled.data)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    let data = to.to_owned();
    Ok(Filled {
        data,
        ..filled.clone()
    })
}

async fn pour(store: &SqliteStore, target: &Target, rows: i64, chats: i64) -> Result<()> {
    let connection = store.connection(&target.connection.as_str().into()).await?;
    let rev = connection.context("the connection was added")?.policy_rev;
    let mut next = 0;
    while next < rows {
        let upto = rows.min(next + BATCH);
        let steps = (next..upto).map(|n| accept(&target.connection, rev, n, chats));
        for outcome in store.commit(steps.collect()).await? {
            let stored = matches!(outcome, Outcome::Done(Done::Accepted(_)));
            ensure!(stored, "a filled message was answered {outcome:?}");
        }
        next = upto;
    }
    Ok(())
}

/// The connection of a [`house`].
pub const FEED: &str = "bench";

/// A mailbox that nobody answers, with one connection, in an empty store. The revision of its policy.
///
/// # Errors
/// The store.
pub async fn house(store: &dyn Store) -> Result<i64> {
    let mailbox = NewMailbox {
        account: "main".into(),
        id: "main".into(),
        name: "main".to_owned(),
        door: Door::Pull,
        scope: LaneScope::Session,
    };
    let connection = NewConnection {
        id: FEED.into(),
        mailbox: "main".into(),
        platform: "bench".into(),
        ident: "bench".into(),
        settings: "{}".to_owned(),
        secret: None,
        policy: Policy::trusted(),
    };
    let puts = [
        Admin::PutMailbox(mailbox),
        Admin::AddConnection(Box::new(connection)),
    ];
    let steps = puts.map(|put| Step::Admin(Box::new(put)));
    for outcome in store.commit(steps.to_vec()).await? {
        ensure!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    }
    let connection = store.connection(&FEED.into()).await?;
    Ok(connection.context("it was just added")?.policy_rev)
}

/// The event's id of the n-th filled message.
pub fn event_id(n: i64) -> EventId {
    EventId::new(format!("fill-{n}"))
}

/// The n-th filled message as a step.
pub fn accept(connection: &str, policy_rev: i64, n: i64, chats: i64) -> Step {
    let text = format!("{COMMON} rare{} {}", n / 5, "lorem ipsum dolor ".repeat(16));
    let event = Event {
        id: event_id(n),
        chat: Place {
            handle: format!("chat-{}", n % chats).into(),
            kind: ChatKind::Group,
            name: None,
        },
        sender: Sender {
            id: format!("person-{}", n / 8).into(),
            name: None,
            is_bot: false,
        },
        at: Millis(0),
        body: EventBody::Message(Content::text(text)),
        addressed: true,
        late: false,
        group: None,
        raw: None,
    };
    Step::Accept(Box::new(Accept {
        connection: connection.into(),
        policy_rev,
        fence: None,
        event,
        wake: Wake::NOW,
        cursor: None,
        offer: None,
        hand: None,
    }))
}

/// Which schema a folder was made with.
fn schema() -> u64 {
    let mut hash = DefaultHasher::new();
    include_str!("../../chatbox-store/src/sqlite/sql/schema.sql").hash(&mut hash);
    include_str!("fill.rs").hash(&mut hash);
    hash.finish()
}

/// How many rows of the log have an event's id that begins so. The server must have been stopped.
///
/// # Errors
/// The database cannot be read.
pub async fn count(database: &Path, run: &str) -> Result<i64> {
    use sqlx::ConnectOptions;
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(database)
        .connect()
        .await?;
    let sql = "SELECT count(*) FROM log WHERE event_id >= ?1 AND event_id < ?1 || '~'";
    let count = sqlx::query_scalar(sql).bind(run).fetch_one(&mut connection);
    count.await.context("the log can be counted")
}
