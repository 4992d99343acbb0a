//! Bad input, as data: the cases of `corpus/*.toml` against the program itself. Each has its clear code, nothing is
//! stored, and the next good input works.

#[path = "../../corpus/mutate.rs"]
mod mutate;
mod program;

use mutate::{Mutations, mutate};
use program::{Program, Running, empty_folder};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

fn corpus(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../corpus")
        .join(name);
    std::fs::read_to_string(&path).expect("the corpus lies beside the crates")
}

fn cases<T: for<'a> Deserialize<'a>>(name: &str) -> Vec<T> {
    #[derive(Deserialize)]
    struct Cases<T> {
        case: Vec<T>,
    }
    let cases: Cases<T> = toml::from_str(&corpus(name)).expect("the corpus is readable");
    cases.case
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("letters"), 16);
    pairs.map(|it| pair(it).expect("hexadecimal")).collect()
}

/// Everything that is wrong, so that one run shows all of it.
fn nothing_wrong(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

// ---- Configuration files -----------------------------------------------------------------------

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigCase {
    name: String,
    #[serde(rename = "row")]
    _row: String,
    text: Option<String>,
    bytes: Option<String>,
    times: Option<usize>,
    file: Option<String>,
    mode: Option<u32>,
    exit: i32,
    code: Option<String>,
    says: Option<String>,
}

#[test]
fn bad_configuration_files_are_refused_with_their_place_and_the_way_out() {
    let mut faults = Vec::new();
    for case in cases::<ConfigCase>("config.toml") {
        let folder = tempfile::tempdir().expect("a folder");
        let path = written(folder.path(), &case);
        let mut command = Program::new(folder.path()).command();
        command
            .arg("--config")
            .arg(path)
            .args(["--json", "config", "check"]);
        judge(
            &mut faults,
            &case.name,
            &mut command,
            case.exit,
            case.code.as_deref(),
            case.says.as_deref(),
        );
        // What can be read as text is shown where it went wrong.
        let whole = ["permissions_too_open", "too_large"];
        let inside = !case
            .code
            .as_deref()
            .is_some_and(|code| whole.contains(&code));
        if case.exit == 2 && case.text.is_some() && inside {
            let said = program::run(&mut command).stdout;
            let said: Value = serde_json::from_slice(&said).unwrap_or_default();
            if !(said["error"]["line"].is_u64() && said["error"]["column"].is_u64()) {
                faults.push(format!("{}: it does not say where: {said}", case.name));
            }
        }
    }
    nothing_wrong(&faults);
}

#[test]
fn people_are_shown_the_line_itself_and_no_secret_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    let shown = |text: &str| {
        std::fs::write(&path, text).expect("a file");
        let mut command = Program::new(folder.path()).command();
        let done = program::run(command.args(["config", "check"]).arg(&path));
        assert_eq!(done.status.code(), Some(2));
        String::from_utf8(done.stderr).expect("text")
    };
    let said = shown("# first\nlog_levl = \"info\"\n");
    let excerpt = "\n    |\n  2 | log_levl = \"info\"\n    | ^^^^^^^^\n";
    assert!(said.ends_with(excerpt), "{said}");
    assert!(said.contains("did you mean `log_level`?"), "{said}");
    let said = shown("[channels.telegram]\n\ttoken = \"7000001:hunter2\"\n");
    assert!(
        said.contains("  2 |  token = …\n") && !said.contains("hunter2"),
        "{said}"
    );
}

#[test]
fn the_schema_of_the_configuration_is_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Program::new(folder.path()).command();
    let done = program::run(command.args(["config", "schema"]));
    let schema: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(
        schema["properties"]["log_level"]["type"][0], "string",
        "{schema}"
    );
    assert_eq!(schema["additionalProperties"], false);
}

fn written(folder: &Path, case: &ConfigCase) -> PathBuf {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let path = folder.join("config.toml");
    match case.file.as_deref() {
        Some("missing") => return path,
        Some("folder") => {
            std::fs::create_dir(&path).expect("a folder");
            return path;
        }
        Some("pipe") => {
            let made = Command::new("mkfifo").arg(&path).status();
            assert!(made.expect("mkfifo").success());
            return path;
        }
        Some("loop") => {
            symlink(&path, &path).expect("a link");
            return path;
        }
        _ => {}
    }
    let text = match (&case.text, &case.bytes) {
        (Some(text), _) => text.repeat(case.times.unwrap_or(1)).into_bytes(),
        (None, hex) => bytes(hex.as_deref().expect("text or bytes")),
    };
    std::fs::write(&path, text).expect("a file");
    let mode = std::fs::Permissions::from_mode(case.mode.unwrap_or(0o600));
    std::fs::set_permissions(&path, mode).expect("a mode");
    path
}

fn judge(
    faults: &mut Vec<String>,
    name: &str,
    command: &mut Command,
    exit: i32,
    code: Option<&str>,
    says: Option<&str>,
) {
    let done = program::run(command);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    if done.status.code() != Some(exit) {
        faults.push(format!(
            "{name}: ended with {:?} instead of {exit}: {said}",
            done.status
        ));
    }
    if said.contains("panicked") {
        faults.push(format!("{name}: it panicked: {said}"));
    }
    for wanted in code.into_iter().chain(says) {
        if !said.contains(wanted) {
            faults.push(format!("{name}: it does not say `{wanted}`: {said}"));
        }
    }
}

// ---- The command line --------------------------------------------------------------------------

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CliCase {
    name: String,
    #[serde(rename = "row")]
    _row: String,
    arguments: Vec<String>,
    #[serde(default)]
    server: bool,
    #[serde(default)]
    homeless: bool,
    #[serde(default)]
    json: bool,
    #[serde(default)]
    env: BTreeMap<String, String>,
    stdin: Option<String>,
    exit: i32,
    code: Option<String>,
    says: Option<String>,
}

#[test]
fn bad_command_lines_end_with_their_code_and_never_hang() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let mut faults = Vec::new();
    for case in cases::<CliCase>("cli.toml") {
        let (_keep, data) = if case.server {
            (None, running.data().to_owned())
        } else {
            empty_folder()
        };
        let mut command = Program::new(&data).command();
        command.args(
            case.arguments
                .iter()
                .map(|it| it.replace("{data}", &data.display().to_string())),
        );
        command.envs(&case.env);
        if case.homeless {
            command.env_remove("HOME");
        }
        program::give(&mut command, folder.path(), case.stdin.as_deref());
        judge(
            &mut faults,
            &case.name,
            &mut command,
            case.exit,
            case.code.as_deref(),
            case.says.as_deref(),
        );
        if case.json {
            let done = program::run(&mut command);
            let error = serde_json::from_slice::<Value>(&done.stdout);
            if !error.is_ok_and(|it| it["error"]["code"].is_string() || it["code"].is_string()) {
                let said = String::from_utf8_lossy(&done.stdout).into_owned();
                faults.push(format!(
                    "{}: standard output is no error in JSON: {said}",
                    case.name
                ));
            }
        }
    }
    assert!(
        running.get("/health/live").starts_with("HTTP/1.1 200"),
        "the server still answers"
    );
    nothing_wrong(&faults);
}

// ---- What connectors post ----------------------------------------------------------------------

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InboundCase {
    name: String,
    row: String,
    body: Option<String>,
    bytes: Option<String>,
    fill: Option<usize>,
    files: Option<usize>,
    deep: Option<usize>,
    token: Option<String>,
    content_type: Option<String>,
    status: u16,
    code: String,
}

impl InboundCase {
    fn body(&self) -> Vec<u8> {
        let Some(body) = &self.body else {
            return bytes(self.bytes.as_deref().expect("a body or bytes"));
        };
        let file = r#"{"filename":"a","content_type":"text/plain","data_b64":"eA=="}"#;
        let files = vec![file; self.files.unwrap_or(0)].join(",");
        let deep = self.deep.unwrap_or(0);
        let body = body.replace("FILL", &"x".repeat(self.fill.unwrap_or(0)));
        let body = body.replace("FILES", &files);
        body.replace("DEEP", &format!("{}{}", "[".repeat(deep), "]".repeat(deep)))
            .into_bytes()
    }
}

#[test]
fn bad_posts_are_refused_store_nothing_and_the_next_good_one_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "[backend]\nkind = \"none\"\n");
    let (feed, other) = (running.add_feed("alpha"), running.add_feed("beta"));
    let path = format!("/v1/connections/{}/messages", feed.id);
    let mut faults = Vec::new();
    let mut last = 0;
    for (number, case) in cases::<InboundCase>("inbound.toml").into_iter().enumerate() {
        let tokens: Vec<&str> = match case.token.as_deref() {
            None => vec![&feed.token],
            Some("none") => vec![],
            Some("other") => vec![&other.token],
            Some("twice") => vec![&feed.token, &other.token],
            Some(token) => vec![token],
        };
        let kind = case.content_type.as_deref().unwrap_or("application/json");
        let answer = running.post(&path, &tokens, kind, &case.body());
        let told: Value = serde_json::from_str(answer.body()).unwrap_or_default();
        if answer.status() != case.status || told["code"] != case.code.as_str() {
            faults.push(format!(
                "{}: {} {}",
                case.name,
                answer.status(),
                answer.body()
            ));
        }
        if answer.header("content-type") != Some("application/problem+json")
            || !told["hint"].is_string()
        {
            faults.push(format!(
                "{}: not a problem with a hint: {}",
                case.name,
                answer.body()
            ));
        }
        let event = format!("good{number}");
        let good = format!(
            r#"{{"event_id":"{event}","chat":{{"handle":"c"}},"sender":{{"id":"{event}"}},"text":"x"}}"#
        );
        let answer = running.post(&path, &[&feed.token], "application/json", good.as_bytes());
        let told: Value = serde_json::from_str(answer.body()).unwrap_or_default();
        let place = told["message_id"]
            .as_str()
            .and_then(|it| it.strip_prefix("msg_")?.parse::<i64>().ok());
        match place {
            Some(place) if answer.status() == 200 && told["duplicate"] == false => {
                // Rows are numbered without gaps: a bad post that left one would show here.
                if last != 0 && place != last + 1 {
                    faults.push(format!(
                        "{}: {} rows were stored by it",
                        case.name,
                        place - last - 1
                    ));
                }
                last = place;
            }
            _ => faults.push(format!(
                "after {}: {} {}",
                case.name,
                answer.status(),
                answer.body()
            )),
        }
        let again = running.post(&path, &[&feed.token], "application/json", good.as_bytes());
        if !again.body().contains("\"duplicate\":true") {
            faults.push(format!(
                "after {}: the same event again: {}",
                case.name,
                again.body()
            ));
        }
    }
    nothing_wrong(&faults);
}

// ---- Requests to the API -----------------------------------------------------------------------

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpCase {
    name: String,
    row: String,
    method: Option<String>,
    path: Option<String>,
    token: Option<String>,
    content_type: Option<String>,
    #[serde(default)]
    headers: Vec<String>,
    many: Option<usize>,
    raw: Option<String>,
    body: Option<String>,
    bytes: Option<String>,
    #[serde(default)]
    chunked: bool,
    fill: Option<usize>,
    deep: Option<usize>,
    items: Option<usize>,
    status: u16,
    code: Option<String>,
    says: Option<String>,
}

/// What the words in braces stand for.
struct Known<'a> {
    host: &'a str,
    operator: &'a str,
    feed: &'a program::Feed,
    read: &'a str,
    revoked: &'a str,
}

impl HttpCase {
    fn filled(&self, text: &str) -> String {
        let deep = self.deep.unwrap_or(0);
        text.replace("FILL", &"x".repeat(self.fill.unwrap_or(0)))
            .replace("ITEMS", &vec!["1"; self.items.unwrap_or(0)].join(","))
            .replace("DEEP", &format!("{}{}", "[".repeat(deep), "]".repeat(deep)))
    }

    fn request(&self, known: &Known<'_>) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            let raw = self.filled(raw).replace("{host}", known.host);
            return raw.replace("{operator}", known.operator).into_bytes();
        }
        let path = self.path.as_deref().expect("a path, or all of it");
        let path = self.filled(&path.replace("{feed}", &known.feed.id));
        let method = self.method.as_deref().unwrap_or("GET");
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            known.host
        );
        let token = match self.token.as_deref() {
            None => Some(known.operator),
            Some("none") => None,
            Some("feed") => Some(known.feed.token.as_str()),
            Some("read") => Some(known.read),
            Some("revoked") => Some(known.revoked),
            other => other,
        };
        let mut add = |line: &str| head.push_str(&format!("{line}\r\n"));
        if let Some(token) = token {
            add(&format!("Authorization: Bearer {token}"));
        }
        for header in &self.headers {
            add(&self.filled(header));
        }
        for nth in 0..self.many.unwrap_or(0) {
            add(&format!("X-{nth}: x"));
        }
        let text = self.body.as_ref().map(|body| self.filled(body));
        let body = text
            .map(String::into_bytes)
            .or_else(|| Some(bytes(self.bytes.as_ref()?)));
        let Some(body) = body else {
            add("");
            return head.into_bytes();
        };
        match self.content_type.as_deref() {
            None => add("Content-Type: application/json"),
            Some("none") => {}
            Some(kind) => add(&format!("Content-Type: {kind}")),
        }
        if !self.chunked {
            add(&format!("Content-Length: {}\r\n", body.len()));
            return [head.into_bytes(), body].concat();
        }
        add("Transfer-Encoding: chunked\r\n");
        let pieces = body.chunks(1000).map(|piece| {
            let size = format!("{:x}\r\n", piece.len());
            [size.as_bytes(), piece, b"\r\n"].concat()
        });
        let pieces: Vec<u8> = pieces.flatten().collect();
        [head.into_bytes(), pieces, b"0\r\n\r\n".to_vec()].concat()
    }
}

#[test]
fn bad_requests_are_refused_change_nothing_and_the_next_good_one_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "[backend]\nkind = \"none\"\n");
    let (feed, operator) = (running.add_feed("alpha"), running.operator());
    let read = running.add_token("looks", "read").1;
    let (id, revoked) = running.add_token("gone", "admin");
    let gone = running.ask("DELETE", &format!("/v1/tokens/{id}"), &operator);
    assert_eq!(gone.status(), 204);
    let known = Known {
        host: running.address(),
        operator: &operator,
        feed: &feed,
        read: &read,
        revoked: &revoked,
    };
    let all = || {
        let of = |path| running.ask("GET", path, &operator).body().to_owned();
        of("/v1/connections") + &of("/v1/deliveries") + &of("/v1/tokens")
    };
    let before = all();
    assert!(before.contains(&feed.id), "{before}");
    let mut faults = Vec::new();
    for case in cases::<HttpCase>("http.toml") {
        let whole = running.exchange(&case.request(&known));
        // A second answer would be to what was hidden behind the first request.
        let answers = whole.matches("HTTP/1.1 ").count();
        let answer = program::Answer::new(whole);
        let told: Value = serde_json::from_str(answer.body()).unwrap_or_default();
        let mut wrong = |what: &str| {
            let (status, body) = (answer.status(), answer.body());
            faults.push(format!("{}: {what}: {status} {body}", case.name));
        };
        if answer.status() != case.status || answers != 1 {
            wrong("another answer");
        }
        if let Some(code) = &case.code {
            let is_problem = answer.header("content-type") == Some("application/problem+json");
            if told["code"] != code.as_str() || !is_problem || !told["hint"].is_string() {
                wrong("not that problem with a hint");
            }
        }
        let detail = told["detail"].as_str().unwrap_or_default();
        if case
            .says
            .as_ref()
            .is_some_and(|says| !detail.contains(says))
        {
            wrong("it does not say that");
        }
        if answer.status() == 405 && answer.header("allow").is_none() {
            wrong("it does not say what is allowed");
        }
        if answer.status() == 401 && answer.header("www-authenticate").is_none() {
            wrong("it does not say how to log in");
        }
        if all() != before {
            wrong("something was changed");
        }
    }
    nothing_wrong(&faults);
}

/// How many rows are mutated at once, each against a server of its own: most of their time they wait.
const AT_ONCE: usize = 8;

#[test]
fn mutations_of_every_row_change_nothing_unless_they_are_answered_well() {
    let wanted = Mutations::wanted();
    let http = cases::<HttpCase>("http.toml").into_iter();
    let inbound = cases::<InboundCase>("inbound.toml").into_iter();
    let rows: BTreeSet<String> = http
        .map(|it| it.row)
        .chain(inbound.map(|it| it.row))
        .collect();
    let (rows, faults) = (Mutex::new(rows.into_iter()), Mutex::new(Vec::new()));
    let next = || rows.lock().expect("whole").next();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(row) = next() {
                    let found = mutated(&row, &wanted);
                    faults.lock().expect("whole").extend(found);
                }
            });
        }
    });
    nothing_wrong(&faults.into_inner().expect("whole"));
}

/// Mutates one row's requests; what was wrong with the answers.
fn mutated(row: &str, wanted: &Mutations) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let running = {
        let log = std::fs::File::create(&log).expect("a file");
        let config = "[backend]\nkind = \"none\"\n";
        Running::start_with(folder.path(), config, Stdio::null(), log.into())
    };
    let requests = requests(row, &running);
    let operator = running.operator();
    let all = || {
        let of = |path| running.ask("GET", path, &operator);
        let parts = ["/v1/connections", "/v1/deliveries", "/v1/tokens"].map(of);
        let fine = parts.iter().all(|answer| answer.status() == 200);
        assert!(fine, "{row}: a good request is not answered any more");
        parts.map(|answer| answer.body().to_owned()).concat()
    };
    let (mut faults, mut before) = (Vec::new(), all());
    let mut random = wanted.of_row(row);
    for nth in 0..wanted.per_row {
        let mut request = requests[nth % requests.len()].clone();
        mutate(&mut request, &mut random);
        let answer = program::Answer::new(running.exchange_broken(&request));
        let after = all();
        let status = answer.status();
        // Who was cut off in the middle is told nothing of what became of it.
        let stored = after != before && status != 0 && !(200..300).contains(&status);
        if status >= 500 || stored {
            let sent = String::from_utf8_lossy(&request[..request.len().min(600)]).into_owned();
            faults.push(format!("{row} {nth}: {sent:?} was answered {status}"));
        }
        before = after;
    }
    let said = std::fs::read_to_string(&log).expect("a log");
    if said.contains("panicked") {
        faults.push(format!("{row}: {said}"));
    }
    faults
}

/// A row's requests, to a server that knows what they name.
fn requests(row: &str, running: &Running) -> Vec<Vec<u8>> {
    let (feed, operator) = (running.add_feed("alpha"), running.operator());
    let read = running.add_token("looks", "read").1;
    let (id, revoked) = running.add_token("gone", "admin");
    running.ask("DELETE", &format!("/v1/tokens/{id}"), &operator);
    let known = Known {
        host: running.address(),
        operator: &operator,
        feed: &feed,
        read: &read,
        revoked: &revoked,
    };
    let http = cases::<HttpCase>("http.toml").into_iter();
    let http = http.filter(|case| case.row == row);
    let posts = cases::<InboundCase>("inbound.toml").into_iter();
    let posts = posts.filter(|case| case.row == row);
    let http = http.map(|case| case.request(&known));
    http.chain(posts.map(|case| inbound(&case, &feed, known.host)))
        .collect()
}

/// What a connector posts, as a whole request.
fn inbound(case: &InboundCase, feed: &program::Feed, host: &str) -> Vec<u8> {
    let (body, kind) = (case.body(), case.content_type.as_deref());
    let head = format!(
        "POST /v1/connections/{}/messages HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Authorization: Bearer {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        feed.id,
        feed.token,
        kind.unwrap_or("application/json"),
        body.len()
    );
    [head.into_bytes(), body].concat()
}

// ---- The index ---------------------------------------------------------------------------------

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexRow {
    id: String,
    #[serde(rename = "about")]
    _about: String,
    case: Option<String>,
    test: Option<String>,
    later: Option<String>,
}

#[test]
fn every_row_has_a_case_or_a_test_or_says_what_it_waits_for() {
    #[derive(Deserialize)]
    struct Index {
        row: Vec<IndexRow>,
    }
    #[derive(Deserialize)]
    struct Named {
        name: String,
        row: String,
    }
    let index: Index = toml::from_str(&corpus("INDEX.toml")).expect("the index is readable");
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in ["config.toml", "cli.toml", "inbound.toml", "http.toml"] {
        for case in cases::<Named>(file) {
            known
                .entry(case.row)
                .or_default()
                .insert(format!("{file} {}", case.name));
        }
    }
    let mut faults = Vec::new();
    let mut ids = BTreeSet::new();
    for row in index.row {
        if !ids.insert(row.id.clone()) {
            faults.push(format!("{} stands twice", row.id));
        }
        let ways = [&row.case, &row.test, &row.later]
            .into_iter()
            .flatten()
            .count();
        if ways != 1 {
            faults.push(format!("{} has {ways} of case, test and later", row.id));
        }
        let cases = known.remove(&row.id);
        match (&row.case, cases) {
            (Some(file), Some(cases)) if cases.iter().any(|it| it.starts_with(file.as_str())) => {}
            (Some(file), _) => faults.push(format!("{} has no case in {file}", row.id)),
            (None, _) => {}
        }
    }
    let wanted = [
        ("C", 49),
        ("F", 43),
        ("H", 50),
        ("L", 43),
        ("T", 43),
        ("W", 45),
    ];
    let wanted = wanted
        .iter()
        .flat_map(|(letter, most)| (1..=*most).map(move |nth| format!("{letter}{nth:02}")));
    let wanted: BTreeSet<String> = wanted.collect();
    faults.extend(
        wanted
            .symmetric_difference(&ids)
            .map(|id| format!("{id} is missing or unknown")),
    );
    faults.extend(
        known
            .keys()
            .filter(|id| !ids.contains(*id))
            .map(|id| format!("a case is for {id}, which is no row")),
    );
    nothing_wrong(&faults);
}
