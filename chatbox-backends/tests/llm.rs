//! Language models over their three wires, against a server that is scripted per request.
#![cfg(feature = "llm")]

mod house;

use chatbox_backends::{Llm, LlmConfig, Provider};
use chatbox_core::backend::{BackendError, CognitiveBackend, ReplySink, Turn, TurnOutcome};
use chatbox_core::event::Content;
use chatbox_core::secret::Secret;
use chatbox_fakes::model::{ModelFault, Options, Reply, Script, Server};
use house::{Files, SOON, answered, file, said, turn, until_shown};
use std::sync::Arc;
use std::time::{Duration, Instant};

const WIRES: [Provider; 3] = [Provider::OpenAi, Provider::Anthropic, Provider::Ollama];
const KEY: &str = "sk-hunter2";

async fn server(key: Option<&str>) -> Server {
    let key = key.map(str::to_owned);
    Server::start(Options {
        key,
        ..Options::default()
    })
    .await
    .expect("a free port of this machine")
}

fn config(provider: Provider, server: &Server) -> LlmConfig {
    let base = match provider {
        Provider::Ollama => server.base_url(),
        Provider::OpenAi | Provider::Anthropic => format!("{}/v1", server.base_url()),
    };
    LlmConfig {
        api_key: Secret::new(KEY),
        ..LlmConfig::new(provider, "fake-1", base)
    }
}

fn llm(provider: Provider, server: &Server) -> Llm {
    Llm::new(config(provider, server)).expect("the settings are good")
}

async fn ask(llm: &Llm, turn: Turn) -> Result<TurnOutcome, BackendError> {
    let asked = tokio::time::timeout(SOON, llm.turn(turn, ReplySink::nowhere())).await;
    asked.expect("the backend answers in time")
}

fn text(outcome: &TurnOutcome) -> &str {
    let [content] = &outcome.replies[..] else {
        panic!("one reply, not {}", outcome.replies.len())
    };
    &content.text
}

#[tokio::test]
async fn an_answer_comes_whole() {
    let server = server(Some(KEY)).await;
    for wire in WIRES {
        server.script(Script::say("one  two\nthree äöü 日本"));
        let outcome = ask(&llm(wire, &server), turn(&["hi"]))
            .await
            .expect("it answers");
        assert_eq!(text(&outcome), "one  two\nthree äöü 日本", "{wire}");
        assert!(outcome.tokens > 0, "{wire}");
    }
}

#[tokio::test]
async fn the_first_token_is_shown_before_the_second_exists() {
    let server = server(None).await;
    for wire in WIRES {
        server.script(Script {
            hold_each: true,
            ..Script::say("one two three").holding_after(1)
        });
        let (sink, mut shown) = ReplySink::channel();
        let llm = llm(wire, &server);
        let running = tokio::spawn(async move { llm.turn(turn(&["hi"]), sink).await });

        until_shown(&mut shown, "one ").await;
        let held = server
            .until_held(SOON)
            .await
            .expect("the second token waits");
        assert_eq!(held.tokens_sent, 1, "{wire}");
        server.release(1);
        until_shown(&mut shown, "one two ").await;
        server.release(1);
        let outcome = running.await.expect("no panic").expect("it answers");
        assert_eq!(text(&outcome), "one two three", "{wire}");
    }
}

#[tokio::test]
async fn a_slow_first_token_is_waited_for() {
    let server = server(None).await;
    for wire in WIRES {
        server.script(Script {
            first_ms: 600,
            ..Script::say("late")
        });
        let outcome = ask(&llm(wire, &server), turn(&["hi"]))
            .await
            .expect("it answers");
        assert_eq!(text(&outcome), "late", "{wire}");
    }
}

#[tokio::test]
async fn the_chat_and_the_settings_are_on_the_wire() {
    let server = server(None).await;
    for wire in WIRES {
        let config = LlmConfig {
            model: "alpha-max".to_owned(),
            system_prompt: Some("Be brief.".to_owned()),
            max_response_tokens: 77,
            ..config(wire, &server)
        };
        let mut turn = turn(&["and you?"]);
        turn.context = vec![said(1, Content::text("hi")), answered(2, "hello")];
        ask(&Llm::new(config).expect("the settings are good"), turn)
            .await
            .expect("it answers");

        let request = server.requests().pop().expect("it was asked");
        let told: Vec<_> = request
            .messages
            .iter()
            .map(|turn| (turn.role.as_str(), turn.text.as_str()))
            .collect();
        assert_eq!(
            told,
            [("user", "hi"), ("assistant", "hello"), ("user", "and you?")],
            "{wire}"
        );
        assert_eq!(
            (request.system.as_str(), request.max_tokens),
            ("Be brief.", Some(77)),
            "{wire}"
        );
        assert!(request.stream, "{wire}");
        if wire != Provider::Anthropic {
            assert_eq!(request.model, "alpha-max", "{wire}");
        }
    }
}

#[tokio::test]
async fn new_pictures_are_on_the_wire() {
    let server = server(None).await;
    let png: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let files = Files(
        [
            ("cat".into(), png.clone()),
            ("huge".into(), vec![0; 6 << 20]),
        ]
        .into(),
    );
    let files: Arc<Files> = files.into();
    for wire in WIRES {
        let mut turn = turn(&[]);
        let attachments = ["cat", "huge", "gone"]
            .map(|id| file(id, "image/png"))
            .to_vec();
        turn.new = vec![said(
            1,
            Content {
                attachments,
                ..Content::text("look")
            },
        )];
        turn.blobs = Some(files.clone());
        ask(&llm(wire, &server), turn).await.expect("it answers");

        let request = server.requests().pop().expect("it was asked");
        let message = request.messages.last().expect("a message");
        for told in [
            "look",
            "(file: cat.png, image/png)",
            "(file: huge.png, image/png)",
        ] {
            assert!(message.text.contains(told), "{wire}: {}", message.text);
        }
        let [image] = &message.images[..] else {
            panic!("{wire}: {} pictures", message.images.len())
        };
        assert_eq!(image.size, png.len(), "{wire}");
    }
}

#[tokio::test]
async fn half_an_answer_is_no_answer() {
    let server = server(None).await;
    let faults = [
        ModelFault::Cut { after: 2 },
        ModelFault::Truncate { after: 2 },
        ModelFault::Error { after: 2 },
        ModelFault::WrongJson { after: 2 },
        ModelFault::Cut { after: 0 },
        ModelFault::WrongJson { after: 0 },
        ModelFault::WrongShape,
    ];
    for wire in WIRES {
        for fault in &faults {
            server.script(Script {
                reply: Reply::Text("one two three four".to_owned()),
                ..Script::failing(fault.clone())
            });
            let error = ask(&llm(wire, &server), turn(&["hi"]))
                .await
                .expect_err("it is not whole");
            assert!(
                matches!(error, BackendError::Unavailable { .. }),
                "{wire} {fault:?}: {error:?}"
            );
            let host = server.addr().to_string();
            assert!(
                error.to_string().contains(&host),
                "{wire} {fault:?}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn a_status_says_whether_it_can_work_later() {
    let server = server(None).await;
    for wire in WIRES {
        for (status, refused) in [
            (400, true),
            (401, true),
            (403, true),
            (404, true),
            (429, false),
            (500, false),
            (503, false),
            (529, false),
        ] {
            for html in [false, true] {
                let before = server.requests().len();
                server.script(Script::failing(ModelFault::Status {
                    status,
                    retry_after: Some(7),
                    html,
                }));
                let error = ask(&llm(wire, &server), turn(&["hi"]))
                    .await
                    .expect_err("it fails");
                match error {
                    BackendError::Refused(_) => assert!(refused, "{wire} {status}: {error:?}"),
                    BackendError::Unavailable { retry_after, .. } => {
                        assert!(!refused, "{wire} {status}");
                        assert_eq!(retry_after, Some(Duration::from_secs(7)), "{wire} {status}");
                    }
                    other => panic!("{wire} {status}: {other:?}"),
                }
                assert_eq!(
                    server.requests().len(),
                    before + 1,
                    "{wire} {status} was tried again"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_key_is_told_without_the_key() {
    let server = server(Some("another")).await;
    for wire in [Provider::OpenAi, Provider::Anthropic] {
        let llm = llm(wire, &server);
        let error = ask(&llm, turn(&["hi"]))
            .await
            .expect_err("the key is wrong");
        assert!(
            matches!(&error, BackendError::Refused(text) if text.contains("api_key_file")),
            "{error:?}"
        );
        assert!(!format!("{error:?} {llm:?} {:?}", config(wire, &server)).contains("hunter2"));
    }
}

#[tokio::test]
async fn without_a_key_no_header_is_sent() {
    let server = server(None).await;
    let config = LlmConfig {
        api_key: Secret::default(),
        ..config(Provider::OpenAi, &server)
    };
    ask(
        &Llm::new(config).expect("the settings are good"),
        turn(&["hi"]),
    )
    .await
    .expect("it answers");
    let request = server.requests().pop().expect("it was asked");
    assert!(
        !request.headers.iter().any(|name| name == "authorization"),
        "{:?}",
        request.headers
    );
}

#[tokio::test]
async fn nothing_is_said_by_saying_so() {
    let server = server(None).await;
    for wire in WIRES {
        server.script(Script {
            reply: Reply::Empty,
            ..Script::default()
        });
        let error = ask(&llm(wire, &server), turn(&["hi"]))
            .await
            .expect_err("nothing was said");
        assert!(
            matches!(&error, BackendError::Refused(text) if text == "the model answered nothing"),
            "{wire}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_cancelled_turn_ends_at_once_and_lets_go() {
    let server = server(None).await;
    for wire in WIRES {
        for script in [
            Script::failing(ModelFault::Never),
            Script::say("one two").holding_after(1),
        ] {
            let before = server.requests().len();
            server.script(script);
            let (llm, turn) = (llm(wire, &server), turn(&["hi"]));
            let cancelled = turn.cancelled.clone();
            let running = tokio::spawn(async move { llm.turn(turn, ReplySink::nowhere()).await });
            server
                .until(SOON, |requests| requests.get(before).map(|_| ()))
                .await
                .expect("it was asked");
            let start = Instant::now();
            cancelled.cancel();
            let error = running
                .await
                .expect("no panic")
                .expect_err("it was cancelled");
            assert!(
                matches!(error, BackendError::Cancelled),
                "{wire}: {error:?}"
            );
            assert!(start.elapsed() < Duration::from_secs(1), "{wire}");
        }
        let gone = server
            .until(SOON, |requests| requests.last()?.abandoned.then_some(()))
            .await;
        assert!(gone.is_some(), "{wire}: the connection is still open");
    }
}

#[tokio::test]
async fn a_turn_ends_at_its_time() {
    let server = server(None).await;
    for wire in WIRES {
        for script in [
            Script::failing(ModelFault::Never),
            Script::say("one two").holding_after(1),
        ] {
            server.script(script);
            let timeout = Duration::from_millis(300);
            let llm = Llm::new(LlmConfig {
                timeout,
                ..config(wire, &server)
            })
            .expect("the settings are good");
            let error = ask(&llm, turn(&["hi"]))
                .await
                .expect_err("it does not end by itself");
            assert!(
                matches!(error, BackendError::TimedOut(after) if after == timeout),
                "{wire}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_server_that_is_gone_may_come_back() {
    let server = server(None).await;
    server.stop();
    for wire in WIRES {
        let error = ask(&llm(wire, &server), turn(&["hi"]))
            .await
            .expect_err("nobody is there");
        assert!(
            matches!(error, BackendError::Unavailable { .. }),
            "{wire}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_secure_address_can_be_prepared() {
    let config = LlmConfig::new(Provider::OpenAi, "m", "https://127.0.0.1:1/v1");
    let error = ask(
        &Llm::new(config).expect("certificates are found"),
        turn(&["hi"]),
    )
    .await
    .expect_err("nobody is there");
    assert!(
        matches!(error, BackendError::Unavailable { .. }),
        "{error:?}"
    );
}
