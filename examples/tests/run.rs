//! Every example, run as a reader would run it, with nothing in the environment.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

fn start(program: &str) -> Child {
    let mut command = Command::new(program);
    command
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("the example was built")
}

fn said_by(program: &str) -> String {
    let output = start(program).wait_with_output().expect("it ran");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("it speaks UTF-8")
}

#[test]
fn the_echo_example_says_it_back() {
    assert_eq!(said_by(env!("CARGO_BIN_EXE_echo")), "You said: hello\n");
    let lines = include_str!("../echo.rs").lines();
    let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//!"));
    assert!(code.count() <= 20, "the smallest agent has grown");
}

#[test]
fn two_platforms_hear_their_answers_and_the_news() {
    let said = said_by(env!("CARGO_BIN_EXE_two_platforms_one_agent"));
    let expected = "ana hears: HELLO FROM ALPHA\nben hears: HELLO FROM BETA\n\
                    ana hears: The build is green.\nben hears: The build is green.\n";
    assert_eq!(said, expected);
}

#[test]
fn a_line_typed_at_the_custom_adapter_is_answered() {
    let mut example = start(env!("CARGO_BIN_EXE_custom_adapter"));
    let mut keyboard = example.stdin.take().expect("it is piped");
    keyboard.write_all(b"hello\n").expect("it reads");
    let mut screen = BufReader::new(example.stdout.take().expect("it is piped"));
    let mut line = String::new();
    screen.read_line(&mut line).expect("it prints");
    example.kill().expect("it still runs");
    example.wait().expect("it ends");
    assert_eq!(line, "agent: olleh\n");
}

#[test]
fn the_web_chat_example_serves_its_page() {
    let mut example = start(env!("CARGO_BIN_EXE_webchat_llm"));
    let screen = BufReader::new(example.stdout.take().expect("it is piped"));
    let lines: Vec<String> = screen.lines().take(2).map_while(Result::ok).collect();
    assert!(lines[0].starts_with("backend"), "{lines:?}");
    let address = lines[1]
        .rsplit("http://")
        .next()
        .expect("it has an address");
    let mut page = TcpStream::connect(address).expect("it listens");
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    page.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    page.read_to_string(&mut answer).expect("it answers");
    example.kill().expect("it still runs");
    example.wait().expect("it ends");
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("<chatbox-chat"),
        "{answer}"
    );
}
