//! Tells who wants to know when a connection comes up, and when it goes down again.

use super::told_to_stop;
use crate::connector::LinkState;
use crate::house::House;
use crate::link::Link;
use crate::router;
use crate::store::{Admin, Step};
use std::sync::Arc;

/// Goes on until the connection is stopped. That it is stopped is no news.
pub(super) async fn run(house: Arc<House>, link: Arc<Link>) {
    let mut health = link.watch_health();
    let mut was_up = None;
    loop {
        let state = health.borrow_and_update().state.clone();
        if let Some((up, reason)) = stands(state)
            && was_up != Some(up)
            && !link.stop.is_cancelled()
            && !house.closing.is_cancelled()
        {
            was_up = Some(up);
            report(&house, &link, up, reason).await;
        }
        tokio::select! {
            changed = health.changed() => if changed.is_err() {
                return;
            },
            () = told_to_stop(&house, &link) => return,
        }
    }
}

/// Whether it is up, and why not, where that is certain.
fn stands(state: LinkState) -> Option<(bool, Option<String>)> {
    match state {
        LinkState::Connected => Some((true, None)),
        LinkState::Down { reason } | LinkState::NeedsAttention { reason } => {
            Some((false, Some(reason)))
        }
        _ => None,
    }
}

async fn report(house: &House, link: &Link, up: bool, reason: Option<String>) {
    let report = Admin::ReportLink {
        connection: link.id.clone(),
        up,
        reason,
    };
    if let Err(error) = router::single(house, Step::Admin(Box::new(report))).await {
        tracing::debug!(%error, "that a connection went up or down is told to nobody");
    }
}
