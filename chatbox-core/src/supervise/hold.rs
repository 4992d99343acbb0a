//! Which node reads a connection, where several could: whoever holds its lane.

use crate::connector::LinkState;
use crate::dispatch::due_in;
use crate::house::House;
use crate::lease::Lease;
use crate::link::Link;
use crate::router;
use crate::store::{Claim, Done, LaneKind, Outcome, Step, StoreError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A connection that another node reads is looked at so often, in case nobody tells that it is free.
const LOOK: Duration = Duration::from_secs(3);
/// How soon it is looked again after the store failed.
const AGAIN: Duration = Duration::from_secs(1);

/// Waits until the connection is this node's to read.
pub(super) async fn take(house: &House, link: &Link) -> Lease {
    loop {
        match try_take(house, link).await {
            Ok(Some(lease)) => return lease,
            Ok(None) => link.set_state(LinkState::Elsewhere),
            Err(error) => {
                tracing::warn!(%error, "whose connection it is cannot be asked");
                link.set_state(LinkState::Down {
                    reason: error.to_string(),
                });
            }
        }
        tokio::select! {
            () = link.vacant.notified() => {}
            () = until_free(house, link) => {}
        }
    }
}

/// Waits until the lane may be free. Only reads: to ask for a lane is a commit.
async fn until_free(house: &House, link: &Link) {
    let owner = [link.id.as_str().to_owned()];
    loop {
        match due_in(house, LaneKind::Link, Some(&owner)).await {
            Ok(Some(Duration::ZERO)) => return,
            Ok(wait) => sleep(wait.unwrap_or(LOOK).min(LOOK)).await,
            Err(_) => return sleep(AGAIN).await,
        }
    }
}

async fn try_take(house: &House, link: &Link) -> Result<Option<Lease>, StoreError> {
    let asked = Instant::now();
    let claim = Claim {
        kind: LaneKind::Link,
        owner: Some(link.id.as_str().to_owned()),
        except: Vec::new(),
        offer: house.offer(),
        limit: 1,
    };
    let taken = router::single(house, Step::Claim(claim)).await?;
    Ok(match taken {
        Outcome::Done(Done::Claimed { mut lanes }) => {
            let lane = lanes.pop();
            lane.map(|claimed| Lease::new(house, claimed, asked))
        }
        _ => None,
    })
}
