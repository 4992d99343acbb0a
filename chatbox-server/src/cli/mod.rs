//! The command line: what can be typed, and how answers are shown.

mod backup;
mod channels;
mod deliveries;
mod mailboxes;
mod operator;
mod secrets;
mod show;
mod tokens;
mod vault;

use crate::client::Client;
use crate::config::{Config, log_level};
use crate::doctor::{Finding, Report, Severity};
use crate::failure::{Exit, Failure};
use crate::paths::{DataDir, usual_config, variable};
use crate::serve::{self, Start};
use axum::http::Method;
use clap::{Args, Parser, Subcommand};
use show::{Row, Shown};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// Connects people on chat platforms with AI agents. Without a command it serves.
#[derive(Debug, Parser)]
#[command(name = "chatbox", version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Args, Clone)]
#[command(next_help_heading = "Options of every command")]
struct Global {
    /// The data folder
    #[arg(long, global = true, env = "CHATBOX_DATA_DIR", value_name = "PATH")]
    data_dir: Option<PathBuf>,
    /// The configuration file; every key in it is optional
    #[arg(long, global = true, env = "CHATBOX_CONFIG", value_name = "PATH")]
    config: Option<PathBuf>,
    /// The address to listen on; port 0 takes a free one
    #[arg(long, global = true, env = "CHATBOX_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
    /// The database: sqlite:PATH or postgres://…
    #[arg(
        long,
        global = true,
        env = "CHATBOX_DB_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    db_url: Option<String>,
    /// error, warn, info, debug or trace
    #[arg(long, global = true, env = "CHATBOX_LOG_LEVEL", value_name = "LEVEL")]
    log_level: Option<String>,
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server
    #[command(visible_alias = "api")]
    Serve,
    /// Print a fresh link to log in with, for ten minutes
    LoginLink,
    /// Make the owner's key to the API, once
    Bootstrap(tokens::Bootstrap),
    /// Let programs use the API
    #[command(subcommand)]
    Tokens(tokens::Tokens),
    /// Connect chat platforms
    #[command(subcommand)]
    Channels(channels::Channels),
    /// Let people talk who wrote to the bot
    #[command(subcommand)]
    Pairing(channels::Pairing),
    /// See and mend what could not be sent
    #[command(subcommand)]
    Deliveries(deliveries::Deliveries),
    /// See the mailboxes, and let agents in
    #[command(subcommand)]
    Mailboxes(mailboxes::Mailboxes),
    /// Keep the server running: how everything stands, and what to do about it
    #[command(subcommand)]
    Operator(operator::Operator),
    /// See and change the keys that seal secrets
    #[command(subcommand)]
    Vault(vault::Vault),
    /// Show everything that is known of one message
    Trace {
        /// The message, such as msg_42
        message_id: String,
    },
    /// Look for problems, and how to mend them
    Doctor,
    /// Save everything into one new file, while the server runs
    Backup {
        /// The file to be made
        path: PathBuf,
    },
    /// Bring a backup back; what is there is kept aside
    Restore(backup::Restore),
    /// Bring the database to this program's schema, without starting
    Migrate,
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print what webhooks and subscriptions are sent, as a JSON schema
    EventsSchema,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the configuration file without starting
    Check {
        /// The file, where it is not the usual one
        path: Option<PathBuf>,
    },
    /// Print what the file may hold, as a JSON schema for editors
    Schema,
}

/// What every command is given.
struct Context {
    start: Start,
    json: bool,
    config_path: Option<PathBuf>,
}

/// Runs the program.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let outcome = match secret_in(&arguments) {
        Some(failure) => Err(failure),
        None => match Cli::try_parse_from(&arguments) {
            Ok(cli) => dispatch(cli).await,
            Err(error) => return usage(&error, json),
        },
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            show::failure(&failure, json);
            failure.exit_code()
        }
    }
}

/// Help and version are answers; everything else clap says is an error with our code.
fn usage(error: &clap::Error, json: bool) -> ExitCode {
    if json && error.use_stderr() {
        let what = error.to_string();
        let what = what
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        show::failure(&Failure::new("usage", what, "chatbox --help"), true);
    } else {
        // Nobody is left to tell when the terminal is gone.
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

/// A credential typed as an argument stays in the shell's history and is seen by every program.
fn secret_in(arguments: &[OsString]) -> Option<Failure> {
    let looks_secret = |text: &str| {
        let value = text.split_once('=').map_or(text, |(_, value)| value);
        let telegram = value.split_once(':').is_some_and(|(id, rest)| {
            (6..=12).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_digit())
                && rest.len() >= 30
        });
        let own = value.starts_with("cbx_") && value.contains('.');
        telegram
            || own
            || ["xoxb-", "xapp-", "xoxp-", "sk-"]
                .iter()
                .any(|start| value.starts_with(start))
    };
    let named = |text: &str| text == "--token" || text.starts_with("--token=");
    let mut texts = arguments
        .iter()
        .skip(1)
        .filter_map(|argument| argument.to_str());
    texts
        .any(|text| looks_secret(text) || named(text))
        .then(|| {
            let fix = "give it when asked, or with --token-file PATH (- reads standard input); \
                   and replace it: it may have been seen";
            Failure::new(
                "secret_in_argv",
                "a credential stands on the command line",
                fix,
            )
        })
}

async fn dispatch(cli: Cli) -> Result<(), Failure> {
    let Cli {
        mut global,
        command,
    } = cli;
    let command = command.unwrap_or(Command::Serve);
    match &command {
        Command::Config(ConfigCommand::Schema) => {
            return schema(&crate::config::schema());
        }
        Command::EventsSchema => return schema(&crate::webhook::schema()),
        Command::Config(ConfigCommand::Check { path: Some(path) }) => {
            global.config = Some(path.clone());
        }
        _ => {}
    }
    let context = context(&global)?;
    let level = global
        .log_level
        .as_deref()
        .or(context.start.config.log_level.as_deref());
    let usual = if matches!(command, Command::Serve) {
        "info"
    } else {
        "error"
    };
    init_log(log_level(level.unwrap_or(usual))?);
    match command {
        Command::Serve => {
            say_unheeded(global.listen.is_some());
            serve::serve(context.start).await
        }
        Command::Config(ConfigCommand::Check { .. }) => config_check(&context),
        Command::Restore(command) => backup::restore(&context.start, command, context.json).await,
        Command::Migrate => backup::migrate(&context.start, context.json).await,
        Command::Backup { path } => {
            let client = Client::find(&context.start).await?;
            backup::backup(client, &context.start, &path, context.json).await
        }
        command => {
            let client = Client::find(&context.start).await?;
            let outcome = with_server(&client, command, context.json).await;
            client.close().await;
            outcome
        }
    }
}

fn schema(schema: &schemars::Schema) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(schema).expect("a schema is JSON");
    show::print(&format!("{text}\n"))
}

async fn with_server(client: &Client, command: Command, json: bool) -> Result<(), Failure> {
    match command {
        Command::Channels(command) => channels::run(client, command, json).await,
        Command::Pairing(command) => channels::pairing(client, command, json).await,
        Command::Deliveries(command) => deliveries::run(client, command, json).await,
        Command::Mailboxes(command) => mailboxes::run(client, command, json).await,
        Command::Operator(command) => operator::run(client, command, json).await,
        Command::Vault(command) => vault::run(client, command, json).await,
        Command::Trace { message_id } => deliveries::trace(client, &message_id, json).await,
        Command::LoginLink => login_link(client, json).await,
        Command::Bootstrap(command) => tokens::bootstrap(client, command, json).await,
        Command::Tokens(command) => tokens::run(client, command, json).await,
        Command::Doctor => doctor(client, json).await,
        Command::Serve
        | Command::Config(_)
        | Command::EventsSchema
        | Command::Backup { .. }
        | Command::Restore(_)
        | Command::Migrate => Ok(()),
    }
}

fn context(global: &Global) -> Result<Context, Failure> {
    let named = global.config.is_some();
    let config_path = global.config.clone().or_else(usual_config);
    let config = match &config_path {
        Some(path) => Config::load(path, named)?,
        None => Config::default(),
    };
    let start = Start {
        data: DataDir::locate(global.data_dir.clone())?,
        config,
        listen: match &global.listen {
            Some(address) => Some(address.clone()),
            None => parts_of_address()?,
        },
        database: global.db_url.clone(),
        store: None,
    };
    Ok(Context {
        start,
        json: global.json,
        config_path,
    })
}

/// The address in two variables, where that is how it is given.
fn parts_of_address() -> Result<Option<String>, Failure> {
    let part = |name| {
        let text = variable(name)?.map(|part| part.to_string_lossy().into_owned());
        Ok::<_, Failure>(text)
    };
    let (host, port) = (part("CHATBOX_API_HOST")?, part("CHATBOX_API_PORT")?);
    Ok(address_of(host.as_deref(), port.as_deref()))
}

fn address_of(host: Option<&str>, port: Option<&str>) -> Option<String> {
    host.or(port)?;
    let (host, port) = (host.unwrap_or("127.0.0.1"), port.unwrap_or("7700"));
    Some(match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    })
}

/// A variable that somebody set, and that does nothing here, is not passed over in silence.
fn say_unheeded(listens: bool) {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    for (name, fix) in crate::config::unheeded(is_set, listens) {
        tracing::warn!("{name} is set and not used; fix: {fix}");
    }
}

fn init_log(level: &str) {
    use tracing_subscriber::EnvFilter;
    // Other people's libraries speak up only when something is wrong; a name here stands for all that begin with it. To
    // rmcp::service everything is wrong that an agent asks wrongly, or does not wait for.
    let filter = EnvFilter::new(format!("warn,genai=off,rmcp::service=off,chatbox={level}"));
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(!plain && std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second call in one process keeps the first log.
    let _ = log.try_init();
}

fn config_check(context: &Context) -> Result<(), Failure> {
    let path = context.config_path.as_ref().filter(|path| path.exists());
    let path = path.map_or_else(
        || "none; every default holds".to_owned(),
        |path| path.display().to_string(),
    );
    show::show(
        &Shown::one(Row::new().with("config", path).with("ok", true)),
        context.json,
    )
}

async fn login_link(client: &Client, json: bool) -> Result<(), Failure> {
    if !client.is_running() {
        let fix = "start it with `chatbox serve`: it prints a login link itself";
        let what = "no server is running with this data folder";
        return Err(Failure::new("connection_refused", what, fix).exit(Exit::NoServer));
    }
    let row: Row = client
        .ask(Method::POST, "/v1/login-links", None::<&()>)
        .await?;
    show::show(&Shown::one(row), json)
}

async fn doctor(client: &Client, json: bool) -> Result<(), Failure> {
    let mut report: Report = client.ask(Method::GET, "/v1/doctor", None::<&()>).await?;
    if !client.is_running() {
        report
            .findings
            .retain(|finding| finding.id != "connection_not_started");
        let finding = Finding {
            id: "not_running".to_owned(),
            severity: Severity::Warning,
            cause: "no server is running with this data folder".to_owned(),
            fix: "chatbox serve".to_owned(),
        };
        report.findings.insert(0, finding);
        report.ok = false;
    }
    show::report(&report, json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_come_in_two_parts() {
        let table = [
            (None, None, None),
            (Some("127.0.0.1"), Some("8000"), Some("127.0.0.1:8000")),
            (None, Some("8000"), Some("127.0.0.1:8000")),
            (Some("::1"), None, Some("[::1]:7700")),
            (Some("[::1]"), Some("0"), Some("[::1]:0")),
        ];
        for (host, port, expected) in table {
            assert_eq!(address_of(host, port).as_deref(), expected);
        }
    }
}
