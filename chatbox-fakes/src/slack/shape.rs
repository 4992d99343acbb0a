//! Slack's JSON for what the server knows.

use serde_json::{Value, json};

use super::Options;
use super::state::{File, Kind, Message, State};

/// A person, or the bot.
pub(crate) fn user(options: &Options, state: &State, id: &str) -> Value {
    let ours = id == options.bot;
    let name = match ours {
        true => options.name.clone(),
        false => state.name_of(id),
    };
    json!({
        "id": id, "team_id": options.team, "name": name, "deleted": false, "real_name": name, "is_bot": ours,
        "is_app_user": false, "profile": {"display_name": name, "real_name": name, "team": options.team},
    })
}

/// A conversation.
pub(crate) fn channel(id: &str, kind: &Kind) -> Value {
    let mut shape =
        json!({"id": id, "created": 1_700_000_000, "is_archived": false, "is_org_shared": false});
    match kind {
        Kind::Im(person) => {
            shape["is_im"] = json!(true);
            shape["user"] = json!(person);
        }
        Kind::Channel(name) | Kind::Private(name) => {
            let private = matches!(kind, Kind::Private(_));
            shape["name"] = json!(name);
            shape["is_channel"] = json!(!private);
            shape["is_group"] = json!(private);
            shape["is_private"] = json!(private);
            shape["is_member"] = json!(true);
        }
    }
    shape
}

/// The word for a conversation's kind in events.
pub(crate) fn channel_type(kind: Option<&Kind>) -> &'static str {
    match kind {
        Some(Kind::Im(_)) | None => "im",
        Some(Kind::Channel(_)) => "channel",
        Some(Kind::Private(_)) => "group",
    }
}

pub(crate) fn file(options: &Options, state: &State, file: &File) -> Value {
    let at = format!("{}/files-pri/{}-{}", state.public, options.team, file.id);
    let name = escaped(&file.name);
    json!({
        "id": file.id, "name": file.name, "title": file.name, "mimetype": file.mime, "filetype": "binary",
        "mode": "hosted", "size": file.bytes.len(), "is_external": false, "file_access": "visible",
        "url_private": format!("{at}/{name}"), "url_private_download": format!("{at}/download/{name}"),
    })
}

/// A message, as history and events have it.
pub(crate) fn message(options: &Options, state: &State, it: &Message, metadata: bool) -> Value {
    let mut shape = json!({
        "type": "message", "user": it.user, "ts": it.ts, "text": it.text, "team": options.team,
    });
    match it.is_bot {
        true => {
            shape["bot_id"] = json!(bot_id(options, &it.user));
            shape["app_id"] = json!(options.app);
        }
        false => shape["client_msg_id"] = json!(format!("client-{}", it.ts)),
    }
    if !it.blocks.is_empty() {
        shape["blocks"] = it.blocks.clone().into();
    }
    if !it.files.is_empty() {
        shape["subtype"] = json!("file_share");
        shape["upload"] = json!(false);
        shape["files"] = it.files.iter().map(|it| file(options, state, it)).collect();
    }
    if let Some(when) = &it.edited {
        shape["edited"] = json!({"user": it.user, "ts": when});
    }
    if let Some(hidden) = it.metadata.as_ref().filter(|_| metadata) {
        shape["metadata"] = hidden.clone();
    }
    if !it.reactions.is_empty() {
        let all = it.reactions.iter();
        shape["reactions"] = all
            .map(|(name, users)| json!({"name": name, "users": users, "count": users.len()}))
            .collect();
    }
    threaded(state, it, &mut shape);
    shape
}

fn threaded(state: &State, it: &Message, shape: &mut Value) {
    if let Some(thread) = &it.thread {
        shape["thread_ts"] = json!(thread);
        let parent = state.messages.get(&(it.channel.clone(), thread.clone()));
        if let Some(parent) = parent {
            shape["parent_user_id"] = json!(parent.user);
        }
        return;
    }
    let all = state.messages.values();
    let replies = all.filter(|reply| {
        reply.channel == it.channel && reply.thread.as_ref() == Some(&it.ts) && !reply.deleted
    });
    let replies: Vec<&Message> = replies.collect();
    if let Some(latest) = replies.iter().map(|reply| &reply.ts).max() {
        shape["thread_ts"] = json!(it.ts);
        shape["reply_count"] = json!(replies.len());
        shape["latest_reply"] = json!(latest);
    }
}

/// The number of a program that speaks as this person.
pub(crate) fn bot_id(options: &Options, user: &str) -> String {
    match user == options.bot {
        true => options.bot_id.clone(),
        false => format!("B{user}"),
    }
}

/// What an event is wrapped in.
pub(crate) fn callback(options: &Options, id: u64, event: &Value) -> Value {
    json!({
        "token": "verification", "team_id": options.team, "context_team_id": options.team,
        "context_enterprise_id": null, "api_app_id": options.app, "event": event, "type": "event_callback",
        "event_id": format!("Ev{id}"), "event_time": id / 1_000_000, "is_ext_shared_channel": false,
        "event_context": "4-context",
        "authorizations": [{
            "enterprise_id": null, "team_id": options.team, "user_id": options.bot, "is_bot": true,
            "is_enterprise_install": false,
        }],
    })
}

fn escaped(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let one = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    name.bytes().map(one).collect()
}
