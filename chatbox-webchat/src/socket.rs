//! One socket, one task: hello first, then frames in, frames out, and a beat. Owns the wire; decides nothing about
//! who may talk.

use crate::error::{Closing, Complaint};
use crate::fragments::{Counted, TooManyFragments};
use crate::hub::{House, Hub};
use crate::inbound::{self, After, ClientFrame, Said};
use crate::outbound::{self, Bounds};
use crate::pace::Pace;
use crate::reader::Reader;
use crate::seat::{Outcome, Seat, Waiting};
use chatbox_connector_api::event::{Attachment, EventBody};
use chatbox_connector_api::id::{EventId, Millis, Seq};
use chatbox_connector_api::{Arrival, Confirm, Fate, TranscriptError};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Socket buffers, in bytes. The default of 128 KiB each is what an idle connection would cost.
const BUFFER: usize = 4096;
/// How long a client waits when the house takes no more at the moment.
const BUSY: Duration = Duration::from_secs(1);

type Wire = WebSocketStream<Counted<TokioIo<Upgraded>>>;

/// Why a socket's loop ends.
enum End {
    /// We say goodbye with a code.
    Close(Closing),
    /// The peer is gone or said goodbye.
    Gone,
}

impl From<TranscriptError> for End {
    fn from(error: TranscriptError) -> Self {
        tracing::warn!(%error, "a socket ends because its chat cannot be read");
        Self::Close(Closing::Unavailable)
    }
}

/// Serves an upgraded connection until it ends.
pub(crate) async fn serve(hub: Arc<Hub>, house: Arc<House>, upgraded: Upgraded) {
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(Some(hub.limits.frame_bytes))
        .max_frame_size(Some(hub.limits.frame_bytes));
    let io = Counted::new(TokioIo::new(upgraded));
    let mut wire = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let end = match greet(&hub, &house, &mut wire).await {
        Err(end) => end,
        Ok((seated, after)) => {
            let socket = Socket::new(&hub, &house, &mut wire, &seated.seat);
            socket.run(after).await
        }
    };
    if let End::Close(closing) = end {
        goodbye(&mut wire, closing, hub.limits.linger).await;
    }
}

/// A taken seat, left when it is dropped.
struct Seated<'a> {
    hub: &'a Hub,
    seat: Arc<Seat>,
}

impl Drop for Seated<'_> {
    fn drop(&mut self) {
        self.hub.leave(&self.seat);
    }
}

/// Waits for `hello`, redeems its ticket and takes a seat.
async fn greet<'a>(
    hub: &'a Hub,
    house: &House,
    wire: &mut Wire,
) -> Result<(Seated<'a>, After), End> {
    let text = tokio::select! {
        frame = timeout(hub.limits.hello_within, first_text(wire)) => {
            frame.unwrap_or(Err(End::Close(Closing::Silent)))?
        }
        () = house.gone.cancelled() => return Err(End::Close(Closing::Restart)),
    };
    let not_known = || End::Close(Closing::NotKnown);
    let Ok(ClientFrame::Hello(hello)) = inbound::read(&text, &hub.limits) else {
        return Err(not_known());
    };
    let visitor = hub.visitors.redeem(hello.ticket.expose()).await;
    let visitor = visitor.ok_or_else(not_known)?;
    let chat = inbound::chat_of(&visitor);
    let seat = Seat::new(visitor, chat, hello.device, hub.limits.waiting_lines);
    hub.enter(&seat).map_err(End::Close)?;
    Ok((Seated { hub, seat }, hello.after))
}

async fn first_text(wire: &mut Wire) -> Result<Utf8Bytes, End> {
    let mut pace = Pace::new(Instant::now());
    loop {
        match receive(wire).await? {
            Message::Text(text) => return Ok(text),
            Message::Binary(_) => return Err(End::Close(Closing::NotText)),
            _ => pace.control(Instant::now()).map_err(End::Close)?,
        }
    }
}

async fn receive(wire: &mut Wire) -> Result<Message, End> {
    match wire.next().await {
        Some(Ok(message)) => Ok(message),
        Some(Err(error)) => Err(broken(&error)),
        None => Err(End::Gone),
    }
}

/// What an unreadable frame means.
fn broken(error: &WsError) -> End {
    match error {
        WsError::Capacity(CapacityError::MessageTooLong { .. }) => End::Close(Closing::TooBig),
        WsError::Utf8(_) => End::Close(Closing::NotUtf8),
        WsError::Protocol(_) => End::Close(Closing::Protocol),
        WsError::Io(error)
            if error
                .get_ref()
                .is_some_and(<dyn std::error::Error + Send + Sync>::is::<TooManyFragments>) =>
        {
            End::Close(Closing::Flood)
        }
        _ => End::Gone,
    }
}

/// Sends the close frame, then reads what is still coming so that the peer gets to see it.
async fn goodbye(wire: &mut Wire, closing: Closing, linger: Duration) {
    let (code, reason) = closing.parts();
    tracing::debug!(code, reason, "a socket is closed");
    let frame = CloseFrame {
        code: code.into(),
        reason: reason.into(),
    };
    let _ = timeout(linger, async {
        let _ = wire.send(Message::Close(Some(frame))).await;
        let mut rest = [0; 1024];
        while matches!(wire.get_mut().read(&mut rest).await, Ok(1..)) {}
    })
    .await;
}

/// A greeted socket.
struct Socket<'a> {
    hub: &'a Hub,
    house: &'a House,
    wire: &'a mut Wire,
    seat: &'a Arc<Seat>,
    reader: Reader,
    pace: Pace,
    /// Messages handed to the house whose fate is not known, with what they say.
    in_flight: Vec<(String, u64)>,
    seen: Seq,
    beat: Instant,
    missed: u8,
}

impl<'a> Socket<'a> {
    fn new(hub: &'a Hub, house: &'a House, wire: &'a mut Wire, seat: &'a Arc<Seat>) -> Self {
        let now = Instant::now();
        Self {
            reader: Reader::new(seat.clone(), house.log.clone()),
            pace: Pace::new(now),
            in_flight: Vec::new(),
            seen: Seq::ZERO,
            beat: now + hub.limits.ping_every,
            missed: 0,
            hub,
            house,
            wire,
            seat,
        }
    }

    async fn run(mut self, after: After) -> End {
        match self.talk(after).await {
            Err(end) => end,
            Ok(never) => match never {},
        }
    }

    async fn talk(&mut self, after: After) -> Result<std::convert::Infallible, End> {
        self.welcome(after).await?;
        loop {
            tokio::select! {
                message = receive(self.wire) => self.hear(message?).await?,
                () = self.seat.called() => self.pass_on().await?,
                () = sleep_until(self.beat) => self.ping().await?,
                () = self.house.gone.cancelled() => return Err(End::Close(Closing::Restart)),
            }
        }
    }

    async fn welcome(&mut self, after: After) -> Result<(), End> {
        let bounds = Bounds {
            text_bytes: self.hub.limits.text_bytes,
            upload_bytes: self.house.config.max_upload_bytes,
            files: self.hub.limits.files_per_message,
        };
        let (valid, frame) = self.reader.welcome(after, bounds).await?;
        if !valid {
            let text = "`after` is no place in this chat; here is all of it";
            self.complain(Complaint::new("invalid_cursor", text))
                .await?;
        }
        self.say(frame).await
    }

    async fn ping(&mut self) -> Result<(), End> {
        if self.missed >= 2 {
            return Err(End::Gone);
        }
        self.missed += 1;
        self.beat = Instant::now() + self.hub.limits.ping_every;
        self.send(Message::Ping(bytes::Bytes::new())).await
    }

    async fn hear(&mut self, message: Message) -> Result<(), End> {
        self.missed = 0;
        match message {
            Message::Text(text) => self.frame(&text).await,
            Message::Binary(_) => Err(End::Close(Closing::NotText)),
            // The protocol layer answers a ping; here it only counts.
            Message::Ping(_) | Message::Pong(_) => {
                self.pace.control(Instant::now()).map_err(End::Close)
            }
            Message::Close(_) | Message::Frame(_) => Ok(()),
        }
    }

    async fn frame(&mut self, text: &str) -> Result<(), End> {
        let frame = inbound::read(text, &self.hub.limits);
        if let Some(wait) = self.pace.frame(Instant::now()).map_err(End::Close)? {
            let reference = match frame {
                Ok(ClientFrame::Message(said)) => Some(said.client_id),
                _ => None,
            };
            let complaint = Complaint::new("rate_limited", "too fast").after(wait);
            return self.complain(complaint.about(reference)).await;
        }
        match frame {
            Err(complaint) => self.complain(complaint).await,
            Ok(ClientFrame::Hello(_)) => Err(End::Close(Closing::SecondHello)),
            Ok(ClientFrame::Message(said)) => self.message(said).await,
            Ok(ClientFrame::Typing) => Ok(()),
            Ok(ClientFrame::Seen(seq)) => self.seen(seq).await,
            Ok(ClientFrame::History { before, limit }) => {
                let frame = self.reader.history(before, limit).await?;
                self.say(frame).await
            }
            Ok(ClientFrame::Ping) => self.say(outbound::pong()).await,
        }
    }

    async fn message(&mut self, said: Said) -> Result<(), End> {
        let client_id = said.client_id.clone();
        match self.arrive(said).await? {
            Ok(()) => Ok(()),
            Err(complaint) => self.complain(complaint.about(Some(client_id))).await,
        }
    }

    /// Hands a message to the house, or says why not.
    async fn arrive(&mut self, said: Said) -> Result<Result<(), Complaint>, End> {
        if self.in_flight.len() >= self.hub.limits.in_flight {
            return Ok(Err(busy()));
        }
        let Some(attachments) = self.attachments(&said) else {
            let text = "a file is not known here; upload it again";
            return Ok(Err(Complaint::new("unknown_attachment", text)));
        };
        let reply_to = match self.answered(&said).await? {
            Ok(reply_to) => reply_to,
            Err(complaint) => return Ok(Err(complaint)),
        };
        let Ok(place) = self.house.door.try_reserve() else {
            return Ok(Err(busy()));
        };
        let client_id = said.client_id.clone();
        let event = inbound::event(&self.seat.visitor, said, attachments, reply_to, now());
        self.in_flight
            .push((client_id.clone(), inbound::fingerprint(&event.body)));
        place.send(Arrival {
            event,
            cursor: None,
            confirm: Some(confirm(self.seat.clone(), client_id)),
            may_wait: true,
        });
        Ok(Ok(()))
    }

    fn attachments(&self, said: &Said) -> Option<Vec<Attachment>> {
        let visitor = &self.seat.visitor.id;
        let ids = said.attachments.iter();
        ids.map(|id| self.hub.uploads.find(visitor, id)).collect()
    }

    async fn answered(&mut self, said: &Said) -> Result<Result<Option<EventId>, Complaint>, End> {
        let Some(seq) = said.reply_to else {
            return Ok(Ok(None));
        };
        match self.reader.line(seq).await? {
            Some(line) => Ok(Ok(Some(inbound::name_of(&line)))),
            None => Ok(Err(Complaint::new(
                "not_found",
                "`reply_to` is no line of this chat",
            ))),
        }
    }

    async fn seen(&mut self, seq: Seq) -> Result<(), End> {
        if seq > self.seen && seq <= self.reader.sent() {
            self.seen = seq;
            self.reader.seen(seq).await?;
        }
        Ok(())
    }

    /// Sends what waits in the seat.
    async fn pass_on(&mut self) -> Result<(), End> {
        let mut waiting: Waiting = self.seat.take();
        if let Some(closing) = waiting.closing {
            return Err(End::Close(closing));
        }
        for (client_id, outcome) in std::mem::take(&mut waiting.fates) {
            self.settled(client_id, outcome).await?;
        }
        for frame in self.reader.frames(waiting).await? {
            self.say(frame).await?;
        }
        Ok(())
    }

    async fn settled(&mut self, client_id: String, outcome: Outcome) -> Result<(), End> {
        let nth = self.in_flight.iter().position(|(id, _)| *id == client_id);
        let said = nth.map(|nth| self.in_flight.swap_remove(nth).1);
        let complaint = match outcome {
            Outcome::Known(Fate::Stored(seq)) => {
                return self.say(outbound::ack(&client_id, seq, false)).await;
            }
            Outcome::Known(Fate::Duplicate(seq)) => {
                if self.says(seq, said).await? {
                    return self.say(outbound::ack(&client_id, seq, true)).await;
                }
                let text = "this `client_id` names another message already";
                Complaint::new("idempotency_mismatch", text)
            }
            Outcome::Known(Fate::Refused(_)) => Complaint::new("refused", "this is not taken here"),
            Outcome::Known(Fate::Later(wait)) => {
                Complaint::new("rate_limited", "too fast").after(wait)
            }
            Outcome::Lost => Complaint::new("unavailable", "not taken; send it again").after(BUSY),
        };
        self.complain(complaint.about(Some(client_id))).await
    }

    /// Whether the line at this place says what was sent. A line that is no longer there is not held against anyone.
    async fn says(&mut self, seq: Seq, said: Option<u64>) -> Result<bool, End> {
        let line = self.reader.line(seq).await?;
        let is_ours = |body: &EventBody| Some(inbound::fingerprint(body)) == said;
        Ok(line.is_none_or(|line| is_ours(&line.body)))
    }

    async fn complain(&mut self, complaint: Complaint) -> Result<(), End> {
        self.say(outbound::error(&complaint)).await
    }

    async fn say(&mut self, frame: Utf8Bytes) -> Result<(), End> {
        self.send(Message::Text(frame)).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.hub.limits.write_within, self.wire.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Close(Closing::Slow)),
        }
    }
}

fn busy() -> Complaint {
    Complaint::new("busy", "too much at once; send it again").after(BUSY)
}

/// Carries a message's fate back to its socket; let go of unused, it says so.
fn confirm(seat: Arc<Seat>, client_id: String) -> Confirm {
    let pending = Pending(Some((seat, client_id)));
    Confirm::new(move |fate| pending.settle(Outcome::Known(fate)))
}

struct Pending(Option<(Arc<Seat>, String)>);

impl Pending {
    fn settle(mut self, outcome: Outcome) {
        if let Some((seat, client_id)) = self.0.take() {
            seat.settle(client_id, outcome);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some((seat, client_id)) = self.0.take() {
            seat.settle(client_id, Outcome::Lost);
        }
    }
}

/// The server's clock: a client's is never asked.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    Millis(i64::try_from(millis).unwrap_or(i64::MAX))
}
