//! Who may do what at the API: every door with every credential, as the API's own document says it.

mod program;

use program::{Answer, Program, Running, run};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

#[derive(Deserialize)]
struct Document {
    paths: BTreeMap<String, BTreeMap<String, Operation>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    operation_id: String,
    security: Vec<BTreeMap<String, Vec<String>>>,
}

fn document(text: &str) -> Document {
    serde_json::from_str(text).expect("a document in which every door asks for something")
}

/// A place for every word in braces.
fn place(path: &str) -> String {
    let parts = path.split('/').map(|part| match part.starts_with('{') {
        true => "nobody",
        false => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// A request that could do something if it were let in, but for its body.
fn knock(running: &Running, method: &str, path: &str, token: Option<&str>, more: &str) -> Answer {
    let token = token.map_or_else(String::new, |it| format!("Authorization: Bearer {it}\r\n"));
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{token}{more}\
         Content-Type: application/json\r\nContent-Length: 1\r\n\r\n[",
        running.address()
    );
    Answer::new(running.exchange(request.as_bytes()))
}

fn told(answer: &Answer) -> String {
    let problem: Value = serde_json::from_str(answer.body()).unwrap_or_default();
    problem["code"].as_str().unwrap_or_default().to_owned()
}

/// A token that logs the owner's browser in.
fn login(running: &Running) -> String {
    let link = running.ask("POST", "/v1/login-links", &running.operator());
    let link: Value = serde_json::from_str(link.body()).expect("a link");
    let code = link["url"].as_str().and_then(|url| url.split_once('#'));
    let body = format!(r#"{{"code":"{}"}}"#, code.expect("a code").1);
    let answer = running.post("/login", &[], "application/json", body.as_bytes());
    let cookie = answer.header("set-cookie").expect("a cookie");
    let value = cookie.split([';', '=']).nth(1);
    value.expect("a value").to_owned()
}

#[test]
fn every_door_opens_for_its_scope_and_higher_ones_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "[backend]\nkind = \"none\"\n");
    let scopes = ["read", "write", "admin"];
    let tokens = scopes.map(|scope| running.add_token(scope, scope).1);
    let (id, revoked) = running.add_token("gone", "admin");
    let revoke = format!("/v1/tokens/{id}");
    assert_eq!(
        running.ask("DELETE", &revoke, &running.operator()).status(),
        204
    );
    let feed = running.add_feed("alpha").token;
    let login = login(&running);
    let forged = format!("{}x", tokens[2]);
    let short = tokens[2]
        .split('.')
        .next()
        .expect("a findable part")
        .to_owned();
    let served = running.get("/openapi.json");
    let served = served.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let document = document(served);
    let mut faults = Vec::new();
    let mut doors = 0;
    for (path, operations) in &document.paths {
        for (method, operation) in operations {
            doors += 1;
            let (method, place) = (method.to_ascii_uppercase(), place(path));
            let mut judge = |who: &str, token: Option<&str>, more: &str, status, code: &str| {
                let answer = knock(&running, &method, &place, token, more);
                let got = (answer.status(), told(&answer));
                let fits = match status {
                    0 => {
                        !matches!(got.0, 401 | 403 | 404 | 405)
                            || got.1 == "not_found" && place != *path
                    }
                    _ => got == (status, code.to_owned()),
                };
                if !fits {
                    faults.push(format!("{} for {who}: {got:?}", operation.operation_id));
                }
            };
            let nobodys = [
                ("nobody", None),
                ("the browser", Some(login.as_str())),
                ("a forger", Some(&forged)),
                ("half a token", Some(&short)),
                ("a feed", Some(&feed)),
            ];
            for (who, token) in nobodys {
                judge(who, token, "", 401, "unauthorized");
            }
            let is_operators = |it: &BTreeMap<String, Vec<String>>| it.contains_key("operator");
            if operation.security.iter().any(is_operators) {
                for (scope, token) in scopes.iter().zip(&tokens) {
                    judge(scope, Some(token), "", 403, "insufficient_scope");
                }
                judge("the operator", Some(&running.operator()), "", 0, "");
                continue;
            }
            let Some(wanted) = operation.security.iter().find_map(|it| it.get("token")) else {
                for (scope, token) in scopes.iter().zip(&tokens) {
                    judge(scope, Some(token), "", 401, "unauthorized");
                }
                continue;
            };
            judge(
                "one who was sent away",
                Some(&revoked),
                "",
                401,
                "token_revoked",
            );
            let least = scopes.iter().position(|scope| [*scope] == **wanted);
            let least = least.expect("a door asks for one scope that exists");
            for (nth, (scope, token)) in scopes.iter().zip(&tokens).enumerate() {
                if nth < least {
                    judge(scope, Some(token), "", 403, "insufficient_scope");
                    let claims = "X-Scope: admin\r\nX-Scopes: admin\r\nX-Role: owner\r\n";
                    judge(scope, Some(token), claims, 403, "insufficient_scope");
                } else {
                    judge(scope, Some(token), "", 0, "");
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert!(doors >= 15, "only {doors} doors were tried");
}

#[test]
fn a_token_is_refused_with_the_next_request_after_it_was_taken_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "[backend]\nkind = \"none\"\n");
    for nth in 0..100 {
        let (id, token) = running.add_token(&format!("it{nth}"), "read");
        let ask = || running.ask("GET", "/v1/connections", &token).status();
        assert_eq!(ask(), 200);
        let path = format!("/v1/tokens/{id}");
        assert_eq!(
            running.ask("DELETE", &path, &running.operator()).status(),
            204
        );
        assert_eq!(ask(), 401, "{nth}");
    }
}

#[test]
fn a_token_ends_when_its_time_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "[backend]\nkind = \"none\"\n");
    let body = br#"{"name":"short","scope":"read","expires_in":1}"#;
    let made = running.post(
        "/v1/tokens",
        &[&running.operator()],
        "application/json",
        body,
    );
    let made: Value = serde_json::from_str(made.body()).expect("JSON");
    let token = made["token"].as_str().expect("a token");
    let ask = || running.ask("GET", "/v1/connections", token);
    assert_eq!(ask().status(), 200);
    let began = std::time::Instant::now();
    while ask().status() == 200 {
        assert!(began.elapsed().as_secs() < 10, "it does not end");
    }
    assert_eq!(told(&ask()), "token_expired");
}

// ---- At the command line -----------------------------------------------------------------------

fn command(home: &Path, data: &Path, arguments: &[&str]) -> Output {
    let mut command = Program::new(home).command();
    command.arg("--data-dir").arg(data).args(arguments);
    run(&mut command)
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[test]
fn the_owners_key_is_made_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "[backend]\nkind = \"none\"\n");
    let bootstrap = || command(folder.path(), running.data(), &["bootstrap", "--json"]);
    let first = bootstrap();
    assert!(first.status.success(), "{first:?}");
    let key = json(&first)["token"].as_str().expect("a key").to_owned();
    assert_eq!(running.ask("GET", "/v1/tokens", &key).status(), 200);
    let second = bootstrap();
    assert_eq!(second.status.code(), Some(8), "{second:?}");
    assert_eq!(json(&second)["error"]["code"], "already_bootstrapped");
    let list = running.ask("GET", "/v1/tokens", &key);
    assert_eq!(list.body().matches("\"id\"").count(), 1, "{}", list.body());
    let secret = key.split_once('.').expect("two parts").1;
    for file in ["chatbox.db", "chatbox.db-wal"] {
        let bytes = std::fs::read(running.data().join(file)).expect("the database");
        let found = bytes
            .windows(secret.len())
            .any(|it| it == secret.as_bytes());
        assert!(!found, "the key stands in {file}");
    }
}

#[test]
fn a_key_that_goes_to_a_pipe_is_warned_about() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let piped = command(folder.path(), &data, &["bootstrap"]);
    let warned = String::from_utf8_lossy(&piped.stderr).into_owned();
    assert!(
        piped.status.success() && warned.contains("--key-file"),
        "{piped:?}"
    );
    assert_eq!(
        String::from_utf8_lossy(&piped.stdout)
            .matches("cbx_owner.")
            .count(),
        1
    );
    assert!(!warned.contains("cbx_owner."), "{warned}");

    let (data, file) = (folder.path().join("other"), folder.path().join("key"));
    let path = file.display().to_string();
    let kept = command(folder.path(), &data, &["bootstrap", "--key-file", &path]);
    assert!(kept.status.success(), "{kept:?}");
    assert!(!String::from_utf8_lossy(&kept.stdout).contains("cbx_owner."));
    let key = std::fs::read_to_string(&file).expect("the key");
    assert!(key.starts_with("cbx_owner."), "{key}");
    let mode = std::fs::metadata(&file)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = command(folder.path(), &data, &["bootstrap", "--key-file", &path]);
    assert_eq!(again.status.code(), Some(2), "{again:?}");
    let unmade = format!("{path}2");
    let again = command(folder.path(), &data, &["bootstrap", "--key-file", &unmade]);
    assert_eq!(again.status.code(), Some(8), "{again:?}");
    assert!(!Path::new(&unmade).exists(), "an empty key file stays");
    assert_eq!(std::fs::read_to_string(&file).expect("the key"), key);
}

#[test]
fn tokens_are_made_listed_and_taken_back_at_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let tokens = |arguments: &[&str]| {
        let all = [&["tokens", "--json"], arguments].concat();
        command(folder.path(), &data, &all)
    };
    let made = tokens(&["create", "grafana", "--scope", "write", "--expires", "90d"]);
    let made = json(&made);
    let id = made["id"].as_str().expect("an id");
    assert!(made["token"].as_str().expect("a token").starts_with(id));
    let listed = json(&tokens(&["list"]));
    assert_eq!(listed["items"][0]["name"], "grafana");
    assert_eq!(listed["items"][0]["scope"], "write");
    assert!(listed["items"][0]["until"].is_i64(), "{listed}");
    assert!(listed["items"][0]["token"].is_null(), "{listed}");
    let asked = tokens(&["revoke", id]);
    assert_eq!(asked.status.code(), Some(2), "nobody is there to ask");
    assert!(tokens(&["revoke", id, "--yes"]).status.success());
    let listed = json(&tokens(&["list"]));
    assert_eq!(listed["items"][0]["revoked"], true);
    assert_eq!(
        tokens(&["revoke", "cbx_nobody", "--yes"]).status.code(),
        Some(4)
    );
    assert_eq!(tokens(&["create", "owner"]).status.code(), Some(2));
}
