//! What integrators set up over the API, as it is kept: the bodies of the store's records.

use chatbox_backends::webhook::{Endpoint, EndpointError, SecretError, Signer};
use chatbox_core::connector::Egress;
use chatbox_core::seal::Seal;
use chatbox_core::secret::Secret;
use chatbox_core::store::{Record, RecordKind, SecretBox, Store, StoreError};
use chatbox_core::template::{TemplateError, Templates, Written};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a mailbox's messages are handed, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MailboxRecord {
    pub(crate) webhook_url: Option<String>,
    /// The credential that goes along.
    pub(crate) auth: Option<String>,
    /// The credentials that sign.
    pub(crate) signing: Vec<String>,
    pub(crate) templates: Written,
}

/// Where service events are handed, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SubscriptionRecord {
    pub(crate) url: String,
    /// The credentials that sign.
    pub(crate) signing: Vec<String>,
}

/// What a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CredentialKind {
    /// Goes along with every webhook as `Authorization: Bearer`.
    WebhookAuth,
    /// Goes along to a connector's own MCP server.
    McpProxyAuth,
    /// Signs webhooks: `whsec_…` or `whsk_…`.
    Signing,
}

impl CredentialKind {
    /// What its secret is sealed as: none opens as another kind.
    pub(crate) fn purpose(self) -> &'static str {
        match self {
            Self::WebhookAuth => "credential/webhook_auth",
            Self::McpProxyAuth => "credential/mcp_proxy_auth",
            Self::Signing => "credential/signing",
        }
    }
}

/// A secret as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CredentialRecord {
    pub(crate) kind: CredentialKind,
    pub(crate) sealed: SecretBox,
}

/// Why a receiver cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error("the credential {0} does not exist or cannot be used for this")]
    Credential(String),
    #[error("no webhook is set")]
    Nowhere,
}

impl CredentialRecord {
    pub(crate) fn seal(seal: &dyn Seal, id: &str, kind: CredentialKind, secret: &Secret) -> Self {
        let sealed = seal.seal(kind.purpose(), id, secret.expose().as_bytes());
        Self { kind, sealed }
    }

    pub(crate) fn open(&self, seal: &dyn Seal, id: &str) -> Option<Secret> {
        let plain = seal.open(self.kind.purpose(), id, &self.sealed).ok()?;
        String::from_utf8(plain).ok().map(Secret::new)
    }
}

/// A record's body.
pub(crate) fn body<T: for<'a> Deserialize<'a>>(record: &Record) -> Option<T> {
    let read = serde_json::from_str(&record.body);
    let wrong = |error: &serde_json::Error| {
        tracing::error!(%error, kind = record.kind.as_str(), id = record.id, "a record is not readable");
    };
    read.inspect_err(wrong).ok()
}

/// A record's body as it is kept.
pub(crate) fn written(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("texts and lists are JSON")
}

/// The secret of a credential of this kind.
pub(crate) async fn secret(
    store: &dyn Store,
    seal: &dyn Seal,
    id: &str,
    kind: CredentialKind,
) -> Result<Secret, Unusable> {
    let missing = || Unusable::Credential(id.to_owned());
    let record = store.record(RecordKind::Credential, id).await?;
    let record = record.ok_or_else(missing)?;
    let credential: CredentialRecord = body(&record).ok_or_else(missing)?;
    let fits = credential.kind == kind;
    let secret = fits.then(|| credential.open(seal, id)).flatten();
    secret.ok_or_else(missing)
}

/// A receiver with its credentials, and its templates, checked.
pub(crate) async fn receiver(
    store: &dyn Store,
    seal: &dyn Seal,
    record: &MailboxRecord,
    egress: Egress,
) -> Result<(Endpoint, Templates), Unusable> {
    let url = record.webhook_url.as_deref().ok_or(Unusable::Nowhere)?;
    let bearer = match &record.auth {
        Some(id) => Some(secret(store, seal, id, CredentialKind::WebhookAuth).await?),
        None => None,
    };
    let mut secrets = Vec::new();
    for id in &record.signing {
        secrets.push(secret(store, seal, id, CredentialKind::Signing).await?);
    }
    record
        .templates
        .keep_out(secrets.iter().chain(bearer.as_ref()))?;
    let templates = Templates::parse(&record.templates)?;
    let signer = match secrets.is_empty() {
        true => None,
        false => Some(Signer::new(&secrets)?),
    };
    let endpoint = Endpoint::new(url, egress, signer, bearer.as_ref())?;
    Ok((endpoint, templates))
}
