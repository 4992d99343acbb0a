//! What became of a message whose answer was lost.

use super::Alpha;
use async_trait::async_trait;
use chatbox_connector_api::id::EventId;
use chatbox_connector_api::{AdapterError, ErrorKind, Outbound, Receipt, Reconcile, Result};

#[async_trait]
impl Reconcile for Alpha {
    async fn look_up(&self, out: &Outbound) -> Result<Option<Receipt>> {
        let note = out.id.map_or(0, |id| id.0);
        let found = self.platform.find_note(&self.token, note).await;
        let found = found.map_err(|failure| self.error(&failure))?;
        let first = || {
            let state = self.platform.state();
            state.sent.first().map(|sent| sent.id.clone())
        };
        let found = match self.twist {
            "says that nothing arrived" => None,
            "says that everything arrived" => Some(found.unwrap_or_default()),
            "finds the first message" => found.and_then(|_| first()),
            "cannot say what arrived" => {
                return Err(AdapterError::new(ErrorKind::Unavailable, "who knows?"));
            }
            _ => found,
        };
        let nameless = self.is("finds a message without its name");
        Ok(found.map(|name| Receipt {
            message: (!nameless).then(|| EventId::new(name)),
            degraded: None,
        }))
    }
}
