//! The keys that seal secrets: which there are, and changing them while the server runs. No answer holds a key.

use super::Problem;
use super::ask::Id;
use super::body::Json;
use super::connections::List;
use crate::app::App;
use crate::auth::Caller;
use crate::reseal::reseal;
use axum::extract::State;
use axum::http::StatusCode;
use chatbox_core::store::SealedPlace;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// So many values are sealed again at once, unless fewer are asked for.
const AT_ONCE: u32 = 50;

/// A key, without the key itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyView {
    /// The first eight bytes of its SHA-256, in hexadecimal.
    id: String,
    /// Whether it seals. The others only open.
    seals: bool,
    /// Whether this server has it.
    held: bool,
    /// So many values are sealed with it.
    values: u64,
}

/// A key to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// No other server has this database open, nor will one before it has the new key. Where the database is a file nobody
    /// need say so.
    #[serde(default)]
    alone: bool,
}

/// Which values are to be sealed again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reseal {
    /// Those after this one, as the answer before named it; from the first on without it.
    #[serde(default)]
    #[schema(pattern = "^((connection|credential|reply)|state/[A-Za-z0-9_]+)/[A-Za-z0-9_]*$")]
    after: Option<String>,
    /// At most so many; 50 where it is left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// What a step came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResealView {
    /// So many values were sealed again.
    resealed: u64,
    /// Where to go on; null after the last.
    after: Option<String>,
    /// Values that do not open with the key they name, and were left as they are.
    unreadable: Vec<String>,
}

/// Lists the keys, the one that seals first.
#[utoipa::path(
    get,
    path = "/v1/vault/keys",
    operation_id = "listVaultKeys",
    tag = "server",
    security(("operator" = [])),
    responses((status = 200, description = "The keys, without the keys themselves", body = List<KeyView>)),
)]
pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Json<List<KeyView>>, Problem> {
    Ok(Json(keys(&app).await?.into()))
}

async fn keys(app: &App) -> Result<Vec<KeyView>, Problem> {
    let mut named = app.chatbox.store().keys().await?;
    let held = app.keys.vault.key_ids();
    let mut keys = Vec::with_capacity(held.len());
    for (place, id) in held.into_iter().enumerate() {
        let at = named.iter().position(|it| it.key == id);
        keys.push(KeyView {
            id,
            seals: place == 0,
            held: true,
            values: at.map_or(0, |at| named.remove(at).values),
        });
    }
    let others = named.into_iter().map(|it| KeyView {
        id: it.key,
        seals: false,
        held: false,
        values: it.values,
    });
    keys.extend(others);
    Ok(keys)
}

/// Makes a key that seals from now on. What the ones before sealed is to be sealed again.
#[utoipa::path(
    post,
    path = "/v1/vault/keys",
    operation_id = "makeVaultKey",
    tag = "server",
    security(("operator" = [])),
    request_body = NewKey,
    responses((status = 201, description = "It is in the key file, and seals", body = KeyView)),
)]
pub(crate) async fn make(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(new): Json<NewKey>,
) -> Result<(StatusCode, Json<KeyView>), Problem> {
    if app.database.may_be_shared() && !new.alone {
        let detail = "other servers may have this database, and would meet what they cannot open";
        let hint = "give every server the new key to open with first, as docs/many-nodes.md says; if this is the only one, \
            say so: `chatbox vault rotate --alone`";
        let status = StatusCode::CONFLICT;
        return Err(Problem::new(status, "other_servers", detail, hint));
    }
    if keys(&app)
        .await?
        .iter()
        .any(|key| !key.seals && key.values > 0)
    {
        let detail = "not everything is sealed with the newest key yet";
        let hint = "seal the rest again first: `chatbox vault rotate`";
        let status = StatusCode::CONFLICT;
        return Err(Problem::new(status, "rotation_unfinished", detail, hint));
    }
    let id = app.keys.make()?;
    caller.noted(&app, "make_vault_key", id.as_str()).await;
    let view = KeyView {
        id,
        seals: true,
        held: true,
        values: 0,
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Seals values again that an older key sealed, some of them. Who changes one meanwhile wins.
#[utoipa::path(
    post,
    path = "/v1/vault/reseal",
    operation_id = "resealVault",
    tag = "server",
    security(("operator" = [])),
    request_body = Reseal,
    responses((status = 200, description = "What was done, and where to go on", body = ResealView)),
)]
pub(crate) async fn seal_again(
    State(app): State<Arc<App>>,
    Json(asked): Json<Reseal>,
) -> Result<Json<ResealView>, Problem> {
    let limit = asked.limit.unwrap_or(AT_ONCE);
    if !(1..=500).contains(&limit) {
        let detail = "`limit` must be 1 to 500";
        return Err(Problem::invalid("out_of_range", detail));
    }
    let after = asked.after.as_deref().map(str::parse::<SealedPlace>);
    let after = after.transpose();
    let after = after.map_err(|error| Problem::invalid("invalid_cursor", error.to_string()))?;
    let store = app.chatbox.store().as_ref();
    let done = reseal(store, &app.keys.vault, after.as_ref(), limit).await?;
    let unreadable = done.unreadable.iter();
    Ok(Json(ResealView {
        resealed: done.count,
        after: done.after.map(|it| it.to_string()),
        unreadable: unreadable.map(ToString::to_string).collect(),
    }))
}

/// Forgets a key that nothing is sealed with. A backup in which something is needs it again.
#[utoipa::path(
    delete,
    path = "/v1/vault/keys/{id}",
    operation_id = "forgetVaultKey",
    tag = "server",
    security(("operator" = [])),
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 204, description = "It is out of the key file")),
)]
pub(crate) async fn forget(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    if !app.keys.holds(&id) {
        return Err(Problem::not_found("vault key"));
    }
    let named = app.chatbox.store().keys().await?;
    if let Some(named) = named.iter().find(|it| it.key == id) {
        let detail = format!("{} values are sealed with it", named.values);
        let hint = "seal them again first: `chatbox vault rotate`";
        let status = StatusCode::CONFLICT;
        return Err(Problem::new(status, "key_in_use", detail, hint));
    }
    app.keys.forget(&id)?;
    caller.noted(&app, "forget_vault_key", id).await;
    Ok(StatusCode::NO_CONTENT)
}
