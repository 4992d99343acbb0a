//! Traces, for whoever asked for them: what becomes of a message, as spans of one trace on every node and over restarts.
//!
//! Everything that happens is a commit, so a layer over the store sees it, and nothing else has to know. A message's trace
//! is named after its row. No span holds what anybody said, who they are, or why a platform refused.

use crate::failure::Failure;
use async_trait::async_trait;
use chatbox_core::admit::hash;
use chatbox_core::id::{DeliveryId, Fence, Millis, Seq};
use chatbox_core::store::{
    Claimed, Done, LaneKey, Layer, Outcome, Parcel, Settled, Step, Store, StoreError, TurnEnd,
};
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter, SpanLinks};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, oneshot};
use url::Url;

/// What waits to be told. More is forgotten: nothing waits for a collector.
const WAITING: usize = 10_000;
/// Spans sent together.
const BATCH: usize = 256;
/// How long a span waits for others.
const PATIENCE: Duration = Duration::from_secs(1);
/// Replies, and lanes, whose beginnings are remembered.
const REMEMBERED: usize = 10_000;

/// The store with its commits told to the collector, and the way to wait for the last of them.
///
/// # Errors
/// `start_failed`: there is no client to reach the collector with.
pub(crate) fn traced(
    beneath: Arc<dyn Store>,
    collector: &Url,
) -> Result<(Arc<dyn Store>, Traces), Failure> {
    let mut address = collector.clone();
    if address.path() == "/" {
        address.set_path("/v1/traces");
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpJson)
        .with_endpoint(address)
        .build();
    let mut exporter = exporter
        .map_err(|error| Failure::new("start_failed", error.to_string(), "see [telemetry]"))?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_service_name("chatbox");
    exporter.set_resource(&resource.with_attribute(version).build());
    let (tell, told) = mpsc::channel(WAITING);
    let teller = Teller {
        store: beneath.clone(),
        exporter,
        scope: InstrumentationScope::builder("chatbox").build(),
        begun: Remembered::default(),
        replies: Remembered::default(),
        spans: Vec::new(),
    };
    tokio::spawn(teller.run(told));
    let traces = Traces(Some(tell.clone()));
    Ok((Arc::new(Traced { beneath, tell }), traces))
}

/// The way to the task that tells.
#[derive(Debug, Default)]
pub(crate) struct Traces(Option<mpsc::Sender<News>>);

impl Traces {
    /// Waits until what happened so far was told.
    pub(crate) async fn flushed(self) {
        let (done, told) = oneshot::channel();
        if let Some(tell) = self.0
            && tell.send(News::Flush(done)).await.is_ok()
        {
            let _ = told.await;
        }
    }
}

/// A store whose commits are told.
#[derive(Debug)]
struct Traced {
    beneath: Arc<dyn Store>,
    tell: mpsc::Sender<News>,
}

/// Something to tell.
#[derive(Debug)]
enum News {
    Happened(Happening, SystemTime, SystemTime),
    Flush(oneshot::Sender<()>),
}

/// What a commit did.
#[derive(Debug)]
enum Happening {
    Accepted {
        seq: Seq,
        at: Millis,
        connection: String,
    },
    /// Somebody works on a lane from now on.
    Begun {
        lane: LaneKey,
        fence: Fence,
    },
    TurnEnded(EndedTurn),
    Sent(SentDelivery),
}

/// A turn that ended.
#[derive(Debug)]
struct EndedTurn {
    lane: LaneKey,
    fence: Fence,
    upto: Seq,
    how: &'static str,
    replies: Vec<Seq>,
}

/// A delivery that somebody tried to make.
#[derive(Debug)]
struct SentDelivery {
    lane: LaneKey,
    fence: Fence,
    delivery: DeliveryId,
    how: &'static str,
}

/// What a step is about, before it is given away.
enum About {
    Arrival(String),
    Lanes,
    Turn(LaneKey, Fence, Seq, &'static str),
    Custody(LaneKey, Fence),
    Send(LaneKey, Fence, DeliveryId, &'static str),
    Nothing,
}

impl About {
    fn of(step: &Step) -> Self {
        match step {
            Step::Accept(accept) => Self::Arrival(accept.connection.to_string()),
            Step::Claim(_) => Self::Lanes,
            Step::Commit(it) => Self::Turn(it.lane.clone(), it.fence, it.upto, end(&it.end)),
            Step::Settle(it) => match (it.delivery, &it.to) {
                (Some(_), Settled::Custody) => Self::Custody(it.lane.clone(), it.fence),
                (Some(id), to) => match settled(to) {
                    Some(how) => Self::Send(it.lane.clone(), it.fence, id, how),
                    None => Self::Nothing,
                },
                (None, _) => Self::Nothing,
            },
            _ => Self::Nothing,
        }
    }

    /// What happened, where it was done.
    fn became(self, outcome: &Outcome) -> Vec<Happening> {
        let Outcome::Done(done) = outcome else {
            return Vec::new();
        };
        let begun = |it: &Claimed| Happening::Begun {
            lane: it.lane.clone(),
            fence: it.fence,
        };
        match (self, done) {
            (Self::Arrival(connection), Done::Accepted(row)) => {
                let (seq, at) = (row.seq, row.at);
                let accepted = Happening::Accepted {
                    seq,
                    at,
                    connection,
                };
                let claimed = row.claimed.iter().map(begun);
                std::iter::once(accepted).chain(claimed).collect()
            }
            (Self::Lanes, Done::Claimed { lanes }) => lanes.iter().map(begun).collect(),
            (Self::Turn(lane, fence, upto, how), Done::Appended { rows, .. }) => {
                vec![Happening::TurnEnded(EndedTurn {
                    lane,
                    fence,
                    upto,
                    how,
                    replies: rows.iter().map(|row| row.seq).collect(),
                })]
            }
            (Self::Custody(lane, fence), _) => vec![Happening::Begun { lane, fence }],
            (Self::Send(lane, fence, delivery, how), _) => {
                vec![Happening::Sent(SentDelivery {
                    lane,
                    fence,
                    delivery,
                    how,
                })]
            }
            _ => Vec::new(),
        }
    }
}

fn end(end: &TurnEnd) -> &'static str {
    match end {
        TurnEnd::Done { .. } => "done",
        TurnEnd::Failed { .. } => "failed",
        TurnEnd::Again { .. } => "again",
        TurnEnd::Released { .. } => "released",
        TurnEnd::Poisoned { .. } => "poisoned",
    }
}

fn settled(to: &Settled) -> Option<&'static str> {
    match to {
        Settled::Delivered { .. } => Some("delivered"),
        Settled::Retry { .. } => Some("retry"),
        Settled::Failed { .. } => Some("failed"),
        Settled::Unknown { .. } => Some("unknown"),
        Settled::Expired => Some("expired"),
        Settled::Custody | Settled::Release { .. } => None,
    }
}

#[async_trait]
impl Layer for Traced {
    fn beneath(&self) -> &dyn Store {
        self.beneath.as_ref()
    }

    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError> {
        let about: Vec<About> = steps.iter().map(About::of).collect();
        let began = SystemTime::now();
        let outcomes = self.beneath.commit(steps).await?;
        let ended = SystemTime::now();
        for (about, outcome) in about.into_iter().zip(&outcomes) {
            for happening in about.became(outcome) {
                // Nobody waits for a collector that is slow.
                let _ = self.tell.try_send(News::Happened(happening, began, ended));
            }
        }
        Ok(outcomes)
    }
}

/// Makes spans, and sends them.
struct Teller {
    store: Arc<dyn Store>,
    exporter: opentelemetry_otlp::SpanExporter,
    scope: InstrumentationScope,
    /// When work on a lane began.
    begun: Remembered<(LaneKey, Fence), SystemTime>,
    /// The turn that said a row.
    replies: Remembered<Seq, Origin>,
    spans: Vec<SpanData>,
}

/// A place in a trace.
#[derive(Debug, Clone, Copy)]
struct Origin {
    trace: TraceId,
    span: SpanId,
}

impl Origin {
    /// A row's: the same for whoever asks, whenever.
    fn of(seq: Seq, at: Millis) -> Self {
        let name = hash(&format!("{seq}/{}", at.0));
        let digits = |range| name.get(range).unwrap_or_default();
        Self {
            trace: TraceId::from_hex(digits(0..32)).unwrap_or(TraceId::INVALID),
            span: SpanId::from_hex(digits(32..48)).unwrap_or(SpanId::INVALID),
        }
    }

    fn below(self) -> Self {
        Self {
            trace: self.trace,
            span: SpanId::from_bytes(rand::random()),
        }
    }
}

impl Teller {
    async fn run(mut self, mut told: mpsc::Receiver<News>) {
        loop {
            let news = match self.spans.is_empty() {
                true => told.recv().await.map(Some),
                false => match tokio::time::timeout(PATIENCE, told.recv()).await {
                    Ok(news) => news.map(Some),
                    Err(_) => Some(None),
                },
            };
            match news {
                None => return self.send().await,
                Some(None) => self.send().await,
                Some(Some(News::Flush(done))) => {
                    self.send().await;
                    // Whoever asked may have gone.
                    let _ = done.send(());
                }
                Some(Some(News::Happened(what, began, ended))) => {
                    // What cannot be read any more is not told.
                    let _ = self.note(what, began, ended).await;
                    if self.spans.len() >= BATCH {
                        self.send().await;
                    }
                }
            }
        }
    }

    async fn send(&mut self) {
        let spans = std::mem::take(&mut self.spans);
        if !spans.is_empty()
            && let Err(error) = self.exporter.export(spans).await
        {
            tracing::warn!(%error, "the collector did not take the traces");
        }
    }

    async fn note(
        &mut self,
        what: Happening,
        began: SystemTime,
        ended: SystemTime,
    ) -> Result<(), StoreError> {
        match what {
            Happening::Begun { lane, fence } => self.begun.keep((lane, fence), ended),
            Happening::Accepted {
                seq,
                at,
                connection,
            } => {
                let more = vec![
                    KeyValue::new("chatbox.message", format!("msg_{seq}")),
                    KeyValue::new("chatbox.connection", connection),
                ];
                let (own, kind) = (Origin::of(seq, at), SpanKind::Consumer);
                self.span("accept", kind, own, None, (began, ended), more);
            }
            Happening::TurnEnded(turn) => self.turn(turn, began, ended).await?,
            Happening::Sent(sent) => self.sent(sent, began, ended).await?,
        }
        Ok(())
    }

    async fn turn(
        &mut self,
        turn: EndedTurn,
        began: SystemTime,
        ended: SystemTime,
    ) -> Result<(), StoreError> {
        let Some(asked) = self.store.row(turn.upto).await? else {
            return Ok(());
        };
        let parent = Origin::of(asked.seq, asked.at);
        let own = parent.below();
        for reply in turn.replies {
            self.replies.keep(reply, own);
        }
        let begun = self.begun.take(&(turn.lane.clone(), turn.fence));
        let times = (begun.unwrap_or(began), ended);
        let more = vec![
            KeyValue::new("chatbox.message", format!("msg_{}", turn.upto)),
            KeyValue::new("chatbox.mailbox", turn.lane.owner),
            KeyValue::new("chatbox.outcome", turn.how),
        ];
        self.span("turn", SpanKind::Internal, own, Some(parent), times, more);
        Ok(())
    }

    async fn sent(
        &mut self,
        sent: SentDelivery,
        began: SystemTime,
        ended: SystemTime,
    ) -> Result<(), StoreError> {
        let Some(row) = self.store.delivery(sent.delivery).await? else {
            return Ok(());
        };
        let (name, parent) = match row.parcel {
            Parcel::Perform(_) => ("send", self.replies.get(&row.seq).copied()),
            _ => ("delivery", None),
        };
        let parent = match parent {
            Some(turn) => turn,
            None => match self.store.row(row.seq).await? {
                Some(said) => Origin::of(said.seq, said.at),
                None => return Ok(()),
            },
        };
        let lane = (sent.lane, sent.fence);
        let times = (self.begun.take(&lane).unwrap_or(began), ended);
        // The next one of the lane begins where this one ends.
        self.begun.keep(lane, ended);
        let more = vec![
            KeyValue::new("chatbox.message", format!("msg_{}", row.seq)),
            KeyValue::new("chatbox.delivery", format!("dlv_{}", row.id)),
            KeyValue::new("chatbox.to", row.lane.owner),
            KeyValue::new("chatbox.outcome", sent.how),
            KeyValue::new("chatbox.attempts", i64::from(row.attempts)),
        ];
        let own = parent.below();
        self.span(name, SpanKind::Client, own, Some(parent), times, more);
        Ok(())
    }

    fn span(
        &mut self,
        name: &'static str,
        span_kind: SpanKind,
        own: Origin,
        parent: Option<Origin>,
        (start_time, end_time): (SystemTime, SystemTime),
        attributes: Vec<KeyValue>,
    ) {
        let bad = ["failed", "poisoned", "unknown", "expired"];
        let outcome = attributes
            .iter()
            .find(|it| it.key.as_str() == "chatbox.outcome");
        let outcome = outcome.map(|it| it.value.to_string()).unwrap_or_default();
        let status = match bad.contains(&outcome.as_str()) {
            true => Status::error(outcome),
            false => Status::Unset,
        };
        let flags = TraceFlags::SAMPLED;
        self.spans.push(SpanData {
            span_context: SpanContext::new(own.trace, own.span, flags, false, TraceState::NONE),
            parent_span_id: parent.map_or(SpanId::INVALID, |it| it.span),
            parent_span_is_remote: parent.is_some(),
            span_kind,
            name: name.into(),
            start_time: start_time.min(end_time),
            end_time,
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: self.scope.clone(),
        });
    }
}

/// The newest of what was kept.
struct Remembered<K, V> {
    kept: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self {
            kept: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<K: Clone + Eq + std::hash::Hash, V> Remembered<K, V> {
    fn keep(&mut self, key: K, value: V) {
        if self.kept.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.kept.remove(&oldest);
        }
    }

    fn get(&self, key: &K) -> Option<&V> {
        self.kept.get(key)
    }

    /// Its place in the order goes when its turn comes.
    fn take(&mut self, key: &K) -> Option<V> {
        self.kept.remove(key)
    }
}
