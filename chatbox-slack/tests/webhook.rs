//! Requests to an address of ours, signed by a signer of another make.

use chatbox_connector_api::ErrorKind;
use chatbox_connector_api::secret::Secret;
use chatbox_fakes::slack::{Options, Post, Server, challenge, im_of, sign};
use chatbox_slack::{Heard, Refusal, Webhook};
use std::time::{SystemTime, UNIX_EPOCH};

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

fn webhook() -> Webhook {
    Webhook::new(&Secret::new(SECRET), "U0BOT", "T0TEAM").expect("a good secret")
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_secs()).expect("before the end")
}

fn read(post: &Post) -> Result<Heard, Refusal> {
    webhook().read(&[&post.signature], &[&post.timestamp], post.body.as_bytes())
}

#[test]
fn an_address_is_confirmed_only_when_the_question_is_signed() {
    let asked = challenge("3eZbrw1aB").to_string();
    let heard = read(&sign(SECRET, now(), &asked)).expect("signed");
    assert!(matches!(heard, Heard::Challenge(word) if word == "3eZbrw1aB"));
    let unsigned = webhook().read(&[], &[], asked.as_bytes());
    assert_eq!(unsigned.expect_err("unsigned"), Refusal::Unsigned);
    let long = challenge(&"x".repeat(2000)).to_string();
    assert_eq!(
        read(&sign(SECRET, now(), &long)).expect_err("long"),
        Refusal::Unreadable
    );
}

#[tokio::test]
async fn an_event_is_the_same_as_over_a_socket() {
    let server = Server::start(Options::default())
        .await
        .expect("a free port");
    let im = server.person("U0ADA", "ada");
    let ts = server.say(&im, "U0ADA", "hello");
    let post = server
        .post_of(SECRET, now(), &im, &ts)
        .expect("it was told");
    let Ok(Heard::Event(event)) = read(&post) else {
        panic!("no event");
    };
    assert_eq!(event.id.as_str(), format!("{}/{ts}", im_of("U0ADA")));
    let ours = server.say(&im, "U0BOT", "ours");
    let post = server
        .post_of(SECRET, now(), &im, &ours)
        .expect("it was told");
    assert!(matches!(read(&post), Ok(Heard::Nothing)));
    let mut elsewhere = Webhook::new(&Secret::new(SECRET), "U0BOT", "T0OTHER").expect("good");
    let post = server
        .post_of(SECRET, now(), &im, &ts)
        .expect("it was told");
    let heard = elsewhere.read(&[&post.signature], &[&post.timestamp], post.body.as_bytes());
    assert!(matches!(heard, Ok(Heard::Nothing)), "another workspace's");
}

#[test]
fn forged_altered_and_old_requests_are_refused() {
    let body = r#"{"type":"event_callback","team_id":"T0TEAM","event_id":"Ev1","event":{"type":"message"}}"#;
    let good = sign(SECRET, now(), body);
    assert!(read(&good).is_ok());
    let bad = |change: &dyn Fn(&mut Post)| {
        let mut post = good.clone();
        change(&mut post);
        read(&post).expect_err("refused")
    };
    assert_eq!(
        read(&sign("another apps secret", now(), body)).expect_err("forged"),
        Refusal::Unsigned
    );
    assert_eq!(bad(&|post| post.signature.clear()), Refusal::Unsigned);
    assert_eq!(
        bad(&|post| post.signature.make_ascii_uppercase()),
        Refusal::Unsigned
    );
    assert_eq!(
        bad(&|post| post.signature = post.signature.replace("v0=", "v1=")),
        Refusal::Unsigned
    );
    assert_eq!(bad(&|post| post.body.push(' ')), Refusal::Unsigned);
    assert_eq!(
        bad(&|post| post.timestamp = (now() + 1).to_string()),
        Refusal::Unsigned
    );
    for seconds in [now() - 301, now() + 302, 0, -5] {
        let stale = sign(SECRET, seconds, body);
        assert_eq!(
            read(&stale).expect_err("stale"),
            Refusal::Stale,
            "{seconds}"
        );
    }
    let signatures = [good.signature.as_str(), good.signature.as_str()];
    let two = webhook().read(&signatures, &[&good.timestamp], good.body.as_bytes());
    assert_eq!(two.expect_err("two"), Refusal::Unsigned);
    let not_text = webhook().read(&[&good.signature], &[&good.timestamp], &[0xFF, 0xFE]);
    assert_eq!(not_text.expect_err("no text"), Refusal::Unsigned);
    let large = webhook().read(&[&good.signature], &[&good.timestamp], &vec![b' '; 2 << 20]);
    assert_eq!(large.expect_err("large"), Refusal::TooLarge);
    for odd in [
        "",
        "no JSON",
        "[]",
        "{}",
        r#"{"type":"event_callback","event":7,"team_id":[]}"#,
    ] {
        assert_eq!(
            read(&sign(SECRET, now(), odd)).expect_err(odd),
            Refusal::Unreadable
        );
    }
}

#[test]
fn a_webhook_without_a_secret_is_refused_and_none_is_shown() {
    let error = Webhook::new(&Secret::new(" "), "U0BOT", "T0TEAM").expect_err("open to everybody");
    assert_eq!(error.kind(), &ErrorKind::Invalid);
    assert!(!format!("{:?}", webhook()).contains("8f74"));
    let codes = [
        Refusal::Unsigned,
        Refusal::Stale,
        Refusal::TooLarge,
        Refusal::Unreadable,
    ];
    let codes = codes.map(|it| (it.status(), it.code()));
    assert_eq!(
        codes,
        [
            (401, "unsigned"),
            (401, "stale"),
            (413, "too_large"),
            (400, "unreadable")
        ]
    );
}
