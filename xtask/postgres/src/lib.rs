//! A PostgreSQL server of the tests' own: made for one run, reached over TCP, gone when the test process is.
//!
//! The programs are looked for in `CHATBOX_TEST_PG_BIN`, in Debian's folders and in `PATH`.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Runs the server until its standard input ends, which it does with the test process however that dies; then takes
/// the server down and its folder away. Before that, a line is the name of a signal for the server, or `serve`, which
/// starts it again. Where it runs already, that one finds the lock and ends.
const KEEPER: &str = r#"
    serve() { "$1/postgres" -D "$2/data" -k "$2" -h 127.0.0.1 -p "$3" >>"$2/log" 2>&1 & }
    signal() { kill -"$4" "$(head -n 1 "$2/data/postmaster.pid")" && wait; }
    serve "$@"
    while read -r word; do
        case "$word" in
            serve) serve "$@" ;;
            *) signal "$@" "$word" ;;
        esac
    done
    signal "$@" INT
    rm -rf "$2"
"#;
/// How long it may take until a server is gone, or there again.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
#[derive(Debug)]
pub struct Server {
    port: u16,
    folder: PathBuf,
    databases: AtomicU32,
    /// Its standard input keeps the server alive.
    keeper: Child,
}

/// The one server of this test process.
///
/// # Panics
/// Where there is no PostgreSQL, or it does not start.
pub async fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    // Starting blocks; other tests wait for the same server anyway.
    let server = tokio::task::spawn_blocking(|| SERVER.get_or_init(start));
    server.await.expect("a PostgreSQL server")
}

/// A server of its own, for a test that ends it. It is gone when this is dropped.
///
/// # Panics
/// As [`server`].
pub async fn server_of_its_own() -> Server {
    let server = tokio::task::spawn_blocking(start);
    server.await.expect("a PostgreSQL server")
}

impl Server {
    /// Ends it in order, though not waiting for anybody: whoever is connected is told.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn stop(&mut self) {
        self.signal("INT").await;
    }

    /// Ends its first process at once, as a machine that runs out of memory does. The others follow when they notice.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn kill(&mut self) {
        self.signal("KILL").await;
    }

    /// Starts it again; it answers when this returns.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(&mut self) {
        let began = Instant::now();
        loop {
            // While a process of the one before is there it may refuse.
            self.tell("serve");
            for _ in 0..20 {
                if let Ok(connection) = self.connect("postgres").await {
                    return connection.close().await.expect("a clean end");
                }
                sleep(Duration::from_millis(20)).await;
            }
            assert!(began.elapsed() < PATIENCE, "{}", log(&self.folder));
        }
    }

    /// Tells it, and waits until the last of its processes is gone: one that is busy goes on for a while.
    async fn signal(&mut self, name: &str) {
        let began = Instant::now();
        self.tell(name);
        while self.has_processes() {
            assert!(began.elapsed() < PATIENCE, "{}", log(&self.folder));
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whether anybody works in its folder, as all of its processes do.
    fn has_processes(&self) -> bool {
        let data = self.folder.join("data");
        let all = std::fs::read_dir("/proc").expect("processes");
        let places = all
            .flatten()
            .map(|it| std::fs::read_link(it.path().join("cwd")));
        places.flatten().any(|place| place == data)
    }

    fn tell(&mut self, word: &str) {
        let input = self.keeper.stdin.as_mut().expect("it is piped");
        writeln!(input, "{word}").expect("the keeper reads");
    }

    /// A fresh, empty database.
    ///
    /// # Panics
    /// When the server is gone.
    pub async fn database(&self) -> String {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::SeqCst));
        self.run("postgres", &format!("CREATE DATABASE {name}"))
            .await;
        self.url(&name)
    }

    /// The address of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://chatbox@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs a statement.
    ///
    /// # Panics
    /// When it fails.
    pub async fn run(&self, database: &str, statement: &str) {
        let mut connection = self.connect(database).await.expect("a connection");
        let statement = AssertSqlSafe(statement.to_owned());
        let done = connection.execute(sqlx::raw_sql(statement)).await;
        done.expect("a statement that works");
        connection.close().await.expect("a clean end");
    }

    /// A connection to a database.
    ///
    /// # Errors
    /// The server refuses it.
    pub async fn connect(&self, database: &str) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect(&self.url(database)).await
    }
}

fn start() -> Server {
    let programs = programs();
    let folder = tempfile::Builder::new()
        .prefix("chatbox-pg-")
        .tempdir()
        .expect("a folder")
        .keep();
    let user = server_user();
    if let Some((uid, gid)) = user {
        std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).expect("an own folder");
    }
    let data = folder.join("data");
    let mut initdb = Command::new(programs.join("initdb"));
    initdb
        .arg("-D")
        .arg(data)
        .args(["-U", "chatbox", "-A", "trust"]);
    initdb.args(["-E", "UTF8", "--locale=C", "--no-sync"]);
    let made = as_user(&mut initdb, user, &folder)
        .output()
        .expect("initdb");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );

    let port = free_port();
    let mut keeper = Command::new("sh");
    keeper
        .args(["-c", KEEPER, "keeper"])
        .arg(&programs)
        .arg(&folder);
    keeper.arg(port.to_string()).stdin(Stdio::piped());
    let keeper = as_user(&mut keeper, user, &folder)
        .spawn()
        .expect("a shell");
    wait_for(&programs, &folder, port);
    Server {
        port,
        folder,
        databases: AtomicU32::new(0),
        keeper,
    }
}

/// PostgreSQL refuses to run as root.
fn server_user() -> Option<(u32, u32)> {
    let root = std::fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0);
    let passwd = std::fs::File::open("/etc/passwd").ok()?;
    let mut lines = BufReader::new(passwd).lines().map_while(Result::ok);
    let nobody = lines.find(|line| line.starts_with("nobody:"))?;
    let mut numbers = nobody.split(':').skip(2).map(|it| it.parse().ok());
    let ids = (numbers.next()??, numbers.next()??);
    root.then_some(ids)
}

fn as_user<'a>(
    command: &'a mut Command,
    user: Option<(u32, u32)>,
    folder: &Path,
) -> &'a mut Command {
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command.current_dir(folder)
}

/// One of PostgreSQL's own programs, of the version that serves.
///
/// # Panics
/// Where there is no PostgreSQL.
pub fn program(name: &str) -> PathBuf {
    programs().join(name)
}

fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("CHATBOX_TEST_PG_BIN") {
        return folder.into();
    }
    let newest_first = (15..30).rev();
    let debian =
        newest_first.map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all: Vec<PathBuf> = debian.chain(std::env::split_paths(&path)).collect();
    let found = all
        .into_iter()
        .find(|folder| folder.join("initdb").exists());
    found.expect("install PostgreSQL 15 or newer, or say where it is in CHATBOX_TEST_PG_BIN")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

fn wait_for(programs: &Path, folder: &Path, port: u16) {
    for _ in 0..400 {
        let mut psql = Command::new(programs.join("psql"));
        psql.args(["-XAtq", "-h", "127.0.0.1", "-U", "chatbox", "-p"]);
        psql.arg(port.to_string())
            .args(["-c", "SELECT version()", "postgres"]);
        let answer = psql.output().expect("psql");
        if answer.status.success() {
            println!("{}", String::from_utf8_lossy(&answer.stdout).trim());
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the server does not start: {}", log(folder));
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}
