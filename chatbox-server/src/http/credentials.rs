//! Credentials: secrets that mailboxes and subscriptions name. They are kept sealed, and no read shows one.

use super::Problem;
use super::ask::{Id, Query};
use super::body::Json;
use super::connections::List;
use super::once::{Repeatable, done};
use super::page::Page;
use super::setup::{self, changed, credential, if_match, name_taken, unusable, with_etag};
use crate::app::App;
use crate::auth::Caller;
use crate::placeholder::is_placeholder;
use crate::records::{self, CredentialKind, CredentialRecord, Unusable};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chatbox_backends::webhook::{Endpoint, Signer, fresh_secret};
use chatbox_core::connector::Egress;
use chatbox_core::id::fresh;
use chatbox_core::secret::Secret;
use chatbox_core::store::{Admin, Outcome, Record, RecordKind};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A credential, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CredentialView {
    /// Its id.
    id: String,
    /// Its name, for people.
    name: String,
    /// What it is for.
    kind: CredentialKind,
    /// When it was made, in milliseconds since 1970.
    at: i64,
}

/// A credential as made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CredentialMade {
    #[serde(flatten)]
    credential: CredentialView,
    /// The secret, where it was made here. It cannot be shown again.
    #[schema(format = Password)]
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// A credential to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCredential {
    /// Its name, for people: unique in the account.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// What it is for.
    kind: CredentialKind,
    /// The secret; one to sign with is made where none is given.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password)]
    secret: Option<Secret>,
}

/// A secret that takes the place of the one before.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// The new secret.
    #[schema(value_type = String, format = Password)]
    secret: Secret,
}

/// Whether a secret can be used for this.
fn check(kind: CredentialKind, secret: &Secret) -> Result<(), Problem> {
    if is_placeholder(secret.expose()) {
        let detail = "a word stands where the secret belongs";
        return Err(Problem::invalid("placeholder", detail));
    }
    match kind {
        CredentialKind::Signing => {
            let signer = Signer::new(std::slice::from_ref(secret)).map(drop);
            signer.map_err(|error| unusable(Unusable::Secret(error)))
        }
        CredentialKind::WebhookAuth | CredentialKind::McpProxyAuth => {
            let url = "https://webhook.example/";
            let endpoint = Endpoint::new(url, Egress::Public, None, Some(secret)).map(drop);
            endpoint.map_err(|error| unusable(Unusable::Endpoint(error)))
        }
    }
}

fn view(record: &Record) -> Option<CredentialView> {
    let body: CredentialRecord = records::body(record)?;
    Some(CredentialView {
        id: record.id.clone(),
        name: record.name.clone(),
        kind: body.kind,
        at: record.at.0,
    })
}

async fn find(app: &App, caller: &Caller, id: &str) -> Result<Record, Problem> {
    let found = app
        .chatbox
        .store()
        .record(RecordKind::Credential, id)
        .await?;
    let found = found.filter(|it| it.account == caller.account);
    found.ok_or_else(|| Problem::not_found("credential"))
}

/// Keeps a secret.
#[utoipa::path(
    post,
    path = "/v1/credentials",
    operation_id = "createCredential",
    tag = "credentials",
    security(("token" = ["admin"])),
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = r"^[!-~]+$", description = "The same request with the same key is done once")),
    request_body = NewCredential,
    responses((status = 201, description = "It is kept, sealed", body = CredentialMade)),
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Repeatable { body: new, asked }: Repeatable<NewCredential>,
) -> Result<Response, Problem> {
    setup::name(&new.name)?;
    let made = new.secret.is_none();
    let secret = match (new.secret, new.kind) {
        (Some(secret), _) => secret,
        (None, CredentialKind::Signing) => fresh_secret(),
        (None, _) => {
            let detail = "`secret` is missing";
            return Err(Problem::invalid("missing_field", detail));
        }
    };
    check(new.kind, &secret)?;
    setup::room(&app, &caller, RecordKind::Credential).await?;
    let id = fresh("crd");
    let all = vec![
        credential(&app, &caller, &id, &new.name, new.kind, &secret, Some(0)),
        caller.note("create_credential", id.as_str()),
    ];
    let view = CredentialMade {
        credential: CredentialView {
            id,
            name: new.name,
            kind: new.kind,
            at: app.chatbox.store().now().await?.0,
        },
        secret: made.then(|| secret.expose().to_owned()),
    };
    match done(&app, asked, all, StatusCode::CREATED, &view).await? {
        Ok(answer) => Ok(answer),
        Err(Outcome::Duplicate { .. }) => Err(name_taken()),
        Err(_) => Err(changed()),
    }
}

/// Every credential, without the secrets.
#[utoipa::path(
    get,
    path = "/v1/credentials",
    operation_id = "listCredentials",
    tag = "credentials",
    security(("token" = ["read"])),
    params(Page),
    responses((status = 200, description = "Credentials, by their ids", body = List<CredentialView>)),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<List<CredentialView>>, Problem> {
    let store = app.chatbox.store();
    let all = store
        .records(RecordKind::Credential, Some(&caller.account))
        .await?;
    let page = page.of(all, |it| it.id.as_str())?;
    Ok(Json(List {
        items: page.items.iter().filter_map(view).collect(),
        next_cursor: page.next_cursor,
    }))
}

/// One credential, without its secret.
#[utoipa::path(
    get,
    path = "/v1/credentials/{id}",
    operation_id = "readCredential",
    tag = "credentials",
    security(("token" = ["read"])),
    params(("id" = String, Path, description = "The credential")),
    responses((status = 200, description = "The credential", body = CredentialView)),
)]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, Problem> {
    let record = find(&app, &caller, &id).await?;
    let view = view(&record).ok_or_else(|| Problem::not_found("credential"))?;
    Ok(with_etag(Json(view).into_response(), record.rev))
}

/// Puts another secret in the place of the one before: it holds from the next webhook on.
#[utoipa::path(
    put,
    path = "/v1/credentials/{id}",
    operation_id = "rotateCredential",
    tag = "credentials",
    security(("token" = ["admin"])),
    params(
        ("id" = String, Path, description = "The credential"),
        ("If-Match" = Option<String>, Header, description = "The ETag it was read with"),
    ),
    request_body = Rotation,
    responses((status = 204, description = "The one before is used no more")),
)]
pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
    Json(Rotation { secret }): Json<Rotation>,
) -> Result<StatusCode, Problem> {
    let record = find(&app, &caller, &id).await?;
    let body: Option<CredentialRecord> = records::body(&record);
    let kind = body.ok_or_else(|| Problem::not_found("credential"))?.kind;
    check(kind, &secret)?;
    let rev = if_match(&headers)?.or(Some(record.rev));
    let all = vec![
        credential(&app, &caller, &id, &record.name, kind, &secret, rev),
        caller.note("rotate_credential", id.as_str()),
    ];
    let outcome = app.chatbox.together(all).await?;
    app.webhooks.forget_all();
    match outcome {
        Outcome::Done(_) => Ok(StatusCode::NO_CONTENT),
        _ => Err(changed()),
    }
}

/// Forgets a credential that nothing names.
#[utoipa::path(
    delete,
    path = "/v1/credentials/{id}",
    operation_id = "deleteCredential",
    tag = "credentials",
    security(("token" = ["admin"])),
    params(("id" = String, Path, description = "The credential")),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    find(&app, &caller, &id).await?;
    let all = vec![
        Admin::RemoveRecord {
            kind: RecordKind::Credential,
            account: caller.account.clone(),
            id: id.clone(),
        },
        caller.note("delete_credential", id.as_str()),
    ];
    match app.chatbox.together(all).await? {
        Outcome::Done(_) => Ok(StatusCode::NO_CONTENT),
        Outcome::Duplicate { .. } => {
            let detail = "a mailbox or subscription still names this credential";
            let hint = "give that one another credential first";
            let status = StatusCode::CONFLICT;
            Err(Problem::new(status, "credential_in_use", detail, hint))
        }
        _ => Err(Problem::not_found("credential")),
    }
}
