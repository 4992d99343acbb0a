//! One world per rule: a platform, the engine with the adapter in it, and what can be seen of both.

use super::ledger::Ledger;
use super::mirror::{Mirror, Mood};
use super::rules::Miss;
use super::tap::Tap;
use super::vendor::{Did, Room, Said, Sent, Vendor};
use crate::event::Content;
use crate::id::{ConnectionId, MailboxId, Seq};
use crate::{
    Capabilities, ChannelAdapter, DeliveryClass, Egress, ErrorKind, LinkState, Parts, Secrets,
};
use chatbox_core::admit::Policy;
use chatbox_core::blobs::MemoryBlobs;
use chatbox_core::seal::Unsealed;
use chatbox_core::store::{
    Admin, Author, Chat, Delivery, DeliveryFilter, DeliveryState, LogRow, Store,
};
use chatbox_core::{Chatbox, Connect, Options, Say, Tuning};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long something that must happen may take.
const SOON: Duration = Duration::from_secs(8);
/// How long it is watched that something does not happen. Several times every wait in [`tuning`]'s outbox.
const QUIET: Duration = Duration::from_millis(400);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(5);
/// How long a fresh connection may take. One that never shows life is judged by the rules that need it.
const CONNECT: Duration = Duration::from_secs(3);
const MAILBOX: &str = "suite";

/// Where worlds are made.
pub(crate) struct Bench<'a> {
    pub(crate) make: &'a dyn Fn() -> Box<dyn Vendor>,
}

/// What a world is made with.
pub(crate) struct Setup {
    pub(crate) mood: Mood,
    /// The people who may talk; everybody when empty.
    pub(crate) only: Vec<super::Who>,
    pub(crate) tuning: Tuning,
}

impl Setup {
    pub(crate) fn new(mood: Mood) -> Self {
        Self {
            mood,
            only: Vec::new(),
            tuning: tuning(),
        }
    }
}

/// Times short enough for a test, in the proportions of the usual ones.
fn tuning() -> Tuning {
    Tuning {
        lease: Duration::from_secs(3),
        turn_timeout: Duration::from_secs(10),
        reply_ttl: Duration::from_secs(60),
        retry_first: Duration::from_millis(20),
        retry_most: Duration::from_millis(80),
        reopen_first: Duration::from_millis(40),
        reopen_most: Duration::from_millis(300),
        refused: Duration::from_millis(400),
        ..Tuning::default()
    }
}

pub(crate) struct World {
    pub(crate) vendor: Box<dyn Vendor>,
    pub(crate) ledger: Ledger,
    pub(crate) tap: Tap,
    pub(crate) mirror: Arc<Mirror>,
    blobs: Arc<MemoryBlobs>,
    tuning: Tuning,
    chatbox: Chatbox,
    pub(crate) id: ConnectionId,
}

/// A message that came in.
pub(crate) struct Heard {
    /// The platform's name for it.
    pub(crate) name: String,
    pub(crate) chat: Chat,
    pub(crate) row: LogRow,
}

impl Bench<'_> {
    pub(crate) fn vendor(&self) -> Box<dyn Vendor> {
        (self.make)()
    }

    /// A fresh world with the adapter connected.
    pub(crate) async fn world(&self, setup: Setup) -> Result<World, Miss> {
        let vendor = self.vendor();
        let ledger = Ledger::new();
        let blobs = Arc::new(MemoryBlobs::default());
        let tap = Tap::default();
        let mirror = Arc::new(Mirror::new(setup.mood));
        let chatbox = engine(&ledger, &blobs, setup.tuning);
        let mailbox = chatbox
            .mailbox(MAILBOX, Some(mirror.clone()))
            .await
            .map_err(Miss::because("the engine does not start"))?;
        let policy = match setup.only.is_empty() {
            true => Policy::trusted(),
            false => Policy {
                allow: setup.only.iter().map(|who| vendor.person(*who)).collect(),
                ..Policy::default()
            },
        };
        let connect = Connect {
            factory: tap.factory(vendor.factory()),
            mailbox,
            settings: vendor.settings(),
            secrets: vendor.secrets(),
            policy,
            egress: Egress::Private,
        };
        let added = chatbox.add(connect).await;
        let id = added
            .map_err(Miss::because("the connection cannot be added"))?
            .id;
        let world = World {
            vendor,
            ledger,
            tap,
            mirror,
            blobs,
            tuning: setup.tuning,
            chatbox,
            id,
        };
        world.wait_connected(CONNECT).await;
        Ok(world)
    }
}

fn engine(ledger: &Ledger, blobs: &Arc<MemoryBlobs>, tuning: Tuning) -> Chatbox {
    Chatbox::start(Options {
        store: Arc::new(ledger.clone()),
        blobs: blobs.clone(),
        seal: Arc::new(Unsealed),
        tuning,
    })
}

impl World {
    pub(crate) fn can(&self) -> Capabilities {
        self.adapter().capabilities()
    }

    /// The adapter itself, as built last.
    pub(crate) fn adapter(&self) -> Arc<dyn ChannelAdapter> {
        self.parts().adapter
    }

    pub(crate) fn parts(&self) -> Parts {
        let parts = self.tap.notes().parts.clone();
        parts.expect("a world has built its adapter")
    }

    /// Adds the connection to another engine with these secrets; how the adapter refuses them, if it is the adapter.
    pub(crate) async fn add_again(&self, secrets: Secrets) -> Result<(), Option<ErrorKind>> {
        let tap = Tap::default();
        let chatbox = engine(&Ledger::new(), &self.blobs, self.tuning);
        let mailbox = chatbox.mailbox(MAILBOX, None).await.map_err(|_| None)?;
        let connect = Connect {
            factory: tap.factory(self.vendor.factory()),
            mailbox,
            settings: self.vendor.settings(),
            secrets,
            policy: Policy::trusted(),
            egress: Egress::Private,
        };
        let added = chatbox.add(connect).await;
        chatbox.drain(Duration::from_secs(1)).await;
        let words = std::mem::take(&mut tap.notes().words);
        self.tap.notes().words.extend(words);
        match added {
            Ok(_) => Ok(()),
            Err(chatbox_core::Error::Adapter(error)) => Err(Some(error.kind().clone())),
            Err(_) => Err(None),
        }
    }

    /// Whether the append is the delivery.
    pub(crate) fn is_native(&self) -> bool {
        self.can().delivery == DeliveryClass::Native
    }

    /// Rules about deliveries do not concern a platform whose append is the delivery.
    pub(crate) fn needs_outbox(&self) -> Result<(), Miss> {
        match self.is_native() {
            true => Err(Miss::NotClaimed("a native platform has no outbox".into())),
            false => Ok(()),
        }
    }

    /// Stops the engine, as an orderly end of the process does.
    pub(crate) async fn stop(&self) -> Result<(), Miss> {
        match self.chatbox.drain(Duration::from_secs(5)).await {
            true => Ok(()),
            false => Err(Miss::failed(
                "the adapter does not let go when it is stopped",
            )),
        }
    }

    /// Starts a new engine over what the old one stored.
    pub(crate) async fn start(&mut self) -> Result<(), Miss> {
        let failed = Miss::because("the engine does not start again");
        self.chatbox = engine(&self.ledger, &self.blobs, self.tuning);
        self.chatbox
            .admin(Admin::EndLeases)
            .await
            .map_err(Miss::because("the store refuses"))?;
        self.chatbox
            .mailbox(MAILBOX, Some(self.mirror.clone()))
            .await
            .map_err(Miss::because("the engine does not start again"))?;
        let row = self.ledger.connection(&self.id).await.ok().flatten();
        let row = row.ok_or_else(|| Miss::failed("the connection is gone"))?;
        let factory = self.tap.factory(self.vendor.factory());
        let resumed = self.chatbox.resume(row, &factory, Egress::Private).await;
        resumed.map_err(failed)?;
        self.wait_connected(CONNECT).await;
        Ok(())
    }

    /// How the connection stands.
    pub(crate) fn state(&self) -> LinkState {
        let links = self.chatbox.links();
        let link = links.first().expect("a world has one connection");
        link.health().state
    }

    pub(crate) async fn wait_connected(&self, most: Duration) -> bool {
        let began = Instant::now();
        while self.state() != LinkState::Connected {
            if began.elapsed() > most {
                return false;
            }
            sleep(LOOK).await;
        }
        true
    }

    /// Looks until there is something to see.
    pub(crate) async fn until<T>(
        &self,
        what: &str,
        look: impl AsyncFnMut() -> Option<T>,
    ) -> Result<T, Miss> {
        self.within(SOON, what, look).await
    }

    pub(crate) async fn within<T>(
        &self,
        most: Duration,
        what: &str,
        mut look: impl AsyncFnMut() -> Option<T>,
    ) -> Result<T, Miss> {
        let began = Instant::now();
        loop {
            if let Some(seen) = look().await {
                return Ok(seen);
            }
            if began.elapsed() > most {
                return Err(Miss::Failed(format!("not within {most:?}: {what}")));
            }
            sleep(LOOK).await;
        }
    }

    /// Time for what must not happen.
    pub(crate) async fn quiet(&self) {
        sleep(QUIET).await;
    }

    /// Somebody says something. Its name.
    pub(crate) async fn say(&self, said: Said) -> Result<String, Miss> {
        let what = format!("{:?} cannot say this in {:?}", said.sender, said.room);
        let name = self.vendor.say(said).await;
        name.ok_or(Miss::NotClaimed(what))
    }

    /// Somebody says something, and it comes in.
    pub(crate) async fn hear(&self, said: Said) -> Result<Heard, Miss> {
        let text = said.text.clone();
        let handle = self.vendor.handle(said.room);
        let name = self.say(said).await?;
        let what = format!("\"{text}\" comes in");
        self.until(&what, async || {
            let chat = self.ledger.chat_of(&self.id, &handle).await.ok()??;
            let rows = self.rows(&chat).await.into_iter();
            let row = rows.rev().find(|row| !row.out && text_of(row) == text)?;
            let name = name.clone();
            Some(Heard { name, chat, row })
        })
        .await
    }

    /// Everything in a chat, oldest first.
    pub(crate) async fn rows(&self, chat: &Chat) -> Vec<LogRow> {
        let rows = self.ledger.since(chat.id, Seq::ZERO, 100_000).await;
        rows.unwrap_or_default()
    }

    /// Everything that came in, oldest first.
    pub(crate) async fn log(&self) -> Vec<LogRow> {
        let mailbox = MailboxId::from(MAILBOX);
        let chats = self.ledger.chats(&mailbox, 100_000).await;
        let mut rows = Vec::new();
        for chat in chats.unwrap_or_default() {
            rows.extend(self.rows(&chat).await.into_iter().filter(|row| !row.out));
        }
        rows.sort_by_key(|row| row.seq);
        rows
    }

    /// The texts of every message that came in.
    pub(crate) async fn texts(&self) -> Vec<String> {
        self.log().await.iter().map(text_of).collect()
    }

    /// What the platform took for one conversation, without what was taken back.
    pub(crate) async fn sent(&self, room: Room) -> Vec<Sent> {
        let all = self.vendor.sent().await.into_iter();
        all.filter(|sent| sent.room == room && !sent.deleted)
            .collect()
    }

    /// Waits until the platform has this text in a conversation.
    pub(crate) async fn sees(&self, room: Room, text: &str) -> Result<Sent, Miss> {
        let what = format!("the person in {room:?} reads \"{text}\"");
        self.until(&what, async || {
            let sent = self.sent(room).await.into_iter();
            sent.rev().find(|sent| sent.text.trim() == text)
        })
        .await
    }

    /// The agent says something by itself.
    pub(crate) async fn tell(&self, chat: &Chat, content: Content) -> Result<Seq, Miss> {
        self.act(chat, Say::Message(content)).await
    }

    pub(crate) async fn act(&self, chat: &Chat, say: Say) -> Result<Seq, Miss> {
        let author = Author::Mailbox {
            id: MailboxId::from(MAILBOX),
        };
        let said = self.chatbox.say(chat.id, author, say).await;
        said.map_err(Miss::because("the engine refuses what is claimed"))
    }

    /// Every delivery of a row, its parts in order.
    pub(crate) async fn deliveries(&self, seq: Seq) -> Vec<Delivery> {
        let filter = DeliveryFilter {
            states: Vec::new(),
            limit: 100_000,
            ..DeliveryFilter::default()
        };
        let all = self.ledger.deliveries(&filter).await.unwrap_or_default();
        let mut parts: Vec<_> = all.into_iter().filter(|row| row.seq == seq).collect();
        parts.sort_by_key(|row| row.part);
        parts
    }

    /// Waits until a row's only delivery has come to an end.
    pub(crate) async fn settled(&self, seq: Seq) -> Result<Delivery, Miss> {
        self.until("the delivery comes to an end", async || {
            let delivery = self.deliveries(seq).await.pop()?;
            let waits = matches!(
                delivery.state,
                DeliveryState::Queued | DeliveryState::Custody
            );
            (!waits).then_some(delivery)
        })
        .await
    }

    /// Waits until a row has left for its platform, where it must leave at all.
    pub(crate) async fn settled_or_native(&self, seq: Seq) -> Result<(), Miss> {
        match self.needs_outbox() {
            Ok(()) => self.settled(seq).await.map(drop),
            Err(_) => Ok(()),
        }
    }

    /// The bytes of a stored file.
    pub(crate) async fn file(&self, id: &crate::id::MediaId) -> Option<Vec<u8>> {
        use crate::Blobs;
        use futures_util::TryStreamExt;
        let (_, stream) = self.blobs.open(id).await.ok()?;
        let pieces: Vec<bytes::Bytes> = stream.try_collect().await.ok()?;
        Some(pieces.concat())
    }

    /// Stores a file for the agent to send.
    pub(crate) async fn keep(&self, file: &super::File) -> Result<crate::event::Attachment, Miss> {
        use crate::Blobs;
        use futures_util::StreamExt;
        let bytes = file.bytes.clone();
        let stream = futures_util::stream::once(async { Ok(bytes) }).boxed();
        let kept = self.blobs.put(&file.name, &file.mime, u64::MAX, stream);
        kept.await.map_err(Miss::because("a file cannot be kept"))
    }
}

/// An engine nobody holds goes on: it would look for its platform at an address that others may have by then.
impl Drop for World {
    fn drop(&mut self) {
        let chatbox = self.chatbox.clone();
        tokio::spawn(async move { chatbox.drain(Duration::from_secs(5)).await });
    }
}

/// The text of a message; empty for other rows.
pub(crate) fn text_of(row: &LogRow) -> String {
    row.body
        .content()
        .map_or_else(String::new, |content| content.text.clone())
}

/// What a vendor did, as the rule needs it.
pub(crate) fn done(did: Did, what: &str) -> Result<(), Miss> {
    match did {
        Did::Done => Ok(()),
        Did::NotOffered => Err(Miss::NotClaimed(format!(
            "the platform does not offer {what}"
        ))),
        Did::NotSimulated => Err(Miss::NotSimulated(what.to_owned())),
    }
}
