//! Mailboxes: what agents look at, how they are told, and how they come to it.

use super::ask::Id;
use super::body::Json;
use super::connections::List;
use super::once::{Repeatable, done};
use super::page::Page;
use super::setup::{self, changed, if_match, name_taken, own_signing, with_etag};
use super::{Problem, once};
use crate::app::{App, MAILBOX};
use crate::auth::{Caller, draft};
use crate::mcp;
use crate::records::{self, MailboxRecord};
use crate::webhook::trial;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chatbox_core::id::{MailboxId, fresh};
use chatbox_core::store::{
    Admin, DeliveryFilter, DeliveryState, Door, LaneScope, Mailbox, NewMailbox, NewRecord, Outcome,
    RecordKind, Standing,
};
use chatbox_core::template::Written;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Instant;
use utoipa::{IntoParams, ToSchema};

/// A mailbox.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MailboxView {
    /// Its id.
    #[schema(value_type = String)]
    id: MailboxId,
    /// Its name, for people.
    name: String,
    /// How it is answered: `run` by a backend here, `push` by a webhook, `pull` by an agent that comes.
    #[schema(value_type = String)]
    door: Door,
    /// `paused` where hand-outs to its webhook wait until somebody goes on with them, `archived` where it is answered no
    /// more, else `active`.
    #[schema(value_type = String)]
    standing: Standing,
    /// How many hand-outs to its webhook failed in a row.
    fails: u32,
    /// The chat it looks at.
    focal_chat: Option<String>,
    /// Where its agent comes to.
    mcp_url: String,
    /// Where its messages are handed.
    webhook_url: Option<String>,
    /// The credential that goes along with them.
    auth_credential_id: Option<String>,
    /// The credentials that sign them.
    signing_credential_ids: Vec<String>,
    /// What they say, by template, where it is not our own wording.
    #[schema(value_type = BTreeMap<String, String>)]
    templates: Written,
}

/// A mailbox as made: what is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MailboxMade {
    #[serde(flatten)]
    mailbox: MailboxView,
    /// What its agent comes with. It is not stored and cannot be shown again.
    #[schema(format = Password)]
    mcp_token: String,
    /// What its webhook is signed with, where no credential was named. It cannot be shown again.
    #[schema(format = Password)]
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_secret: Option<String>,
}

/// A mailbox to be, or as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailboxSetup {
    /// Its name, for people: unique in the account.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// Where its messages are handed: then it is answered by `push`.
    #[serde(default)]
    #[schema(max_length = 2048)]
    webhook_url: Option<String>,
    /// Without a webhook: `pull` unless set, or `run`.
    #[serde(default)]
    door: Option<Answered>,
    /// The credential that goes along.
    #[serde(default)]
    auth_credential_id: Option<String>,
    /// The credentials that sign: several while one replaces another. Where none is named, one is made with the mailbox.
    #[serde(default)]
    signing_credential_ids: Vec<String>,
    /// What is said, by template.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    templates: Written,
}

/// How a mailbox without a webhook is answered.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answered {
    /// By an agent that comes.
    Pull,
    /// By the backend of this server.
    Run,
}

impl MailboxSetup {
    fn door(&self, caller: &Caller) -> Result<Door, Problem> {
        if let Some(Answered::Run) = self.door {
            caller.at_home("the backend of this server is the operator's")?;
        }
        match (&self.webhook_url, self.door) {
            (Some(_), None) => Ok(Door::Push),
            (None, None | Some(Answered::Pull)) => Ok(Door::Pull),
            (None, Some(Answered::Run)) => Ok(Door::Run),
            (Some(_), Some(_)) => {
                let detail = "`webhook_url` and `door` would both say how it is answered";
                Err(Problem::invalid("two_answers", detail))
            }
        }
    }

    fn record(&self) -> MailboxRecord {
        MailboxRecord {
            webhook_url: self.webhook_url.clone(),
            auth: self.auth_credential_id.clone(),
            signing: self.signing_credential_ids.clone(),
            templates: self.templates.clone(),
        }
    }
}

fn put_mailbox(caller: &Caller, id: &MailboxId, name: &str, door: Door) -> Admin {
    Admin::PutMailbox(NewMailbox {
        account: caller.account.clone(),
        id: id.clone(),
        name: name.to_owned(),
        door,
        scope: match door {
            Door::Run => LaneScope::Session,
            Door::Push | Door::Pull => LaneScope::Chat,
        },
    })
}

fn put_record(
    caller: &Caller,
    id: &MailboxId,
    name: &str,
    record: &MailboxRecord,
    rev: Option<i64>,
) -> Admin {
    Admin::PutRecord(NewRecord {
        kind: RecordKind::Mailbox,
        account: caller.account.clone(),
        id: id.as_str().to_owned(),
        name: name.to_owned(),
        rev,
        body: records::written(record),
        uses: record.auth.iter().chain(&record.signing).cloned().collect(),
    })
}

async fn view(app: &App, mailbox: Mailbox, record: MailboxRecord) -> MailboxView {
    MailboxView {
        mcp_url: url(app, &mailbox.id).await,
        name: mailbox.name,
        door: mailbox.door,
        standing: mailbox.standing,
        fails: mailbox.fails,
        focal_chat: mailbox.focus.chat.map(|chat| format!("cht_{chat}")),
        id: mailbox.id,
        webhook_url: record.webhook_url,
        auth_credential_id: record.auth,
        signing_credential_ids: record.signing,
        templates: record.templates,
    }
}

/// What is kept of a mailbox, and its revision.
pub(super) async fn kept(app: &App, id: &MailboxId) -> Result<(MailboxRecord, i64), Problem> {
    let store = app.chatbox.store();
    let record = store.record(RecordKind::Mailbox, id.as_str()).await?;
    let rev = record.as_ref().map_or(0, |it| it.rev);
    let body = record.as_ref().and_then(records::body);
    Ok((body.unwrap_or_default(), rev))
}

/// The mailbox that the configuration sets up is not set up here as well.
fn not_configured(id: &MailboxId) -> Result<(), Problem> {
    if id.as_str() != MAILBOX {
        return Ok(());
    }
    let detail = "the mailbox main is set up in the configuration";
    let hint = "change the configuration file, or make another mailbox";
    Err(Problem::new(
        StatusCode::CONFLICT,
        "configured",
        detail,
        hint,
    ))
}

/// Makes a mailbox.
#[utoipa::path(
    post,
    path = "/v1/mailboxes",
    operation_id = "createMailbox",
    tag = "mailboxes",
    security(("token" = ["admin"])),
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = r"^[!-~]+$", description = "The same request with the same key is done once")),
    request_body = MailboxSetup,
    responses((status = 201, description = "It is there; its secrets are shown this once", body = MailboxMade)),
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Repeatable { body: setup, asked }: Repeatable<MailboxSetup>,
) -> Result<Response, Problem> {
    setup::name(&setup.name)?;
    let (door, mut record) = (setup.door(&caller)?, setup.record());
    setup::check(&app, &caller, &record).await?;
    setup::room(&app, &caller, RecordKind::Mailbox).await?;
    let id = MailboxId::new(fresh("mbx"));
    let mut all = Vec::new();
    let mut signing_secret = None;
    if door == Door::Push && record.signing.is_empty() {
        let (credential, put, secret) = own_signing(&app, &caller, id.as_str());
        record.signing.push(credential);
        all.push(put);
        signing_secret = Some(secret.expose().to_owned());
    }
    let (made, token) = draft(
        &caller.account,
        mcp::prefix(&id),
        id.as_str(),
        mcp::SCOPE,
        None,
    );
    all.extend([
        put_mailbox(&caller, &id, &setup.name, door),
        put_record(&caller, &id, &setup.name, &record, Some(0)),
        Admin::PutToken(token),
        caller.note("create_mailbox", id.as_str()),
    ]);
    let mailbox = Mailbox {
        id,
        account: caller.account.clone(),
        name: setup.name,
        door,
        scope: LaneScope::Chat,
        focus: chatbox_core::focus::Focus::default(),
        standing: Standing::Active,
        fails: 0,
    };
    let view = MailboxMade {
        mailbox: view(&app, mailbox, record).await,
        mcp_token: made.whole.expose().to_owned(),
        signing_secret,
    };
    match done(&app, asked, all, StatusCode::CREATED, &view).await? {
        Ok(answer) => Ok(answer),
        Err(Outcome::Duplicate { .. }) => Err(name_taken()),
        Err(_) => Err(changed()),
    }
}

/// Which mailboxes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Those that are archived as well.
    #[serde(default)]
    archived: bool,
    /// The `next_cursor` of the part before; the first part unless set.
    #[serde(default)]
    #[param(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    cursor: Option<String>,
    /// At most so many; 100 unless set.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Every mailbox.
#[utoipa::path(
    get,
    path = "/v1/mailboxes",
    operation_id = "listMailboxes",
    tag = "mailboxes",
    security(("token" = ["read"])),
    params(Which),
    responses((status = 200, description = "Mailboxes, by their ids", body = List<MailboxView>)),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    super::ask::Query(which): super::ask::Query<Which>,
) -> Result<Json<List<MailboxView>>, Problem> {
    let mut all = caller.mailboxes(&app).await?;
    all.retain(|it| which.archived || it.standing != Standing::Archived);
    let page = Page::new(which.cursor, which.limit);
    let page = page.of(all, |it| it.id.as_str())?;
    let mut items = Vec::with_capacity(page.items.len());
    for mailbox in page.items {
        let (record, _) = kept(&app, &mailbox.id).await?;
        items.push(view(&app, mailbox, record).await);
    }
    let next_cursor = page.next_cursor;
    Ok(Json(List { items, next_cursor }))
}

/// One mailbox, with its revision as `ETag`.
#[utoipa::path(
    get,
    path = "/v1/mailboxes/{id}",
    operation_id = "readMailbox",
    tag = "mailboxes",
    security(("token" = ["read"])),
    params(("id" = String, Path, description = "The mailbox")),
    responses((status = 200, description = "The mailbox", body = MailboxView)),
)]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, Problem> {
    let mailbox = caller.any_mailbox(&app, &id).await?;
    let (record, rev) = kept(&app, &mailbox.id).await?;
    let view = view(&app, mailbox, record).await;
    Ok(with_etag(Json(view).into_response(), rev))
}

/// Sets a mailbox up anew, whole. With `If-Match`, only if it is still as it was read.
#[utoipa::path(
    put,
    path = "/v1/mailboxes/{id}",
    operation_id = "replaceMailbox",
    tag = "mailboxes",
    security(("token" = ["admin"])),
    params(
        ("id" = String, Path, description = "The mailbox"),
        ("If-Match" = Option<String>, Header, description = "The ETag it was read with"),
    ),
    request_body = MailboxSetup,
    responses((status = 200, description = "The mailbox as it is now", body = MailboxView)),
)]
pub(crate) async fn replace(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
    Json(setup): Json<MailboxSetup>,
) -> Result<Response, Problem> {
    let mailbox = caller.mailbox(&app, &id).await?;
    not_configured(&mailbox.id)?;
    setup::name(&setup.name)?;
    let (door, record) = (setup.door(&caller)?, setup.record());
    setup::check(&app, &caller, &record).await?;
    save(
        &app,
        &caller,
        &mailbox.id,
        &setup.name,
        door,
        &record,
        if_match(&headers)?,
    )
    .await?;
    let (record, rev) = kept(&app, &mailbox.id).await?;
    let mailbox = caller.mailbox(&app, &id).await?;
    let view = view(&app, mailbox, record).await;
    Ok(with_etag(Json(view).into_response(), rev))
}

/// One template.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneTemplate {
    /// The text with its placeholders; `null` for our own wording.
    #[schema(max_length = 65536)]
    template: Option<String>,
}

/// Sets one template of a mailbox, or takes it away.
#[utoipa::path(
    put,
    path = "/v1/mailboxes/{id}/templates/{key}",
    operation_id = "setTemplate",
    tag = "mailboxes",
    security(("token" = ["admin"])),
    params(
        ("id" = String, Path, description = "The mailbox"),
        ("key" = String, Path, description = "Which template, such as `notification` or `focal_message`"),
    ),
    request_body = OneTemplate,
    responses((status = 200, description = "The mailbox as it is now", body = MailboxView)),
)]
pub(crate) async fn template(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((id, key)): Path<(String, String)>,
    Json(OneTemplate { template }): Json<OneTemplate>,
) -> Result<Response, Problem> {
    let mailbox = caller.mailbox(&app, &id).await?;
    not_configured(&mailbox.id)?;
    let (mut record, rev) = kept(&app, &mailbox.id).await?;
    record.templates.set(&key, template);
    setup::check(&app, &caller, &record).await?;
    let (name, door) = (mailbox.name.clone(), mailbox.door);
    save(&app, &caller, &mailbox.id, &name, door, &record, Some(rev)).await?;
    let view = view(&app, mailbox, record).await;
    Ok(with_etag(Json(view).into_response(), rev + 1))
}

/// Writes a mailbox's set-up that was checked.
pub(super) async fn save(
    app: &App,
    caller: &Caller,
    id: &MailboxId,
    name: &str,
    door: Door,
    record: &MailboxRecord,
    rev: Option<i64>,
) -> Result<(), Problem> {
    let all = vec![
        put_record(caller, id, name, record, rev),
        put_mailbox(caller, id, name, door),
        caller.note("put_mailbox", id.as_str()),
    ];
    let outcome = app.chatbox.together(all).await?;
    app.webhooks.forget(id.as_str());
    match outcome {
        Outcome::Done(_) => Ok(()),
        Outcome::Duplicate { .. } => Err(name_taken()),
        _ => Err(changed()),
    }
}

/// Archives a mailbox: it is answered no more and its connections are disconnected; what was said stays.
#[utoipa::path(
    delete,
    path = "/v1/mailboxes/{id}",
    operation_id = "archiveMailbox",
    tag = "mailboxes",
    security(("token" = ["admin"])),
    params(("id" = String, Path, description = "The mailbox")),
    responses((status = 204, description = "It is archived; its history stays")),
)]
pub(crate) async fn archive(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let mailbox = caller.mailbox(&app, &id).await?;
    not_configured(&mailbox.id)?;
    let mut all: Vec<Admin> = Vec::new();
    let (_, rev) = kept(&app, &mailbox.id).await?;
    if rev > 0 {
        // Its credentials are free, and its name.
        all.push(Admin::RemoveRecord {
            kind: RecordKind::Mailbox,
            account: caller.account.clone(),
            id: id.clone(),
        });
    }
    all.push(Admin::ArchiveMailbox {
        mailbox: mailbox.id.clone(),
    });
    all.push(caller.note("archive_mailbox", id.as_str()));
    match app.chatbox.archive(&mailbox.id, all).await? {
        Outcome::Done(_) => {
            app.webhooks.forget(&id);
            app.streams.end(&mailbox.id);
            Ok(StatusCode::NO_CONTENT)
        }
        _ => Err(Problem::not_found("mailbox")),
    }
}

/// How a mailbox stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthView {
    #[schema(value_type = String)]
    standing: Standing,
    /// How many hand-outs failed in a row.
    consecutive_failures: u32,
    /// When the newest hand-out that was taken was made, in milliseconds since 1970.
    last_success_at: Option<i64>,
    /// When the newest one that failed was made.
    last_failure_at: Option<i64>,
    /// Why that one failed.
    last_failure: Option<String>,
    /// How many hand-outs wait.
    queue_depth: u64,
    /// Since when the oldest of those waits.
    oldest_pending_at: Option<i64>,
}

/// How hand-outs to a mailbox's webhook go.
#[utoipa::path(
    get,
    path = "/v1/mailboxes/{id}/health",
    operation_id = "readMailboxHealth",
    tag = "mailboxes",
    security(("token" = ["read"])),
    params(("id" = String, Path, description = "The mailbox")),
    responses((status = 200, description = "How they go", body = HealthView)),
)]
pub(crate) async fn health(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<HealthView>, Problem> {
    let mailbox = caller.any_mailbox(&app, &id).await?;
    Ok(Json(stands(&app, &mailbox).await?))
}

/// How a mailbox stands.
pub(crate) async fn stands(app: &App, mailbox: &Mailbox) -> Result<HealthView, Problem> {
    let store = app.chatbox.store();
    let newest = async |states: &[DeliveryState]| {
        let filter = DeliveryFilter {
            owner: Some(mailbox.id.as_str().to_owned()),
            states: states.to_vec(),
            limit: 1,
            ..DeliveryFilter::default()
        };
        store.deliveries(&filter).await.map(|mut it| it.pop())
    };
    let delivered = newest(&[DeliveryState::Delivered]).await?;
    let failed = newest(&DeliveryState::DEAD).await?;
    let waits = store.backlog(mailbox.id.as_str()).await?;
    Ok(HealthView {
        standing: mailbox.standing,
        consecutive_failures: mailbox.fails,
        last_success_at: delivered.map(|it| it.at.0),
        last_failure_at: failed.as_ref().map(|it| it.at.0),
        last_failure: failed.and_then(|it| it.reason),
        queue_depth: waits.rows,
        oldest_pending_at: waits.oldest.map(|at| at.0),
    })
}

/// What came of a trial.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrialView {
    /// Whether the webhook took it.
    delivered: bool,
    /// What it answered with.
    status: Option<u16>,
    /// What happened, for people.
    detail: String,
    /// How long it took.
    milliseconds: u64,
}

/// Posts a signed trial to a mailbox's webhook, once and now, and says what it answered.
#[utoipa::path(
    post,
    path = "/v1/mailboxes/{id}/test-delivery",
    operation_id = "testDelivery",
    tag = "mailboxes",
    security(("token" = ["write"])),
    params(("id" = String, Path, description = "The mailbox")),
    responses((status = 200, description = "What it answered", body = TrialView)),
)]
pub(crate) async fn test(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<TrialView>, Problem> {
    let mailbox = caller.mailbox(&app, &id).await?;
    let body = trial(&mailbox.id, app.chatbox.store().now().await?);
    let began = Instant::now();
    let attempt = app.webhooks.test(&mailbox.id, body).await;
    let attempt = attempt.map_err(setup::unusable)?;
    caller.noted(&app, "test_delivery", id.as_str()).await;
    Ok(Json(TrialView {
        delivered: attempt.verdict == chatbox_backends::webhook::Verdict::Delivered,
        status: attempt.status,
        detail: attempt.reason,
        milliseconds: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    }))
}

/// A token, shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct McpTokenView {
    /// Whose agent may come with it.
    #[schema(value_type = String)]
    mailbox: MailboxId,
    /// Where to.
    mcp_url: String,
    /// The token itself. It is not stored and cannot be shown again.
    #[schema(format = Password)]
    mcp_token: String,
}

/// Gives a mailbox a token for its agent. The one before is refused from now on, and what it left open ends.
#[utoipa::path(
    post,
    path = "/v1/mailboxes/{id}/mcp-token",
    operation_id = "replaceMcpToken",
    tag = "mailboxes",
    security(("token" = ["admin"])),
    params(("id" = String, Path, description = "The mailbox")),
    responses((status = 201, description = "The one before is refused from now on", body = McpTokenView)),
)]
pub(crate) async fn token(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, Problem> {
    let id = caller.mailbox(&app, &id).await?.id;
    let (made, token) = draft(
        &caller.account,
        mcp::prefix(&id),
        id.as_str(),
        mcp::SCOPE,
        None,
    );
    let view = McpTokenView {
        mcp_url: url(&app, &id).await,
        mcp_token: made.whole.expose().to_owned(),
        mailbox: id.clone(),
    };
    let all = vec![
        Admin::PutToken(token),
        caller.note("replace_mcp_token", id.as_str()),
    ];
    let answer = once::done(&app, None, all, StatusCode::CREATED, &view).await?;
    app.streams.end(&id);
    answer.map_err(|_| changed())
}

/// Goes on handing out to a mailbox that was paused: what waits comes first, in order.
#[utoipa::path(
    post,
    path = "/v1/mailboxes/{id}/unpause",
    operation_id = "unpauseMailbox",
    tag = "mailboxes",
    security(("token" = ["write"])),
    params(("id" = String, Path, description = "The mailbox")),
    responses((status = 204, description = "What waits is handed out")),
)]
pub(crate) async fn unpause(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let id = caller.mailbox(&app, &id).await?.id;
    app.chatbox.set_standing(&id, Standing::Active).await?;
    caller.noted(&app, "unpause_mailbox", id.as_str()).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn url(app: &App, id: &MailboxId) -> String {
    let base = app.base.read().await;
    let mut url = base.clone();
    // A base that takes no path is none of ours; the address is then only less useful.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["mcp", id.as_str()]);
    }
    url.to_string()
}
