//! An adapter with a wire in between: hosted on a port of this machine, and used through the server's half.

use async_trait::async_trait;
use chatbox_connector_api::host::{Host, Options};
use chatbox_connector_api::markup::{Dialect, PlainDialect, Unit};
use chatbox_connector_api::remote::RemoteFactory;
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{
    AdapterContext, AdapterFactory, Egress, Manifest, Parts, Result, Secrets, Settings,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

pub(crate) const TOKEN: &str = "the-connector's-own-token-77";

/// A connector process, as far as a test can have one: it begins when it is first needed, and ends with the factory.
#[derive(Debug)]
pub(crate) struct Wired {
    factory: Arc<dyn AdapterFactory>,
    secrets: Secrets,
    process: OnceCell<Process>,
}

#[derive(Debug)]
struct Process {
    url: String,
    serving: JoinHandle<()>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Wired {
    /// Hosts this adapter, with the secrets of its platform.
    pub(crate) fn new(factory: Arc<dyn AdapterFactory>, secrets: Secrets) -> Self {
        Self {
            factory,
            secrets,
            process: OnceCell::new(),
        }
    }

    async fn begin(&self) -> Process {
        let options = Options {
            settings: Settings::none(),
            secrets: self.secrets.clone(),
            egress: Egress::Private,
            token: Secret::new(TOKEN),
        };
        let host = Host::build(self.factory.clone(), options).await;
        let host = host.expect("the adapter can be hosted");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let serving = tokio::spawn(async move {
            let _ = host.serve(listener).await;
        });
        Process {
            url: format!("http://{address}"),
            serving,
        }
    }

    pub(crate) async fn url(&self) -> &str {
        &self.process.get_or_init(|| self.begin()).await.url
    }
}

#[async_trait]
impl AdapterFactory for Wired {
    fn manifest(&self) -> Manifest {
        self.factory.manifest()
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Arc::new(PlainDialect::new(Unit::Utf16))
    }

    async fn build(&self, context: AdapterContext, _: Settings, secrets: Secrets) -> Result<Parts> {
        let url = self.url().await;
        let token = secrets.require("token")?;
        let remote = RemoteFactory::discover(url, token, context.egress).await?;
        let settings = Settings::new(&BTreeMap::from([("url", url)]))?;
        remote.build(context, settings, secrets).await
    }
}
