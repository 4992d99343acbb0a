//! The documents that are for pasting, run as they stand; and where the links of all of them lead.

mod program;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a whole document may take.
const MOST: Duration = Duration::from_secs(120);

fn house(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// What a document says is to be typed.
fn typed(document: &str) -> String {
    let text = std::fs::read_to_string(house(document)).expect("a document");
    let blocks = text.split("```sh\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().expect("its end"));
    let typed: Vec<_> = blocks.collect();
    assert!(!typed.is_empty(), "{document} has nothing to type");
    typed.join("\n")
}

/// Types it into a fresh shell, and says what was on the screen.
fn run(document: &str, folder: &Path) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_chatbox")).parent();
    let programs = programs.expect("a folder").display();
    let (screen, tail) = (folder.join("screen"), "\nset +e; : the end\n");
    let out = std::fs::File::create(&screen).expect("a file");
    let mut shell = Command::new("bash");
    shell
        .env_clear()
        .env("HOME", folder)
        .env("PATH", format!("{programs}:/usr/bin:/bin"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(out.try_clone().expect("the same file"))
        .stderr(out);
    // Whatever was left running ends with the shell. A line that should fail begins with `!`, which `-e` lets pass: here it
    // counts.
    let script = typed(document).lines().map(strict).collect::<Vec<_>>();
    let script = script.join("\n");
    let start = "trap 'kill $(jobs -p) 2>/dev/null' EXIT\nset -euxo pipefail\n";
    shell.arg("-c").arg(format!("{start}{script}{tail}"));
    let mut shell = shell.spawn().expect("bash");
    let began = Instant::now();
    let status = loop {
        if let Some(status) = shell.try_wait().expect("its state") {
            break Some(status);
        }
        if began.elapsed() > MOST {
            shell.kill().expect("it ends");
            shell.wait().expect("it ends");
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let said = std::fs::read_to_string(screen).expect("what it said");
    assert!(status.is_some_and(|it| it.success()), "{status:?}\n{said}");
    assert!(said.contains("+ : the end\n"), "{said}");
    said
}

/// A line that must fail, as one that fails where it does not.
fn strict(line: &str) -> String {
    match line.strip_prefix("! ") {
        Some(failing) => format!("if {}\nthen false; fi", failing.trim_end()),
        None => line.to_owned(),
    }
}

#[test]
fn the_smoke_test_works_as_it_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = run("docs/SMOKE_TEST.md", folder.path());
    for wanted in ["everything works", "\"duplicate\":true", "messages "] {
        assert!(said.contains(wanted), "{wanted} is not in\n{said}");
    }
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn the_quick_start_with_postgresql_works_as_it_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = chatbox_test_postgres::server().await;
    let url = server.database().await;
    let example = std::fs::read_to_string(house("deploy/.env.example")).expect("a file");
    let usual = "postgres://chatbox:chatbox@127.0.0.1:5434/chatbox";
    assert!(example.contains(usual) && example.contains("PORT=8000\n"));
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    // Another database and port, since there may be something on the usual ones; nothing else.
    let example = example.replace(usual, &url);
    let example = example.replace("PORT=8000\n", &format!("PORT={port}\n"));
    std::fs::create_dir(folder.path().join("deploy")).expect("a folder");
    std::fs::write(folder.path().join("deploy/.env.example"), example).expect("a file");
    let said = run("docs/POSTGRESQL.md", folder.path());
    assert!(said.contains("\"status\":\"ok\""), "{said}");
    assert!(said.contains("\"id\":\"main\""), "{said}");
    let rows = server
        .connect(url.rsplit('/').next().expect("a name"))
        .await;
    drop(rows.expect("the database is there"));
}

/// Every document of the repository.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    // `tour.md` is what somebody says in the web chat's example, bad links among it.
    const ELSEWHERE: [&str; 4] = ["target", "node_modules", ".git", "tour.md"];
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or("");
        if ELSEWHERE.contains(&name) || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            documents(&path, found);
        } else if path.extension().is_some_and(|it| it == "md") {
            found.push(path);
        }
    }
}

/// Where the links and pictures of a document lead, and what its headings are called in links.
fn links_and_anchors(text: &str) -> (Vec<String>, Vec<String>) {
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
    let (mut links, mut anchors, mut heading) = (Vec::new(), Vec::new(), None);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                links.push(dest_url.into_string());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => anchors.extend(heading.take().map(|it| anchor(&it))),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            _ => {}
        }
    }
    (links, anchors)
}

fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
    let kept: String = kept.collect();
    kept.to_lowercase().replace(' ', "-")
}

/// What is wrong with where a link leads, if anything.
fn broken(document: &Path, link: &str) -> Option<String> {
    if ["https://", "http://", "mailto:"]
        .iter()
        .any(|it| link.starts_with(it))
    {
        return url::Url::parse(link).err().map(|error| error.to_string());
    }
    let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
    let target = match path {
        "" => document.to_owned(),
        path => document.parent().expect("a folder").join(path),
    };
    if !target.exists() {
        return Some("there is no such file".to_owned());
    }
    if fragment.is_empty() || target.extension().is_none_or(|it| it != "md") {
        return None;
    }
    let text = std::fs::read_to_string(target).expect("a document");
    let is_there = links_and_anchors(&text).1.iter().any(|it| it == fragment);
    (!is_there).then(|| "there is no such heading".to_owned())
}

#[test]
fn every_link_of_every_document_leads_somewhere() {
    let mut found = Vec::new();
    documents(&house(""), &mut found);
    for wanted in [
        "README.md",
        "CHANGELOG.md",
        "ARCHITECTURE.md",
        "docs/CONNECTOR_CONTRACT.md",
        "docs/CMA_INTEGRATION.md",
        "docs/SMOKE_TEST.md",
        "docs/POSTGRESQL.md",
    ] {
        let is_there = found.iter().any(|it| it.ends_with(wanted));
        assert!(is_there, "{wanted} is missing");
    }
    let (mut links, mut faults) = (0, Vec::new());
    for document in found {
        let text = std::fs::read_to_string(&document).expect("a document");
        for link in links_and_anchors(&text).0 {
            links += 1;
            if let Some(fault) = broken(&document, &link) {
                faults.push(format!("{}: {link}: {fault}", document.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(links > 50, "only {links} links were found");
}

#[test]
fn a_link_that_leads_nowhere_is_seen() {
    let here = house("docs/webhooks.md");
    for good in [
        "api.md",
        "#templates",
        "webhooks.md#checking-it",
        "../README.md",
        "https://a.test/x",
    ] {
        assert_eq!(broken(&here, good), None, "{good}");
    }
    for bad in ["nowhere.md", "#nothing", "api.md#nothing", "https://"] {
        assert!(broken(&here, bad).is_some(), "{bad}");
    }
}
