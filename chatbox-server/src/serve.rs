//! The server's life: open, start, listen, drain.

use crate::app::{App, MAILBOX};
use crate::auth::Auth;
use crate::compose::Platforms;
use crate::config::Config;
use crate::database::Database;
use crate::failure::{Exit, Failure};
use crate::http::{self, Names};
use crate::media::Folder;
use crate::nodes;
use crate::paths::{DataDir, me, read_small, secret_from_env, write_held, write_private};
use crate::tidings::{Telling, Tidings};
use crate::vault::Keys;
use crate::webhook::{Hook, Webhooks};
use axum::Router;
use chatbox_core::connector::{Egress, SecretSpec};
use chatbox_core::id::code;
use chatbox_core::secret::Secret;
use chatbox_core::store::{Connection, Store};
use chatbox_core::{Chatbox, Options, Tuning};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use url::Url;

/// Where a server listens that was told nothing.
pub const USUAL_LISTEN: &str = "127.0.0.1:7700";
/// How long the engine may take to let go; the process ends two seconds later at the latest.
const DRAIN: Duration = Duration::from_secs(7);

/// When 2020 began, after 1970.
const YEAR_2020: Duration = Duration::from_secs(1_577_836_800);

/// What a running server says of itself, for the command line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServeJson {
    /// Its process.
    pub pid: u32,
    /// Where it listens.
    pub url: String,
    /// Its version.
    pub version: String,
}

/// Everything needed to start.
#[derive(Debug, Clone)]
pub struct Start {
    /// The data folder.
    pub data: DataDir,
    /// The configuration.
    pub config: Config,
    /// The address asked for at the command line or in the environment.
    pub listen: Option<String>,
    /// The database asked for at the command line or in the environment.
    pub database: Option<String>,
    /// A store that is open already, for programs that bring their own; `database` says nothing then.
    pub store: Option<Arc<dyn Store>>,
}

/// An opened server: the engine runs, nothing listens yet.
pub struct Opened {
    /// What the doors share.
    pub app: Arc<App>,
    /// The doors.
    pub router: Router,
    /// Whether the data folder is new.
    pub new: bool,
    /// Tells open pages that the server goes away and will be back.
    pub farewell: BoxFuture<'static, ()>,
    /// What is to be done after everything else.
    pub last: BoxFuture<'static, ()>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("new", &self.new)
            .finish_non_exhaustive()
    }
}

/// Serves until told to stop.
///
/// # Errors
/// What keeps it from starting.
pub async fn serve(start: Start) -> Result<(), Failure> {
    clock(SystemTime::now())?;
    if me() == Some(0) {
        tracing::warn!("running as root, which nothing here needs; use a user of its own");
    }
    let new = start.data.create()?;
    let (listener, note) = listen(&start).await?;
    let address = listener
        .local_addr()
        .map_err(|error| Failure::io("cannot listen", &error))?;
    let base = public_base(&start.config, address);
    // What a proxy passes on comes from this machine too.
    let alone = address.ip().is_loopback() && start.config.public_url.is_none();
    let opened = open(&start, new, base, true, alone).await?;
    let app = opened.app.clone();
    let own = ServeJson {
        pid: std::process::id(),
        url: format!("http://{address}"),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let own = serde_json::to_vec(&own).expect("three fields are JSON");
    let _held = write_held(&start.data.serve_json(), &own)?;
    let stop = tokio_util::sync::CancellationToken::new();
    let limits = start.config.limits.clone();
    let serving = tokio::spawn(http::listen(listener, opened.router, limits, stop.clone()));
    // Whoever reads the lines below may signal at once.
    let signals = Signals::listen();
    let signals = signals.map_err(|error| Failure::io("cannot listen for signals", &error))?;
    let connections = app.chatbox.store().connections().await;
    let outside = |it: &Connection| app.platforms.get(&it.platform).is_some();
    let next = next(connections.unwrap_or_default().iter().any(outside));
    announce(&app, &start.data, opened.new, note.as_deref(), next);
    add_from_environment(&app).await;
    signals.told_to_stop().await;
    tracing::info!("stopping");
    let _ = std::fs::remove_file(start.data.serve_json());
    stop.cancel();
    app.streams.close();
    let _ = tokio::time::timeout(Duration::from_secs(1), opened.farewell).await;
    let drained = app.chatbox.drain(DRAIN).await;
    if !drained {
        tracing::warn!(
            "not everything let go in time; what was cut off runs again at the next start"
        );
    }
    let _ = tokio::time::timeout(Duration::from_secs(2), serving).await;
    let _ = tokio::time::timeout(Duration::from_secs(1), opened.last).await;
    Ok(())
}

/// A clock that was never set would date every message wrongly and refuse every certificate.
fn clock(now: SystemTime) -> Result<(), Failure> {
    if now >= SystemTime::UNIX_EPOCH + YEAR_2020 {
        return Ok(());
    }
    let what = "this machine's clock says that it is before 2020";
    Err(Failure::new(
        "clock_invalid",
        what,
        "set the clock, and start again",
    ))
}

/// Opens the data and starts the engine. `run` starts the connections as well.
///
/// # Errors
/// What keeps it from starting.
pub async fn open(
    start: &Start,
    new: bool,
    base: Url,
    run: bool,
    is_loopback: bool,
) -> Result<Opened, Failure> {
    let metrics = run.then(recorder).flatten();
    let tidings = Tidings::default();
    let database = Database::of(start)?;
    // Before anything is written, the database's tables included.
    let named = match &start.store {
        Some(store) => store.keys().await?,
        None => database.keys().await?,
    };
    let keys = Keys::open(&start.data, &named)?;
    let store = match &start.store {
        Some(store) => store.clone(),
        None => database.open().await?,
    };
    #[cfg(feature = "otel")]
    let (store, traces) = match &start.config.telemetry {
        Some(telemetry) if run => crate::telemetry::traced(store, &telemetry.otlp_endpoint)?,
        _ => (store, crate::telemetry::Traces::default()),
    };
    let store: Arc<dyn Store> = Arc::new(Telling::new(store, tidings.clone()));
    let media = start.data.media();
    let operator = operator_token(&start.data)?;
    let options = Options {
        store: store.clone(),
        blobs: Arc::new(Folder::new(media, start.config.limits.media_bytes)),
        seal: keys.vault.clone(),
        tuning: Tuning {
            turn_timeout: start.config.backend.timeout,
            lease: start.config.nodes.lease,
            ..Tuning::default()
        },
    };
    let chatbox = Chatbox::start(options);
    let (answers, webhooks) = answers(start, &chatbox, run).await?;
    let names = Names::new(start.config.public_url.clone());
    let app = Arc::new(App::new(
        chatbox,
        Auth::new(store, operator),
        Platforms::outside(),
        answers,
        base,
        metrics,
        is_loopback,
        start.config.channels.clone(),
        tidings,
        webhooks,
        database,
        keys,
    ));
    let (pages, farewell) = pages(&app, run).await.map_err(not_started)?;
    #[cfg(feature = "otel")]
    let last = traces.flushed().boxed();
    #[cfg(not(feature = "otel"))]
    let last = async {}.boxed();
    if run {
        app.resume_all().await?;
        nodes::follow(&app);
    }
    Ok(Opened {
        router: http::router(app.clone(), names, pages),
        app,
        new,
        farewell,
        last,
    })
}

/// Gives the mailbox of the configuration what answers it: a webhook if one is set, else a backend. Its line for people, and
/// the webhooks of all.
async fn answers(
    start: &Start,
    chatbox: &Chatbox,
    run: bool,
) -> Result<(String, Arc<Webhooks>), Failure> {
    let config = &start.config;
    let main = config.webhook.as_ref();
    let main = main
        .map(|settings| settings.open(&start.data))
        .transpose()?;
    let line = main.as_ref().map(Hook::line);
    let egress = match config.allow_private_webhooks {
        true => Egress::Private,
        false => Egress::Public,
    };
    let (store, seal) = (chatbox.store().clone(), chatbox.seal().clone());
    let webhooks = Arc::new(Webhooks::new(store, seal, main, egress));
    // A command that opens the data for a moment posts nothing.
    if run {
        chatbox.push_through(webhooks.clone());
    }
    let line = match line {
        Some(line) => chatbox
            .pushed_mailbox(MAILBOX)
            .await
            .map(|_| line)
            .map_err(not_started)?,
        None => backend(start, chatbox).await?,
    };
    Ok((line, webhooks))
}

async fn backend(start: &Start, chatbox: &Chatbox) -> Result<String, Failure> {
    let env = |name: &str| std::env::var(name).ok();
    let invalid = |error: chatbox_backends::SettingsError| {
        Failure::new(
            "invalid_backend",
            error.to_string(),
            "correct the [backend] table or the environment",
        )
    };
    let choice = chatbox_backends::detect(&start.config.backend, &env);
    let choice = choice.await.map_err(invalid)?;
    let backend = chatbox_backends::build(&choice).map_err(invalid)?;
    if let Some(backend) = &backend {
        chatbox.answer_others(backend.clone());
    }
    let answered = chatbox.mailbox(MAILBOX, backend).await;
    answered.map(|_| choice.to_string()).map_err(not_started)
}

fn not_started(error: chatbox_core::Error) -> Failure {
    Failure::new("start_failed", error.to_string(), "see the log")
}

/// Routes for people, and how to take leave of them.
type Pages = (Router, BoxFuture<'static, ()>);

/// The pages of the web chat, and its connection.
#[cfg(feature = "webchat")]
async fn pages(app: &Arc<App>, run: bool) -> Result<Pages, chatbox_core::Error> {
    let door = Arc::new(crate::app::visitors::Door::default());
    door.open(app.clone());
    let webchat = chatbox_webchat::Webchat::new(door);
    if run {
        app.chatbox
            .connect(chatbox_core::Connect::new(webchat.clone(), MAILBOX))
            .await?;
    }
    let login = axum::routing::get(chatbox_webchat::login_page);
    let pages = webchat.routes().route("/login", login);
    Ok((pages, async move { webchat.shut().await }.boxed()))
}

#[cfg(not(feature = "webchat"))]
async fn pages(_app: &Arc<App>, _run: bool) -> Result<Pages, chatbox_core::Error> {
    Ok((Router::new(), async {}.boxed()))
}

fn recorder() -> Option<PrometheusHandle> {
    let buckets = [
        0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0,
    ];
    let builder = PrometheusBuilder::new().set_buckets(&buckets).ok()?;
    let handle = builder.install_recorder().ok()?;
    crate::gauges::describe();
    metrics::gauge!("chatbox_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Some(handle)
}

fn operator_token(data: &DataDir) -> Result<Secret, Failure> {
    if let Some(token) = read_small(&data.operator_token())?.filter(|token| !token.is_empty()) {
        return Ok(Secret::new(token));
    }
    let token = format!("operator_{}", code(32));
    write_private(&data.operator_token(), token.as_bytes())?;
    Ok(Secret::new(token))
}

/// Listens where asked. The usual place being taken is no reason not to start; a place somebody named is.
async fn listen(start: &Start) -> Result<(TcpListener, Option<String>), Failure> {
    let asked = start.listen.clone().or_else(|| start.config.listen.clone());
    let text = asked.as_deref().unwrap_or(USUAL_LISTEN);
    let address = start.config.address(text)?;
    match TcpListener::bind(address).await {
        Ok(listener) => Ok((listener, None)),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && asked.is_none() => {
            let free = SocketAddr::new(address.ip(), 0);
            let listener = TcpListener::bind(free)
                .await
                .map_err(|error| Failure::io("cannot listen", &error))?;
            Ok((
                listener,
                Some(format!(
                    "{address} is taken by something else; took a free port"
                )),
            ))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let what = format!("{address} is taken by another program");
            let fix = "stop that program, or listen elsewhere with --listen 127.0.0.1:0";
            Err(Failure::new("address_in_use", what, fix).exit(Exit::Taken))
        }
        Err(error) => Err(Failure::io(&format!("cannot listen on {address}"), &error)),
    }
}

fn public_base(config: &Config, address: SocketAddr) -> Url {
    let own = || Url::parse(&format!("http://{address}")).expect("an address makes an address");
    config.public_url.clone().unwrap_or_else(own)
}

/// Says a line to whoever started it. That nobody can read it is no reason to end.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
        tracing::warn!(%error, "a line could not be printed; `chatbox login-link` prints a fresh link");
    }
}

/// What to type next: nobody is told to connect what is connected.
fn next(is_connected: bool) -> &'static str {
    match is_connected {
        true => "chatbox doctor",
        false => "chatbox channels add telegram",
    }
}

fn announce(app: &App, data: &DataDir, new: bool, note: Option<&str>, next: &str) {
    let new = if new { " (new)" } else { "" };
    let (version, data) = (env!("CARGO_PKG_VERSION"), data.root().display());
    say(&format!("  chatbox  {version}   data {data}{new}"));
    if let Some(note) = note {
        say(&format!("  note     {note}"));
    }
    say(&format!("  backend  {}", app.backend));
    if cfg!(feature = "webchat") {
        let link = app.login_link();
        say(&format!("  web chat {link}   (works once, for 10 minutes)"));
    }
    say(&format!("  next     {next}"));
}

/// Channels whose credential stands in the environment are added by starting.
async fn add_from_environment(app: &App) {
    for factory in app.platforms.iter() {
        let manifest = factory.manifest();
        let mut secrets = std::collections::BTreeMap::new();
        for secret in &manifest.secrets {
            match secret_from_env(&secret.env) {
                Ok(Some(value)) => drop(secrets.insert(secret.name.clone(), Secret::new(value))),
                Ok(None) => {}
                Err(failure) => {
                    tracing::error!(%failure, "a credential in the environment cannot be read");
                }
            }
        }
        if secrets.is_empty() {
            continue;
        }
        let missing = missing(&manifest.secrets, &secrets);
        match missing.is_empty() {
            true => add_one(app, &manifest.platform, secrets).await,
            false => {
                tracing::warn!(platform = %manifest.platform, ?missing, "not added: the environment has a part of its secrets");
            }
        }
    }
}

/// The variables of what is needed and not there.
fn missing<'a>(
    wanted: &'a [SecretSpec],
    there: &std::collections::BTreeMap<String, Secret>,
) -> Vec<&'a str> {
    let needed = wanted.iter().filter(|it| !it.optional);
    let missing = needed.filter(|it| !there.contains_key(&it.name));
    missing.map(|it| it.env.as_str()).collect()
}

async fn add_one(
    app: &App,
    platform: &chatbox_core::id::Platform,
    secrets: std::collections::BTreeMap<String, Secret>,
) {
    let had_owner = app
        .chatbox
        .store()
        .connections()
        .await
        .unwrap_or_default()
        .into_iter();
    let had_owner = had_owner
        .filter(|row| row.platform == *platform)
        .any(|row| row.policy.owner.is_some());
    match app
        .add_channel(
            &MAILBOX.into(),
            platform,
            secrets,
            std::collections::BTreeMap::new(),
        )
        .await
    {
        Ok(added) => {
            say(&format!("  {platform} {}", added.account));
            if let Some(link) = added.pairing_link.filter(|_| !had_owner) {
                say(&format!("  owner    {link}   (works once, for 10 minutes)"));
            }
        }
        Err(problem) => {
            tracing::error!(platform = %platform, problem = problem.detail, fix = problem.hint, "not added");
        }
    }
}

/// The signals that end a server.
struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// Listens for them from now on.
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }

    /// The first lets everything finish; the second ends the process at once, and so does time.
    async fn told_to_stop(mut self) {
        self.next().await;
        tokio::spawn(async move {
            // Whichever comes first.
            let _ = tokio::time::timeout(Duration::from_millis(9_500), self.next()).await;
            quit();
        });
    }
}

#[expect(
    clippy::exit,
    reason = "a second signal means now; everything accepted is on disk"
)]
fn quit() {
    std::process::exit(130);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_added_with_what_it_needs_and_what_may_be_left_away() {
        let spec = |name: &str, optional| SecretSpec {
            name: name.to_owned(),
            title: String::new(),
            env: name.to_uppercase(),
            optional,
        };
        let wanted = [spec("bot", false), spec("app", true)];
        let given = |names: &[&str]| {
            let secret = |name: &&str| ((*name).to_owned(), Secret::new("x"));
            names.iter().map(secret).collect()
        };
        assert_eq!(missing(&wanted, &given(&["app"])), ["BOT"]);
        assert!(missing(&wanted, &given(&["bot"])).is_empty());
    }

    #[test]
    fn a_clock_that_was_never_set_is_refused() {
        let at = |seconds| clock(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        for early in [0, 86_400, 1_577_836_799] {
            let refused = at(early).expect_err("it is before 2020");
            assert_eq!(refused.code, "clock_invalid");
        }
        assert_eq!(at(1_577_836_800), Ok(()));
    }
}
