//! The remaining methods: chats, commands, webhooks, button answers.

use serde_json::{Value, json};

use super::super::types::Person;
use super::super::wire::Refusal;
use super::{Answer, Ctx};

pub(super) fn get(ctx: &Ctx<'_>) -> Answer {
    let mut chat = ctx.place()?.wire();
    chat["accent_color_id"] = 0.into();
    chat["max_reaction_count"] = 11.into();
    chat["accepted_gift_types"] = json!({
        "unlimited_gifts": false, "limited_gifts": false, "unique_gifts": false, "premium_subscription": false,
        "gifts_from_channels": false,
    });
    Ok(chat)
}

pub(super) fn member(ctx: &Ctx<'_>) -> Answer {
    ctx.place()?;
    let wanted = ctx.params.get("user_id");
    let wanted = wanted.and_then(|id| id.as_i64().or_else(|| id.as_str()?.parse().ok()));
    let wanted = wanted.ok_or_else(|| Refusal::bad("invalid user_id specified"))?;
    if wanted == ctx.bot.id() {
        return Ok(json!({"status": "member", "user": ctx.bot.user()}));
    }
    let person: Option<&Person> = ctx.state.people.get(&wanted);
    let person = person.ok_or_else(|| Refusal::bad("user not found"))?;
    Ok(json!({"status": "member", "user": person}))
}

pub(super) fn answer_callback(ctx: &mut Ctx<'_>) -> Answer {
    let id = ctx.params.text("callback_query_id").unwrap_or_default();
    if !ctx.state.callbacks.remove(id) {
        return Err(Refusal::bad(
            "query is too old and response timeout expired or query ID is invalid",
        ));
    }
    let shown = ctx.params.text("text").unwrap_or_default().to_owned();
    ctx.state.answers.push((id.to_owned(), shown));
    Ok(true.into())
}

pub(super) fn set_commands(ctx: &mut Ctx<'_>) -> Answer {
    let commands = ctx.params.get("commands").cloned();
    let list = commands.as_ref().and_then(Value::as_array);
    let list = list.ok_or_else(|| Refusal::bad("can't parse commands: expected an Array"))?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    for item in list {
        let name = item["command"].as_str().unwrap_or_default();
        if name.is_empty() || name.len() > 32 || !name.chars().all(plain) {
            return Err(Refusal::bad("BOT_COMMAND_INVALID"));
        }
        let about = item["description"].as_str().unwrap_or_default();
        if about.is_empty() || about.chars().count() > 256 {
            return Err(Refusal::bad("BOT_COMMAND_DESCRIPTION_INVALID"));
        }
    }
    ctx.state.commands = list.clone().into();
    Ok(true.into())
}

pub(super) fn delete_commands(ctx: &mut Ctx<'_>) -> Answer {
    ctx.state.commands = Value::Null;
    Ok(true.into())
}

pub(super) fn commands(ctx: &Ctx<'_>) -> Value {
    match &ctx.state.commands {
        Value::Null => Value::Array(Vec::new()),
        list => list.clone(),
    }
}

/// Remembers the address, so that polling is refused; nothing is ever delivered to it.
pub(super) fn set_webhook(ctx: &mut Ctx<'_>) -> Answer {
    let url = ctx.params.text("url").unwrap_or_default();
    if !url.is_empty() && !url.starts_with("https://") {
        return Err(Refusal::bad(
            "bad webhook: An HTTPS URL must be provided for webhook",
        ));
    }
    ctx.state.webhook = url.to_owned();
    drop_pending(ctx);
    Ok(true.into())
}

pub(super) fn delete_webhook(ctx: &mut Ctx<'_>) -> Answer {
    ctx.state.webhook.clear();
    drop_pending(ctx);
    Ok(true.into())
}

fn drop_pending(ctx: &mut Ctx<'_>) {
    let asked = ctx.params.get("drop_pending_updates");
    let yes = asked.is_some_and(|v| v == true || matches!(v.as_str(), Some("true" | "True" | "1")));
    if yes {
        ctx.state.updates.clear();
    }
}

pub(super) fn webhook_info(ctx: &Ctx<'_>) -> Value {
    let mut info = json!({
        "url": ctx.state.webhook, "has_custom_certificate": false,
        "pending_update_count": ctx.state.updates.len(),
    });
    if !ctx.state.updates.allowed().is_empty() {
        info["allowed_updates"] = json!(ctx.state.updates.allowed());
    }
    info
}
