//! What other nodes committed, as they tell of it: whoever here may have something to do with it looks at once.

use crate::connector::News;
use crate::house::House;
use crate::link::Link;
use crate::store::{Hint, Hints, Whither};
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;

/// Takes hints up until the house closes.
pub(crate) async fn run(house: Arc<House>, mut hints: Hints) {
    loop {
        let hint = tokio::select! {
            () = house.closing.cancelled() => return,
            hint = hints.recv() => hint,
        };
        match hint {
            Ok(hint) => take_up(&house, hint).await,
            Err(RecvError::Lagged(_)) => take_up(&house, Hint::everything()).await,
            Err(RecvError::Closed) => return,
        }
    }
}

async fn take_up(house: &House, hint: Hint) {
    if hint.turns {
        house.turns_due.notify_one();
    }
    if hint.sends {
        house.hands_due.notify_one();
        house.links().iter().for_each(|link| link.due.notify_one());
    }
    if hint.links {
        house
            .links()
            .iter()
            .for_each(|link| link.vacant.notify_one());
    }
    tell_sockets(house, hint.chats).await;
}

/// Sockets of a chat that has new rows read the log.
async fn tell_sockets(house: &House, chats: Whither) {
    let links = house.links().into_iter();
    // Where nobody has a socket open there is nobody to tell.
    let native = links.filter(|link| link.is_native() && link.news.receiver_count() > 0);
    let natives: Vec<Arc<Link>> = native.collect();
    if natives.is_empty() {
        return;
    }
    let chats = match chats {
        Whither::Some(chats) => chats,
        Whither::Any => {
            for link in natives {
                let _ = link.news.send(News::Missed { chat: None });
            }
            return;
        }
    };
    for chat in chats {
        let Ok(Some(place)) = house.places.of(house.store.as_ref(), chat).await else {
            continue;
        };
        let Some(link) = natives.iter().find(|link| link.id == place.connection) else {
            continue;
        };
        if let Ok(Some(chat)) = house.store.chat(chat).await {
            let chat = Some(chat.handle);
            let _ = link.news.send(News::Missed { chat });
        }
    }
}
