//! From settings and secrets to an adapter, as the house does it.

mod common;

use async_trait::async_trait;
use chatbox_connector_api::id::{ExternalId, Handle, Platform, Seq};
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{
    AdapterContext, AdapterFactory, AdapterState, Egress, ErrorKind, Line, News, Parts, Positions,
    Result, Revision, Secrets, Settings, StateError, Transcript, TranscriptError,
};
use chatbox_telegram::Telegram;
use common::{Files, TOKEN, server};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// A memory and a log that this platform has no use for.
#[derive(Debug)]
struct Nothing;

#[async_trait]
impl AdapterState for Nothing {
    async fn load(&self, _: &str) -> std::result::Result<Option<(Revision, Vec<u8>)>, StateError> {
        Ok(None)
    }

    async fn save(&self, _: &str, _: Revision, _: &[u8]) -> std::result::Result<bool, StateError> {
        Ok(true)
    }
}

#[async_trait]
impl Transcript for Nothing {
    async fn since(
        &self,
        _: &Handle,
        _: Seq,
        _: u32,
    ) -> std::result::Result<Vec<Line>, TranscriptError> {
        Ok(Vec::new())
    }

    async fn before(
        &self,
        _: &Handle,
        _: Option<Seq>,
        _: u32,
    ) -> std::result::Result<Vec<Line>, TranscriptError> {
        Ok(Vec::new())
    }

    async fn positions(&self, _: &Handle) -> std::result::Result<Positions, TranscriptError> {
        Ok(Positions::default())
    }

    async fn mark_seen(
        &self,
        _: &Handle,
        _: &ExternalId,
        _: Seq,
    ) -> std::result::Result<(), TranscriptError> {
        Ok(())
    }

    fn news(&self) -> broadcast::Receiver<News> {
        broadcast::channel(1).1
    }
}

async fn build(settings: &serde_json::Value, token: &str) -> Result<Parts> {
    let context = AdapterContext {
        connection: "conn".into(),
        egress: Egress::Public,
        state: Arc::new(Nothing),
        blobs: Arc::new(Files::default()),
        transcript: Arc::new(Nothing),
    };
    let secrets = Secrets([("token".to_owned(), Secret::new(token))].into());
    Telegram
        .build(context, Settings::new(settings)?, secrets)
        .await
}

#[tokio::test]
async fn the_factory_builds_what_the_manifest_promises() {
    let server = server().await;
    let parts = build(&json!({"api_base": server.base_url()}), TOKEN)
        .await
        .expect("parts");
    assert_eq!(parts.adapter.platform(), Platform::new("telegram"));
    assert!(parts.media.is_some() && parts.history.is_none() && parts.reconcile.is_none());
    let identity = parts.adapter.probe().await.expect("a good token");
    let setup = parts.setup.expect("a next click");
    let link = setup.pairing_link(&identity, "abc-DEF_1");
    assert_eq!(
        link.as_deref(),
        Some("https://t.me/test_bot?start=abc-DEF_1")
    );
    for bad in ["", "a b", "a&b", &"x".repeat(65)] {
        assert_eq!(setup.pairing_link(&identity, bad), None, "{bad}");
    }
    let manifest = Telegram.manifest();
    assert_eq!(manifest.secrets[0].name, "token");
    assert_eq!(manifest.settings[0].name, "api_base");
    assert!(manifest.guide.iter().any(|step| step.contains("/newbot")));
}

#[tokio::test]
async fn what_is_wrong_is_said_before_anything_is_sent() {
    let cases = [
        (json!({}), "", ErrorKind::Unauthorized),
        (json!({}), "xoxb-1-2-canary", ErrorKind::Invalid),
        (json!({"api_bas": "x"}), TOKEN, ErrorKind::Invalid),
        (json!({"api_base": "nonsense"}), TOKEN, ErrorKind::Invalid),
        (
            json!({"api_base": "http://example.org"}),
            TOKEN,
            ErrorKind::Invalid,
        ),
    ];
    for (settings, token, kind) in cases {
        let error = build(&settings, token).await.expect_err("refused");
        assert_eq!(error.kind(), &kind, "{error}");
        assert!(!format!("{error:?}").contains("canary"));
    }
}

#[tokio::test]
async fn a_claim_is_what_is_documented() {
    let parts = build(&json!({}), TOKEN).await.expect("parts");
    let can = parts.adapter.capabilities();
    assert_eq!(
        (can.text.max, can.caption.expect("captions").max),
        (4096, 1024)
    );
    assert_eq!(can.media.expect("files").max_count, Some(10));
    assert_eq!(can.react.expect("reactions").max_count, Some(1));
    assert!(
        can.reply.is_some() && can.edit.is_some() && can.typing.is_some() && can.draft.is_some()
    );
    assert_eq!(
        can.media_in.expect("files").max_bytes,
        Some(20 * 1024 * 1024)
    );
    assert!(can.mark_read.is_none());
    assert!(can.heartbeat.expect("polls are answered") <= Duration::from_secs(30));
}
