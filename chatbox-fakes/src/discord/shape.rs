//! Discord's JSON for what the server knows.

use serde_json::{Value, json};

use super::Options;
use super::state::{Kind, Message, State, time_of};

/// A person, or the bot.
pub(crate) fn user(options: &Options, state: &State, id: u64) -> Value {
    let ours = id == options.bot;
    let name = match ours {
        true => options.name.clone(),
        false => state.name_of(id),
    };
    let mut user = json!({
        "id": id.to_string(), "username": name, "discriminator": "0", "global_name": name, "avatar": null,
        "public_flags": 0, "flags": 0,
    });
    if ours || options.bots.contains(&id) {
        user["bot"] = json!(true);
    }
    user
}

/// A message, as requests answer it.
pub(crate) fn message(options: &Options, state: &State, message: &Message) -> Value {
    let mentions = message.mentions.iter().map(|id| user(options, state, *id));
    let files = message.files.iter().map(|file| {
        let url = format!("{}/attachments/{}/{}/{}", state.public, message.channel, file.id, escaped(&file.name));
        json!({
            "id": file.id.to_string(), "filename": file.name, "size": file.bytes.len(), "url": url, "proxy_url": url,
            "content_type": file.mime,
        })
    });
    let mut shape = json!({
        "id": message.id.to_string(), "type": if message.reply_to.is_some() { 19 } else { 0 },
        "channel_id": message.channel.to_string(), "author": user(options, state, message.author),
        "content": message.content, "timestamp": iso(time_of(message.id)),
        "edited_timestamp": (message.edits > 0).then(|| iso(time_of(message.id) + u64::from(message.edits))),
        "tts": false, "mention_everyone": false, "mentions": mentions.collect::<Vec<_>>(), "mention_roles": [],
        "attachments": files.collect::<Vec<_>>(), "embeds": [], "pinned": false, "flags": message.flags,
        "components": message.components,
    });
    if message.webhook {
        shape["webhook_id"] = json!(message.author.to_string());
    }
    if let Some(nonce) = &message.nonce {
        shape["nonce"] = nonce.clone();
    }
    if !message.reactions.is_empty() {
        let all = message.reactions.iter().map(|(emoji, people)| {
            let me = people.contains(&options.bot);
            json!({
                "emoji": {"id": null, "name": emoji}, "count": people.len(), "me": me, "me_burst": false,
                "count_details": {"burst": 0, "normal": people.len()}, "burst_colors": [],
            })
        });
        shape["reactions"] = all.collect();
    }
    if let Some(to) = message.reply_to {
        shape["message_reference"] = json!({
            "type": 0, "message_id": to.to_string(), "channel_id": message.channel.to_string(),
        });
        let answered = state.messages.get(&to).filter(|it| !it.deleted);
        shape["referenced_message"] = match answered {
            Some(answered) => {
                let bare = Message {
                    reply_to: None,
                    ..answered.clone()
                };
                self::message(options, state, &bare)
            }
            None => Value::Null,
        };
    }
    shape
}

/// A message, as the gateway tells it.
pub(crate) fn told(options: &Options, state: &State, it: &Message) -> Value {
    let mut shape = message(options, state, it);
    let kind = state.channels.get(&it.channel);
    shape["channel_type"] = json!(match kind {
        Some(Kind::Dm(_)) | None => 1,
        Some(Kind::Text(_)) => 0,
        Some(Kind::Thread(..)) => 11,
    });
    if let Some(guild) = state
        .channels
        .get(&it.channel)
        .and_then(|kind| kind.guild())
    {
        shape["guild_id"] = json!(guild.to_string());
        shape["member"] = json!({
            "roles": [], "joined_at": "2024-01-01T00:00:00.000000+00:00", "deaf": false, "mute": false, "flags": 0,
        });
    }
    shape
}

/// A channel.
pub(crate) fn channel(options: &Options, state: &State, id: u64, kind: Kind) -> Value {
    let last = state.messages.values().rev().find(|it| it.channel == id);
    let last = last.map(|it| it.id.to_string());
    let id = id.to_string();
    match kind {
        Kind::Dm(person) => json!({
            "id": id, "type": 1, "last_message_id": last, "recipients": [user(options, state, person)], "flags": 0,
        }),
        Kind::Text(guild) => json!({
            "id": id, "type": 0, "guild_id": guild.to_string(), "name": format!("room-{id}"), "position": 0,
            "permission_overwrites": [], "nsfw": false, "rate_limit_per_user": 0, "parent_id": null,
            "last_message_id": last, "flags": 0, "topic": null,
        }),
        Kind::Thread(guild, parent) => json!({
            "id": id, "type": 11, "guild_id": guild.to_string(), "parent_id": parent.to_string(),
            "owner_id": options.bot.to_string(), "name": format!("thread-{id}"), "last_message_id": last,
            "rate_limit_per_user": 0, "message_count": 1, "member_count": 1, "flags": 0, "total_message_sent": 1,
            "thread_metadata": {
                "archived": false, "auto_archive_duration": 60, "archive_timestamp": "2024-01-01T00:00:00.000000+00:00",
                "locked": false,
            },
        }),
    }
}

/// A guild, as it is told after a login.
pub(crate) fn guild(options: &Options, state: &State, id: u64) -> Value {
    let inside = |wanted: fn(Kind) -> bool| -> Vec<Value> {
        let all = state.channels.iter();
        let here = all.filter(|(_, kind)| kind.guild() == Some(id) && wanted(**kind));
        here.map(|(channel, kind)| self::channel(options, state, *channel, *kind))
            .collect()
    };
    let mut guild = json!({
        "id": id.to_string(), "name": format!("guild-{id}"), "icon": null, "owner_id": "1", "afk_timeout": 300,
        "verification_level": 0, "default_message_notifications": 0, "explicit_content_filter": 0, "features": [],
        "mfa_level": 0, "application_id": null, "system_channel_id": null, "system_channel_flags": 0, "description": null,
        "premium_tier": 0, "preferred_locale": "en-US", "nsfw_level": 0, "premium_progress_bar_enabled": false,
        "joined_at": "2024-01-01T00:00:00.000000+00:00", "large": false, "unavailable": false, "member_count": 2,
    });
    let empty = [
        "emojis",
        "stickers",
        "voice_states",
        "presences",
        "stage_instances",
        "guild_scheduled_events",
        "soundboard_sounds",
    ];
    for list in empty {
        guild[list] = json!([]);
    }
    guild["roles"] = json!([{
        "id": id.to_string(), "name": "@everyone", "color": 0, "hoist": false, "position": 0, "managed": false,
        "permissions": "2251799813685247", "mentionable": false, "flags": 0,
    }]);
    guild["members"] = json!([{
        "user": user(options, state, options.bot), "roles": [], "joined_at": "2024-01-01T00:00:00.000000+00:00",
        "deaf": false, "mute": false, "flags": 0,
    }]);
    guild["channels"] = inside(|kind| matches!(kind, Kind::Text(_))).into();
    guild["threads"] = inside(|kind| matches!(kind, Kind::Thread(..))).into();
    guild
}

/// A time as Discord writes it.
pub(crate) fn iso(ms: u64) -> String {
    let (days, rest) = (ms / 86_400_000, ms % 86_400_000);
    // Days to a date, by the usual shift to years that begin in March.
    let z = days + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (
        doy - (153 * mp + 2) / 5 + 1,
        if mp < 10 { mp + 3 } else { mp - 9 },
    );
    let year = yoe + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
    let milli = rest % 1000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}000+00:00")
}

fn escaped(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let one = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    name.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_written_as_discord_writes_them() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000000+00:00"),
            (1_709_210_096_789, "2024-02-29T12:34:56.789000+00:00"),
            (1_735_689_599_999, "2024-12-31T23:59:59.999000+00:00"),
        ] {
            assert_eq!(super::iso(ms), text);
        }
    }
}
