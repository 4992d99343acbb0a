//! The server with a store that lies. `CHATBOX_SABOTAGE` says how. Everything else is the product as it is.

mod journal;
mod liar;

use anyhow::{Context, Result};
use chatbox_core::store::Store;
use chatbox_server::config::Config;
use chatbox_server::paths::DataDir;
use chatbox_server::serve::{self, Start};
use chatbox_store::{SqliteOptions, SqliteStore};
use clap::Parser;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug, Parser)]
struct Cli {
    #[arg(long)]
    data_dir: PathBuf,
    #[arg(long)]
    config: PathBuf,
    #[arg(long)]
    listen: String,
    #[arg(long, env = "CHATBOX_SABOTAGE")]
    sabotage: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let data = DataDir::locate(Some(cli.data_dir))?;
    data.create()?;
    let file = data.database();
    let honest = || SqliteStore::open(&file, SqliteOptions::default());
    let store: Arc<dyn Store> = match cli.sabotage.as_str() {
        "synchronous-off" => Arc::new(journal::Journal::open(&file).await?),
        lie => {
            let lie = liar::Lie::named(lie).with_context(|| format!("no sabotage {lie}"))?;
            Arc::new(liar::Liar::new(Arc::new(honest().await?), lie))
        }
    };
    let start = Start {
        data,
        config: Config::load(&cli.config, true)?,
        listen: Some(cli.listen),
        database: None,
        store: Some(store),
    };
    Ok(serve::serve(start).await?)
}
