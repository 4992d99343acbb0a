//! The connection where Slack posts to an address of ours: nothing is read, so that nothing can be heard to be alive.

use chatbox_connector_api::{Inbound, Incoming, LinkState};
use futures_util::{StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;

/// A stream that says that Slack knows us, and then nothing for ever.
pub(crate) fn open(alone: OwnedSemaphorePermit) -> Inbound {
    let first = stream::once(async { Ok(Incoming::Link(LinkState::Connected)) });
    let silence = stream::once(async move {
        let _alone = alone;
        std::future::pending().await
    });
    first.chain(silence).boxed()
}
