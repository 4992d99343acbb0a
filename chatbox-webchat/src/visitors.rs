//! What the crate asks of a server, and what it gives: who may come in, and the factory with its routes.

use crate::config::Limits;
use crate::hub::Hub;
use crate::routes;
use async_trait::async_trait;
use axum::Router;
use axum::http::HeaderMap;
use chatbox_connector_api::id::ExternalId;
use std::fmt::Debug;
use std::sync::Arc;

/// The platform's name.
pub const PLATFORM: &str = "webchat";

/// Somebody who is logged in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Visitor {
    /// Who: stable, and the handle of their one chat. Without `/`.
    pub id: ExternalId,
    /// What to call them.
    pub name: Option<String>,
}

/// Who may come in. Logins belong to the server; the web chat only asks.
#[async_trait]
pub trait Visitors: Debug + Send + Sync + 'static {
    /// Who a ticket was made for. A ticket works once; `None` for one that is wrong, used or old.
    async fn redeem(&self, ticket: &str) -> Option<Visitor>;
    /// A new ticket for whoever these headers belong to.
    async fn ticket(&self, headers: &HeaderMap) -> Option<String>;
    /// Whose headers these are.
    async fn known(&self, headers: &HeaderMap) -> Option<Visitor>;
}

/// The web chat: an [`AdapterFactory`](chatbox_connector_api::AdapterFactory) and its routes. Clones are one web chat.
///
/// One connection serves the page at a time: the one opened last.
#[derive(Clone, Debug)]
pub struct Webchat {
    pub(crate) hub: Arc<Hub>,
}

impl Webchat {
    /// A web chat for these visitors.
    pub fn new(visitors: Arc<dyn Visitors>) -> Self {
        Self::with_limits(visitors, Limits::default())
    }

    /// A web chat with other bounds than the usual.
    pub fn with_limits(visitors: Arc<dyn Visitors>, limits: Limits) -> Self {
        let hub = Hub::new(visitors, limits);
        Self { hub }
    }

    /// The routes: the page at `/` and `/chat/`, its files, the socket, tickets and uploads. A request must have passed
    /// the server's checks of `Host` and `Origin`.
    pub fn routes(&self) -> Router {
        routes::routes(self.hub.clone())
    }

    /// Ends the sockets of a visitor whose login has ended, on this node, with code 4401.
    pub fn expel(&self, visitor: &ExternalId) {
        self.hub.expel(visitor);
    }

    /// How many sockets have been let in.
    pub fn sockets(&self) -> usize {
        self.hub.seated()
    }

    /// Ends every socket with code 1012 and waits until the last has said goodbye, at most a little longer than
    /// [`Limits::linger`]. Nobody comes in any more until the adapter is opened again.
    pub async fn shut(&self) {
        self.hub.shut().await;
    }
}
