//! The shape of an administrator's steps, one family after the other.

use super::fields::{Document, Text};
use chatbox_core::store::{Admin, NewConnection, NewRecord};
use serde_json::{Value, json};

/// A step as the function reads it.
pub(super) fn admin(step: &Admin) -> Value {
    match step {
        Admin::PutMailbox(_)
        | Admin::Mute { .. }
        | Admin::SetStanding { .. }
        | Admin::SettleFocus { .. }
        | Admin::ArchiveMailbox { .. } => of_mailbox(step),
        Admin::AddConnection(_)
        | Admin::RenewConnection(_)
        | Admin::RemoveConnection { .. }
        | Admin::SetPolicy { .. }
        | Admin::MoveChat { .. }
        | Admin::PutState { .. }
        | Admin::ReportLink { .. } => of_connection(step),
        Admin::RetryDelivery { .. } | Admin::PurgeDeliveries { .. } => of_delivery(step),
        Admin::PutToken(_) | Admin::RemoveToken { .. } | Admin::Reseal { .. } => of_secret(step),
        Admin::PutRecord(_)
        | Admin::RemoveRecord { .. }
        | Admin::Subscribe { .. }
        | Admin::Unsubscribe { .. }
        | Admin::Once(_)
        | Admin::Note(_) => of_record(step),
        Admin::EndLeases => json!({ "admin": "end_leases" }),
    }
}

/// What is never asked of a family: every step stands in [`admin`] beside its own.
fn of_another() -> Value {
    unreachable!("a step goes to its own family")
}

fn of_mailbox(step: &Admin) -> Value {
    match step {
        Admin::PutMailbox(new) => json!({
            "admin": "put_mailbox",
            "account": Text(new.account.as_str()),
            "id": Text(new.id.as_str()),
            "name": Text(&new.name),
            "door": new.door,
            "scope": new.scope,
        }),
        Admin::Mute {
            mailbox,
            chat,
            muted,
        } => json!({
            "admin": "mute",
            "mailbox": Text(mailbox.as_str()),
            "chat": chat,
            "muted": muted,
        }),
        Admin::SetStanding { mailbox, standing } => json!({
            "admin": "set_standing",
            "mailbox": Text(mailbox.as_str()),
            "standing": standing,
        }),
        Admin::SettleFocus { mailbox } => {
            json!({ "admin": "settle_focus", "mailbox": Text(mailbox.as_str()) })
        }
        Admin::ArchiveMailbox { mailbox } => {
            json!({ "admin": "archive_mailbox", "mailbox": Text(mailbox.as_str()) })
        }
        _ => of_another(),
    }
}

fn of_connection(step: &Admin) -> Value {
    match step {
        Admin::AddConnection(new) => connection("add_connection", new),
        Admin::RenewConnection(new) => connection("renew_connection", new),
        Admin::RemoveConnection { connection } => {
            json!({ "admin": "remove_connection", "connection": Text(connection.as_str()) })
        }
        Admin::SetPolicy {
            connection,
            rev,
            policy,
        } => json!({
            "admin": "set_policy",
            "connection": Text(connection.as_str()),
            "rev": rev,
            "policy": Document(policy),
        }),
        Admin::MoveChat {
            connection,
            from,
            to,
        } => json!({
            "admin": "move_chat",
            "connection": Text(connection.as_str()),
            "from": Text(from.as_str()),
            "into": Text(to.as_str()),
        }),
        Admin::PutState {
            connection,
            key,
            rev,
            value,
        } => json!({
            "admin": "put_state",
            "connection": Text(connection.as_str()),
            "key": Text(key),
            "rev": rev,
            "value": Document(value),
        }),
        Admin::ReportLink {
            connection,
            up,
            reason,
        } => json!({
            "admin": "report_link",
            "connection": Text(connection.as_str()),
            "up": up,
            "reason": reason.as_deref().map(Text),
        }),
        _ => of_another(),
    }
}

fn of_delivery(step: &Admin) -> Value {
    match step {
        Admin::RetryDelivery { delivery, ttl_ms } => {
            json!({ "admin": "retry_delivery", "delivery": delivery, "ttl": ttl_ms })
        }
        Admin::PurgeDeliveries {
            account,
            delivery,
            before,
        } => json!({
            "admin": "purge_deliveries",
            "account": account.as_ref().map(|it| Text(it.as_str())),
            "delivery": delivery,
            "before": before,
        }),
        _ => of_another(),
    }
}

fn of_secret(step: &Admin) -> Value {
    match step {
        Admin::PutToken(token) => json!({
            "admin": "put_token",
            "prefix": Text(&token.prefix),
            "account": Text(token.account.as_str()),
            "hash": Text(&token.hash),
            "principal": Text(&token.principal),
            "scopes": Document(&token.scopes),
            "until": token.until,
        }),
        Admin::RemoveToken { prefix } => {
            json!({ "admin": "remove_token", "prefix": Text(prefix) })
        }
        Admin::Reseal {
            place,
            was,
            becomes,
        } => json!({
            "admin": "reseal",
            "of": place.of,
            "id": Text(&place.id),
            "key": Text(&place.key),
            "was": Text(was),
            "becomes": Text(becomes),
        }),
        _ => of_another(),
    }
}

fn of_record(step: &Admin) -> Value {
    match step {
        Admin::PutRecord(new) => record(new),
        Admin::RemoveRecord { kind, account, id } => json!({
            "admin": "remove_record",
            "kind": kind,
            "account": Text(account.as_str()),
            "id": Text(id),
        }),
        Admin::Subscribe {
            account,
            id,
            events,
        } => json!({
            "admin": "subscribe",
            "account": Text(account.as_str()),
            "id": Text(id),
            "events": Document(events),
        }),
        Admin::Unsubscribe { account, id } => json!({
            "admin": "unsubscribe",
            "account": Text(account.as_str()),
            "id": Text(id),
        }),
        Admin::Once(once) => json!({
            "admin": "once",
            "key": Text(&once.key),
            "asked": Text(&once.asked),
            "reply": Text(&once.reply),
            "ttl": once.ttl_ms,
        }),
        Admin::Note(note) => json!({
            "admin": "note",
            "account": Text(note.account.as_str()),
            "by": Text(&note.by),
            "action": Text(&note.action),
            "target": Text(&note.target),
        }),
        _ => of_another(),
    }
}

fn record(new: &NewRecord) -> Value {
    json!({
        "admin": "put_record",
        "kind": new.kind,
        "account": Text(new.account.as_str()),
        "id": Text(&new.id),
        "name": Text(&new.name),
        "rev": new.rev,
        "body": Text(&new.body),
        "uses": Document(&new.uses),
    })
}

fn connection(admin: &str, new: &NewConnection) -> Value {
    json!({
        "admin": admin,
        "id": Text(new.id.as_str()),
        "mailbox": Text(new.mailbox.as_str()),
        "platform": Text(new.platform.as_str()),
        "ident": Text(new.ident.as_str()),
        "settings": Text(&new.settings),
        "secret": new.secret.as_ref().map(|it| json!(Document(it))),
        "policy": Document(&new.policy),
    })
}
