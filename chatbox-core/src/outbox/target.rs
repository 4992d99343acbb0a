//! Parts about a message that had no name when they were planned: the beginning of a reply that was completed before its
//! platform had answered. Rows of a chat go out in order, so when such a part is sent the name is known, or there is none.

use crate::connector::{AdapterError, Outbound, Verb, Verdict};
use crate::house::House;
use crate::plan;
use crate::store::{Delivery, Parcel, StoreError};

/// The verb with its message named. Where the message never came to be, what was to be changed is said anew, and there is
/// nothing to take back.
pub(super) async fn named(
    house: &House,
    row: &Delivery,
    verb: &Verb,
) -> Result<Option<Verb>, StoreError> {
    if !is_later(verb) {
        return Ok(Some(verb.clone()));
    }
    let about = house.store.row(row.seq).await?.and_then(|row| row.target);
    let name = match about {
        Some(about) => house.store.names_of(about).await?.into_iter().next(),
        None => None,
    };
    Ok(match (verb.clone(), name) {
        (Verb::Edit { message, .. }, Some(target)) => Some(Verb::Edit { target, message }),
        (Verb::Edit { message, .. }, None) => Some(Verb::Send(message)),
        (_, Some(target)) => Some(Verb::Delete { target }),
        (_, None) => None,
    })
}

/// What was planned without a name and can never be said by a change, since somebody took the message away meanwhile or
/// the platform lets nobody change it any more: it is said anew.
pub(super) fn anew(planned: &Verb, tried: &Verb, error: &AdapterError) -> Option<Verb> {
    let Verb::Edit { message, .. } = tried else {
        return None;
    };
    let is_refused = is_later(planned) && error.verdict() == Verdict::Never;
    is_refused.then(|| Verb::Send(message.clone()))
}

/// What is looked for where it is in doubt whether this was done: what may have been said anew, or the thing itself.
pub(super) fn sought(row: &Delivery, out: &Outbound) -> Outbound {
    let verb = match (&row.parcel, &out.verb) {
        (Parcel::Perform(planned), Verb::Edit { message, .. }) if is_later(planned) => {
            Verb::Send(message.clone())
        }
        _ => out.verb.clone(),
    };
    Outbound {
        verb,
        ..out.clone()
    }
}

fn is_later(verb: &Verb) -> bool {
    let (Verb::Edit { target, .. } | Verb::Delete { target }) = verb else {
        return false;
    };
    *target == plan::later()
}
