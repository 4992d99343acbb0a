//! A window between the engine and the adapter: notes what passes and changes nothing.

use crate::event::Event;
use crate::markup::Dialect;
use crate::{
    AdapterContext, AdapterError, AdapterFactory, Capabilities, ChannelAdapter, Cursor, ErrorKind,
    Identity, Inbound, Incoming, Manifest, Outbound, Parts, Receipt, Result, Secrets, Settings,
};
use async_trait::async_trait;
use futures_util::StreamExt;
use std::error::Error as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What passed, over all restarts of one world.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tap(Arc<Mutex<Notes>>);

#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// What the adapter was asked to do, in the order of its answers.
    pub(crate) calls: Vec<Call>,
    /// How many requests that are not ephemeral it was asked for, answered or not.
    pub(crate) begun: usize,
    /// When it was asked to open, and whether it did.
    pub(crate) opens: Vec<(Instant, bool)>,
    /// What it yielded.
    pub(crate) events: Vec<Event>,
    /// Everything its errors said, in every way an error can be printed.
    pub(crate) words: Vec<String>,
    /// The adapter itself, as built last.
    pub(crate) parts: Option<Parts>,
}

/// One answered request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) out: Outbound,
    pub(crate) error: Option<(ErrorKind, Option<Duration>)>,
}

impl Tap {
    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calls that are not ephemeral.
    pub(crate) fn sends(&self) -> Vec<Call> {
        let notes = self.notes();
        let kept = notes
            .calls
            .iter()
            .filter(|call| !call.out.verb.is_ephemeral());
        kept.cloned().collect()
    }

    pub(crate) fn factory(&self, inner: Arc<dyn AdapterFactory>) -> Arc<dyn AdapterFactory> {
        let tap = self.clone();
        Arc::new(TappedFactory { inner, tap })
    }

    pub(crate) fn hear(&self, error: &AdapterError) {
        self.notes().words.extend(everything(error));
    }
}

/// Every way an error and its causes print.
pub(crate) fn everything(error: &AdapterError) -> Vec<String> {
    let mut words = vec![format!("{error} {error:?}")];
    let mut cause = error.source();
    while let Some(inner) = cause {
        words.push(format!("{inner} {inner:?}"));
        cause = inner.source();
    }
    words
}

#[derive(Debug)]
struct TappedFactory {
    inner: Arc<dyn AdapterFactory>,
    tap: Tap,
}

#[async_trait]
impl AdapterFactory for TappedFactory {
    fn manifest(&self) -> Manifest {
        self.inner.manifest()
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        self.inner.dialect()
    }

    async fn build(
        &self,
        context: AdapterContext,
        settings: Settings,
        secrets: Secrets,
    ) -> Result<Parts> {
        let built = self.inner.build(context, settings, secrets).await;
        let parts = built.inspect_err(|error| self.tap.hear(error))?;
        self.tap.notes().parts = Some(parts.clone());
        let adapter = Arc::new(Tapped {
            inner: parts.adapter.clone(),
            tap: self.tap.clone(),
        });
        Ok(Parts { adapter, ..parts })
    }
}

#[derive(Debug)]
struct Tapped {
    inner: Arc<dyn ChannelAdapter>,
    tap: Tap,
}

#[async_trait]
impl ChannelAdapter for Tapped {
    fn platform(&self) -> crate::id::Platform {
        self.inner.platform()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn probe(&self) -> Result<Identity> {
        let probed = self.inner.probe().await;
        probed.inspect_err(|error| self.tap.hear(error))
    }

    async fn open(&self, resume: Option<Cursor>) -> Result<Inbound> {
        let began = Instant::now();
        let opened = self.inner.open(resume).await;
        self.tap.notes().opens.push((began, opened.is_ok()));
        let stream = opened.inspect_err(|error| self.tap.hear(error))?;
        let tap = self.tap.clone();
        let noted = stream.inspect(move |item| match item {
            Ok(Incoming::Event(arrival)) => tap.notes().events.push(arrival.event.clone()),
            Ok(_) => {}
            Err(error) => tap.hear(error),
        });
        Ok(noted.boxed())
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        let began = Instant::now();
        self.tap.notes().begun += usize::from(!out.verb.is_ephemeral());
        let answered = self.inner.perform(out).await;
        let error = answered.as_ref().err();
        if let Some(error) = error {
            self.tap.hear(error);
        }
        let call = Call {
            began,
            ended: Instant::now(),
            out: out.clone(),
            error: error.map(|error| (error.kind().clone(), error.retry_after())),
        };
        self.tap.notes().calls.push(call);
        answered
    }
}
