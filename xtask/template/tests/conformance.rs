//! The adapter, judged by the suite against a small service that knows nothing of it.

mod service;

use async_trait::async_trait;
use chatbox_connector_api::conformance::{
    self, Did, Fault, Level, Room, Said, Sent, Shown, Vendor, Who, Wire,
};
use chatbox_connector_api::id::{ExternalId, Handle};
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{AdapterFactory, Secrets, Settings};
use chatbox_template::{Config, TemplateFactory};
use service::{Service, TOKEN};
use std::sync::Arc;

/// The suite's view of the service.
struct TemplateVendor(Service);

fn token(value: &str) -> Secrets {
    Secrets([("token".to_owned(), Secret::new(value))].into())
}

#[async_trait]
impl Vendor for TemplateVendor {
    fn factory(&self) -> Arc<dyn AdapterFactory> {
        Arc::new(TemplateFactory)
    }

    fn settings(&self) -> Settings {
        let config = Config {
            api_base: self.0.address().parse().expect("an address is a URL"),
            poll_ms: 100,
            timeout_ms: 1_000,
        };
        Settings::new(&config).expect("settings are JSON")
    }

    fn secrets(&self) -> Secrets {
        token(TOKEN)
    }

    fn wrong_secrets(&self) -> Option<Secrets> {
        Some(token("a-token-that-is-wrong"))
    }

    fn person(&self, who: Who) -> ExternalId {
        ExternalId::new(service::person(who))
    }

    fn handle(&self, room: Room) -> Handle {
        Handle::new(service::room(room))
    }

    async fn say(&self, said: Said) -> Option<String> {
        let plain = said.album.is_none() && said.files.is_empty();
        plain.then(|| self.0.say(&said))
    }

    async fn sent(&self) -> Vec<Sent> {
        self.0.sent()
    }

    async fn confirmed(&self) -> Option<Vec<String>> {
        Some(self.0.confirmed())
    }

    async fn redeliver(&self, message: &str) -> Did {
        self.0.again(message);
        Did::Done
    }

    async fn say_garbage(&self, _room: Room) -> Did {
        self.0.garbage();
        Did::Done
    }

    async fn change(&self, _message: &str, _text: &str) -> Did {
        Did::NotOffered
    }

    async fn take_back(&self, _message: &str) -> Did {
        Did::NotOffered
    }

    async fn react(&self, _who: Who, _message: &str, _emoji: &str) -> Did {
        Did::NotOffered
    }

    async fn shown(&self) -> Shown {
        self.0.shown()
    }

    async fn fail_next(&self, fault: Fault) -> Did {
        self.0.fail(fault);
        Did::Done
    }

    async fn fail_shows(&self) -> Did {
        self.0.fail_shows();
        Did::Done
    }

    async fn wire(&self, wire: Wire) -> Did {
        self.0.set_wire(wire);
        Did::Done
    }

    async fn revoke(&self, revoked: bool) -> Did {
        self.0.revoke(revoked);
        Did::Done
    }

    async fn connections(&self) -> Option<usize> {
        Some(self.0.listening())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    let report = conformance::run(|| Box::new(TemplateVendor(Service::start()))).await;
    report.require(Level::Gold);
}
