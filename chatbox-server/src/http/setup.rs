//! What mailboxes and subscriptions have in common: a receiver that is checked before it is kept, and what its mistakes are
//! called.

use super::Problem;
use crate::app::App;
use crate::auth::Caller;
use crate::records::{self, CredentialKind, CredentialRecord, MailboxRecord, Unusable};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use chatbox_backends::webhook::fresh_secret;
use chatbox_core::connector::{Egress, Revision};
use chatbox_core::id::{ConnectionId, fresh};
use chatbox_core::secret::Secret;
use chatbox_core::store::{Admin, NewRecord, RecordKind};

/// So many subscriptions an account has at most: each of them is looked at when something happens.
const SUBSCRIPTIONS: usize = 20;
/// So many mailboxes an account has at most, besides the operator's own.
const MAILBOXES: usize = 1000;
/// So many credentials, likewise.
const CREDENTIALS: usize = 3000;
/// So many connections, likewise: each of them runs here, and is looked at for all tenants.
const CONNECTIONS: usize = 300;
/// The longest name, in characters.
const NAME: usize = 64;

/// A name as people give it.
pub(super) fn name(name: &str) -> Result<(), Problem> {
    let visible = !name.trim().is_empty() && !name.chars().any(char::is_control);
    if visible && name.chars().count() <= NAME {
        return Ok(());
    }
    let detail =
        format!("`name` must have 1 to {NAME} characters, none of which steers a terminal");
    Err(Problem::invalid("invalid_name", detail))
}

/// Whether what was set up can be used. Its credentials must be the caller's.
pub(super) async fn check(
    app: &App,
    caller: &Caller,
    record: &MailboxRecord,
) -> Result<(), Problem> {
    for id in record.auth.iter().chain(&record.signing) {
        let found = app.chatbox.store().record(RecordKind::Credential, id).await;
        if found?.is_none_or(|it| it.account != caller.account) {
            return Err(unusable(Unusable::Credential(id.clone())));
        }
    }
    // Templates are checked where there is no webhook yet as well.
    let mut tried = record.clone();
    tried
        .webhook_url
        .get_or_insert_with(|| "https://webhook.example/".to_owned());
    let (store, seal) = (app.chatbox.store().as_ref(), app.chatbox.seal().as_ref());
    let egress = app.webhooks.egress();
    let receiver = records::receiver(store, seal, &tried, egress).await;
    receiver.map(drop).map_err(|error| match (&error, egress) {
        (Unusable::Endpoint(_), Egress::Public) => {
            let hint = "for a webhook on this machine or a private network the operator sets allow_private_webhooks = true";
            let mut problem = unusable(error);
            problem.hint = hint.to_owned();
            problem
        }
        _ => unusable(error),
    })
}

/// Whether an account may have one more: what one tenant sets up is looked at for all of them.
pub(super) async fn room(app: &App, caller: &Caller, kind: RecordKind) -> Result<(), Problem> {
    let most = match kind {
        RecordKind::Mailbox => MAILBOXES,
        RecordKind::Credential => CREDENTIALS,
        RecordKind::Subscription => SUBSCRIPTIONS,
        // Nobody sets one up here: each is something an agent said.
        RecordKind::Question | RecordKind::Watched => return Ok(()),
    };
    let is_home = caller.at_home("").is_ok();
    if is_home && kind != RecordKind::Subscription {
        return Ok(());
    }
    let store = app.chatbox.store();
    fits(
        store.records(kind, Some(&caller.account)).await?.len(),
        most,
    )
}

/// Whether an account may have this connection: one it has is only renewed.
pub(super) async fn room_for(app: &App, caller: &Caller, id: &ConnectionId) -> Result<(), Problem> {
    if caller.at_home("").is_ok() {
        return Ok(());
    }
    let theirs = caller.connections(app).await?;
    match theirs.iter().any(|it| it.id == *id) {
        true => Ok(()),
        false => fits(theirs.len(), CONNECTIONS),
    }
}

fn fits(there: usize, most: usize) -> Result<(), Problem> {
    if there < most {
        return Ok(());
    }
    let detail = format!("there are {there} of them, and an account has at most {most}");
    let hint = "delete one that is not needed first";
    let status = StatusCode::CONFLICT;
    Err(Problem::new(status, "too_many", detail, hint))
}

/// What a receiver's mistake is called.
pub(super) fn unusable(error: Unusable) -> Problem {
    let detail = error.to_string();
    let code = match error {
        Unusable::Store(error) => return error.into(),
        Unusable::Endpoint(error) => error.code(),
        Unusable::Secret(error) => error.code(),
        Unusable::Template(error) => error.fault.code(),
        Unusable::Credential(_) => "unknown_credential",
        Unusable::Nowhere => {
            let (status, hint) = (StatusCode::CONFLICT, "set `webhook_url` first");
            return Problem::new(status, "no_webhook", detail, hint);
        }
    };
    Problem::invalid(code, detail)
}

/// A fresh signing credential for a receiver that named none, and its secret, to be shown once.
pub(super) fn own_signing(app: &App, caller: &Caller, owner: &str) -> (String, Admin, Secret) {
    let (id, secret) = (fresh("crd"), fresh_secret());
    let name = format!("signing of {owner}");
    let put = credential(
        app,
        caller,
        &id,
        &name,
        CredentialKind::Signing,
        &secret,
        Some(0),
    );
    (id, put, secret)
}

/// A credential as it is kept.
pub(super) fn credential(
    app: &App,
    caller: &Caller,
    id: &str,
    name: &str,
    kind: CredentialKind,
    secret: &Secret,
    rev: Option<Revision>,
) -> Admin {
    let record = CredentialRecord::seal(app.chatbox.seal().as_ref(), id, kind, secret);
    Admin::PutRecord(NewRecord {
        kind: RecordKind::Credential,
        account: caller.account.clone(),
        id: id.to_owned(),
        name: name.to_owned(),
        rev,
        body: records::written(&record),
        uses: Vec::new(),
    })
}

/// The revision that a change was decided on, as `If-Match` says it.
pub(super) fn if_match(headers: &HeaderMap) -> Result<Option<Revision>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let value = value.to_str().unwrap_or_default().trim();
    if value == "*" {
        return Ok(None);
    }
    let rev = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let rev = rev
        .and_then(|it| it.strip_prefix('r'))
        .and_then(|it| it.parse().ok());
    match rev {
        Some(rev) => Ok(Some(rev)),
        None => Err(changed()),
    }
}

/// Somebody else was faster.
pub(super) fn changed() -> Problem {
    let detail = "it has changed since it was read";
    let hint = "read it again, and send the ETag of that answer as If-Match";
    let status = StatusCode::PRECONDITION_FAILED;
    Problem::new(status, "precondition_failed", detail, hint)
}

/// The name is somebody else's.
pub(super) fn name_taken() -> Problem {
    let (detail, hint) = ("there is one of this name already", "take another name");
    Problem::new(StatusCode::CONFLICT, "name_taken", detail, hint)
}

/// An answer with the revision of what it shows.
pub(super) fn with_etag(mut answer: Response, rev: Revision) -> Response {
    if let Ok(value) = HeaderValue::from_str(&format!("\"r{rev}\"")) {
        answer.headers_mut().insert(header::ETAG, value);
    }
    answer
}
