//! Subscriptions: who is told what happens in an account, by signed webhooks of their own.

use super::ask::{Id, Query};
use super::body::Json;
use super::connections::List;
use super::once::{Repeatable, done};
use super::page::Page;
use super::setup::{self, changed, name_taken, own_signing};
use super::{Problem, schema};
use crate::app::App;
use crate::auth::Caller;
use crate::records::{self, MailboxRecord, SubscriptionRecord};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chatbox_core::id::{MailboxId, fresh};
use chatbox_core::store::{
    Admin, NewRecord, Outcome, RecordKind, ServiceKind, Standing, Subscription,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use utoipa::ToSchema;

/// A subscription.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubscriptionView {
    /// Its id.
    id: String,
    /// Where events are posted.
    url: String,
    /// Which.
    #[schema(schema_with = schema::events)]
    events: Vec<ServiceKind>,
    /// The credentials that sign them.
    signing_credential_ids: Vec<String>,
    /// `paused` where its endpoint failed too often: see `unpause`.
    #[schema(value_type = String)]
    standing: Standing,
    /// How many events failed in a row.
    fails: u32,
    /// How many events were dropped since too many waited.
    dropped: u64,
}

/// A subscription as made: what is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubscriptionMade {
    #[serde(flatten)]
    subscription: SubscriptionView,
    /// What events are signed with, where no credential was named. It cannot be shown again.
    #[schema(format = Password)]
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_secret: Option<String>,
}

/// A subscription to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSubscription {
    /// Where events are posted.
    #[schema(max_length = 2048)]
    url: String,
    /// Which.
    #[schema(schema_with = schema::events)]
    events: Vec<ServiceKind>,
    /// The credentials that sign; one is made where none is named.
    #[serde(default)]
    signing_credential_ids: Vec<String>,
}

/// From now on what happens in the account is posted there.
#[utoipa::path(
    post,
    path = "/v1/subscriptions",
    operation_id = "createSubscription",
    tag = "subscriptions",
    security(("token" = ["admin"])),
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = r"^[!-~]+$", description = "The same request with the same key is done once")),
    request_body = NewSubscription,
    responses((status = 201, description = "Events are posted from now on", body = SubscriptionMade)),
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Repeatable { body: new, asked }: Repeatable<NewSubscription>,
) -> Result<Response, Problem> {
    let events: BTreeSet<ServiceKind> = new.events.into_iter().collect();
    if events.is_empty() {
        let detail = "`events` must name what to tell";
        return Err(Problem::invalid("invalid_field", detail));
    }
    let receiver = MailboxRecord {
        webhook_url: Some(new.url.clone()),
        signing: new.signing_credential_ids.clone(),
        ..MailboxRecord::default()
    };
    setup::check(&app, &caller, &receiver).await?;
    setup::room(&app, &caller, RecordKind::Subscription).await?;
    let id = fresh("sub");
    let (mut signing, mut all, mut signing_secret) = (new.signing_credential_ids, Vec::new(), None);
    if signing.is_empty() {
        let (credential, put, secret) = own_signing(&app, &caller, &id);
        signing.push(credential);
        all.push(put);
        signing_secret = Some(secret.expose().to_owned());
    }
    let record = SubscriptionRecord {
        url: new.url,
        signing: signing.clone(),
    };
    all.extend([
        Admin::PutRecord(NewRecord {
            kind: RecordKind::Subscription,
            account: caller.account.clone(),
            id: id.clone(),
            name: id.clone(),
            rev: Some(0),
            body: records::written(&record),
            uses: signing.clone(),
        }),
        Admin::Subscribe {
            account: caller.account.clone(),
            id: id.clone(),
            events: events.iter().copied().collect(),
        },
        caller.note("create_subscription", id.as_str()),
    ]);
    let view = SubscriptionMade {
        subscription: SubscriptionView {
            id,
            url: record.url,
            events: events.into_iter().collect(),
            signing_credential_ids: signing,
            standing: Standing::Active,
            fails: 0,
            dropped: 0,
        },
        signing_secret,
    };
    match done(&app, asked, all, StatusCode::CREATED, &view).await? {
        Ok(answer) => Ok(answer),
        Err(Outcome::Duplicate { .. }) => Err(name_taken()),
        Err(_) => Err(changed()),
    }
}

/// Every subscription of the account.
pub(crate) async fn all(app: &App, caller: &Caller) -> Result<Vec<SubscriptionView>, Problem> {
    let store = app.chatbox.store();
    let records = store
        .records(RecordKind::Subscription, Some(&caller.account))
        .await?;
    let mut records: HashMap<String, SubscriptionRecord> = records
        .iter()
        .filter_map(|it| Some((it.id.clone(), records::body(it)?)))
        .collect();
    let all = store.subscriptions(Some(&caller.account)).await?;
    let view = |row: Subscription| {
        let record = records.remove(&row.id)?;
        Some(SubscriptionView {
            id: row.id,
            url: record.url,
            events: row.events,
            signing_credential_ids: record.signing,
            standing: row.standing,
            fails: row.fails,
            dropped: row.dropped,
        })
    };
    Ok(all.into_iter().filter_map(view).collect())
}

/// Every subscription.
#[utoipa::path(
    get,
    path = "/v1/subscriptions",
    operation_id = "listSubscriptions",
    tag = "subscriptions",
    security(("token" = ["read"])),
    params(Page),
    responses((status = 200, description = "Subscriptions, by their ids", body = List<SubscriptionView>)),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<List<SubscriptionView>>, Problem> {
    let all = all(&app, &caller).await?;
    Ok(Json(page.of(all, |it| it.id.as_str())?))
}

/// Ends a subscription; what waits for it is dropped.
#[utoipa::path(
    delete,
    path = "/v1/subscriptions/{id}",
    operation_id = "deleteSubscription",
    tag = "subscriptions",
    security(("token" = ["admin"])),
    params(("id" = String, Path, description = "The subscription")),
    responses((status = 204, description = "Nothing more is posted there")),
)]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    end(&app, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether it is one of the caller's.
async fn one(app: &App, caller: &Caller, id: &str) -> Result<(), Problem> {
    let store = app.chatbox.store();
    let all = store.subscriptions(Some(&caller.account)).await?;
    match all.iter().any(|it| it.id == id) {
        true => Ok(()),
        false => Err(Problem::not_found("subscription")),
    }
}

/// Ends a subscription.
pub(crate) async fn end(app: &App, caller: &Caller, id: &str) -> Result<(), Problem> {
    one(app, caller, id).await?;
    let account = || caller.account.clone();
    let all = vec![
        Admin::Unsubscribe {
            account: account(),
            id: id.to_owned(),
        },
        Admin::RemoveRecord {
            kind: RecordKind::Subscription,
            account: account(),
            id: id.to_owned(),
        },
        caller.note("delete_subscription", id),
    ];
    let outcome = app.chatbox.together(all).await?;
    app.webhooks.forget(id);
    match outcome {
        Outcome::Done(_) => Ok(()),
        _ => Err(Problem::not_found("subscription")),
    }
}

/// Goes on posting to a subscription that was paused: what waits comes first, in order.
#[utoipa::path(
    post,
    path = "/v1/subscriptions/{id}/unpause",
    operation_id = "unpauseSubscription",
    tag = "subscriptions",
    security(("token" = ["write"])),
    params(("id" = String, Path, description = "The subscription")),
    responses((status = 204, description = "What waits is posted")),
)]
pub(crate) async fn unpause(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    one(&app, &caller, &id).await?;
    let reader = MailboxId::new(id.clone());
    app.chatbox.set_standing(&reader, Standing::Active).await?;
    caller.noted(&app, "unpause_subscription", id).await;
    Ok(StatusCode::NO_CONTENT)
}
