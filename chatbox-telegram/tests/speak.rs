//! What we say, against a Bot API server.

mod common;

use chatbox_connector_api::event::Media;
use chatbox_connector_api::id::EventId;
use chatbox_connector_api::markup::{parse, split};
use chatbox_connector_api::{
    AdapterFactory, ChannelAdapter, ErrorKind, OutMessage, Scope, Verb, Verdict,
};
use chatbox_fakes::telegram::{Fault, FileKind, Mark, runs};
use chatbox_telegram::Telegram;
use common::{SOON, TOKEN, bot, bot_with, config, message, name, out, picture, say, server};
use std::time::{Duration, Instant};

#[tokio::test]
async fn text_arrives_as_meant() {
    let server = server().await;
    let said = server.say(-5, 42, "question");
    let reply = OutMessage {
        reply_to: Some(EventId::new(format!("-5/{}", said.message_id))),
        ..message("😀 **bold** and [a link](https://x.org/a_b)")
    };
    let receipt = bot(&server)
        .perform(&out("-5", Verb::Send(reply)))
        .await
        .expect("sent");
    let sent = &server.messages()[0];
    assert_eq!(name(&receipt).as_str(), format!("-5/{}", sent.message_id));
    assert_eq!(sent.text, "😀 bold and a link");
    let seen = runs(&sent.text, &sent.entities).expect("within the text");
    assert!(seen[1].text == "bold" && seen[1].marks.contains(&Mark::Bold));
    assert!(
        seen[3]
            .marks
            .contains(&Mark::Link("https://x.org/a_b".to_owned()))
    );
    assert_eq!(sent.reply_to, Some(said.message_id));
    assert!(sent.preview_off);
    assert_eq!(receipt.degraded, None);
}

#[tokio::test]
async fn a_reply_to_what_is_gone_is_still_said() {
    let server = server().await;
    let reply = OutMessage {
        reply_to: Some("42/99999".into()),
        ..message("hi")
    };
    bot(&server)
        .perform(&out("42", Verb::Send(reply)))
        .await
        .expect("sent");
    assert_eq!(server.messages()[0].reply_to, None);
}

#[tokio::test]
async fn long_texts_arrive_whole_in_parts() {
    let server = server().await;
    let bot = bot(&server);
    let text = "𝒹𝑜𝓃'𝓉 lose **this** one\n\n".repeat(800);
    let parts = split(&parse(&text), &*Telegram.dialect(), 4096);
    assert!(parts.len() > 3);
    for markup in parts {
        let part = OutMessage {
            markup,
            ..OutMessage::default()
        };
        bot.perform(&out("42", Verb::Send(part)))
            .await
            .expect("within the limit");
    }
    let sent = server.messages_in(42);
    assert!(sent.iter().all(|m| m.text.encode_utf16().count() <= 4096));
    let all: String = sent.iter().map(|m| m.text.as_str()).collect();
    let letters = |text: &str| {
        text.replace("**", "")
            .split_whitespace()
            .collect::<String>()
    };
    assert_eq!(letters(&all), letters(&text));
}

#[tokio::test]
async fn the_formatting_is_given_up_before_the_text_is() {
    let server = server().await;
    let refused = Fault::Refuse {
        code: 400,
        description: "Bad Request: can't parse entities: nonsense".to_owned(),
    };
    server.fault("sendMessage", refused);
    let receipt = say(&bot(&server), "42", "**bold** text")
        .await
        .expect("sent plainly");
    assert!(receipt.degraded.expect("told").contains("plain"));
    let sent = &server.messages()[0];
    assert_eq!((sent.text.as_str(), sent.entities.len()), ("bold text", 0));
    assert_eq!(
        server.calls_of("sendMessage").len(),
        2,
        "once, and once only"
    );
}

#[tokio::test]
async fn a_text_without_formatting_is_not_tried_twice() {
    let server = server().await;
    let refused = Fault::Refuse {
        code: 400,
        description: "Bad Request: can't parse entities".to_owned(),
    };
    server.fault("sendMessage", refused);
    let error = say(&bot(&server), "42", "text").await.expect_err("refused");
    assert_eq!(error.kind(), &ErrorKind::Invalid);
    assert_eq!(server.calls_of("sendMessage").len(), 1);
}

#[tokio::test]
async fn our_messages_change_and_go() {
    let server = server().await;
    let bot = bot(&server);
    let target = name(&say(&bot, "42", "first").await.expect("sent"));
    let edit = |text: &str| Verb::Edit {
        target: target.clone(),
        message: message(text),
    };
    bot.perform(&out("42", edit("**second**")))
        .await
        .expect("edited");
    assert_eq!(server.messages()[0].text, "second");
    assert!(server.messages()[0].preview_off);
    bot.perform(&out("42", edit("**second**")))
        .await
        .expect("the same again is no error");
    let react = Verb::React {
        target: target.clone(),
        emoji: vec!["👍".to_owned()],
    };
    bot.perform(&out("42", react)).await.expect("reacted");
    assert_eq!(server.reactions()[0].emoji, ["👍"]);
    let delete = || Verb::Delete {
        target: target.clone(),
    };
    bot.perform(&out("42", delete())).await.expect("deleted");
    assert!(server.messages_in(42).is_empty());
    let error = bot.perform(&out("42", delete())).await.expect_err("gone");
    assert_eq!(error.kind(), &ErrorKind::NotFound);
    let error = bot
        .perform(&out("42", edit("third")))
        .await
        .expect_err("gone");
    assert_eq!(error.kind(), &ErrorKind::NotFound);
}

#[tokio::test]
async fn a_caption_is_edited_as_one() {
    let server = server().await;
    let (bot, files) = bot_with(config(&server.base_url(), TOKEN));
    let mut photo = message("before");
    photo.attachments = vec![files.keep("a.png", "image/png", picture())];
    let target = name(
        &bot.perform(&out("42", Verb::Send(photo)))
            .await
            .expect("sent"),
    );
    let edit = Verb::Edit {
        target,
        message: message("**after**"),
    };
    bot.perform(&out("42", edit)).await.expect("edited");
    let sent = &server.messages()[0];
    assert_eq!((sent.text.as_str(), sent.entities.len()), ("after", 1));
}

#[tokio::test]
async fn signs_of_writing() {
    let server = server().await;
    server.say(42, 42, "hi");
    let bot = bot(&server);
    bot.perform(&out("42", Verb::Typing)).await.expect("shown");
    assert_eq!(server.actions(), [(42, "typing".to_owned())]);
    for text in ["gro", "grow**ing**"] {
        let draft = Verb::Draft {
            id: 7,
            markup: parse(text),
        };
        bot.perform(&out("42", draft)).await.expect("shown");
    }
    let drafts = server.drafts();
    assert_eq!(drafts.len(), 2);
    assert_eq!(
        (drafts[1].text.as_str(), drafts[1].draft_id),
        ("growing", 7)
    );
    let draft = Verb::Draft {
        id: 7,
        markup: parse("growing"),
    };
    bot.perform(&out("-5", draft))
        .await
        .expect("typing instead");
    assert_eq!(server.actions()[1], (-5, "typing".to_owned()));
}

#[tokio::test]
async fn buttons_are_answered() {
    let server = server().await;
    let bot = bot(&server);
    let sent = name(&say(&bot, "42", "sure?").await.expect("sent"));
    let number = sent
        .as_str()
        .split_once('/')
        .expect("a name")
        .1
        .parse()
        .expect("a number");
    let (_, query) = server.press(42, number, 42, "yes");
    let answer = Verb::Answer {
        token: query.clone(),
        text: "done".to_owned(),
    };
    bot.perform(&out("42", answer)).await.expect("answered");
    assert_eq!(server.callback_answers(), [(query, "done".to_owned())]);
    let late = Verb::Answer {
        token: "1".to_owned(),
        text: String::new(),
    };
    let error = bot
        .perform(&out("42", late))
        .await
        .expect_err("nobody waits");
    assert_eq!(error.kind(), &ErrorKind::NotFound);
}

#[tokio::test]
async fn a_limit_says_how_long_and_how_far() {
    let server = server().await;
    server.fault("sendMessage", Fault::TooManyRequests { retry_after: 7 });
    let started = Instant::now();
    let error = say(&bot(&server), "42", "hi").await.expect_err("too fast");
    assert_eq!(
        error.verdict(),
        Verdict::Retry(Some(Duration::from_secs(7)))
    );
    assert_eq!(error.scope(), Scope::Connection);
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "waiting is not ours"
    );
    assert_eq!(server.calls_of("sendMessage").len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_doubt_and_never_a_second_message() {
    for fault in [
        Fault::CutAfter,
        Fault::ServerError {
            status: 502,
            html: true,
        },
        Fault::ServerError {
            status: 504,
            html: false,
        },
        Fault::Hang,
        Fault::Garbage,
    ] {
        let server = server().await;
        server.fault("sendMessage", fault.clone());
        let started = Instant::now();
        let error = say(&bot(&server), "42", "hi").await.expect_err("no answer");
        assert_eq!(error.verdict(), Verdict::Unknown, "{fault:?}: {error}");
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{fault:?} is not slept over"
        );
        assert_eq!(server.calls_of("sendMessage").len(), 1, "{fault:?}");
        assert!(server.messages().len() <= 1);
    }
}

#[tokio::test]
async fn what_can_be_repeated_is_not_in_doubt() {
    let server = server().await;
    let bot = bot(&server);
    let target = name(&say(&bot, "42", "hi").await.expect("sent"));
    for fault in [
        Fault::CutAfter,
        Fault::ServerError {
            status: 502,
            html: false,
        },
    ] {
        server.fault("editMessageText", fault);
        let edit = Verb::Edit {
            target: target.clone(),
            message: message("new"),
        };
        let error = bot.perform(&out("42", edit)).await.expect_err("no answer");
        assert_eq!(error.verdict(), Verdict::Retry(None));
    }
}

#[tokio::test]
async fn nobody_there_is_certainly_not_sent() {
    let gone = {
        let server = server().await;
        server.base_url()
    };
    let (bot, _) = bot_with(config(&gone, TOKEN));
    let error = say(&bot, "42", "hi").await.expect_err("nobody there");
    assert_eq!(error.kind(), &ErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn refusals_keep_their_meaning() {
    let server = server().await;
    let cases = [
        (Fault::Blocked, Verdict::Never),
        (Fault::Unauthorized, Verdict::Reauthenticate),
        (
            Fault::Migrate {
                to: -1_000_000_000_077,
            },
            Verdict::Follow("-1000000000077".into()),
        ),
        (
            Fault::Refuse {
                code: 400,
                description: "Bad Request: chat not found".to_owned(),
            },
            Verdict::Never,
        ),
    ];
    for (fault, verdict) in cases {
        server.fault("sendMessage", fault.clone());
        let error = say(&bot(&server), "-5", "hi").await.expect_err("refused");
        assert_eq!(error.verdict(), verdict, "{fault:?}");
    }
    assert!(server.messages().is_empty());
}

#[tokio::test]
async fn files_arrive_byte_for_byte() {
    let server = server().await;
    let (bot, files) = bot_with(config(&server.base_url(), TOKEN));
    for (file, mime, kind) in [
        ("a.png", "image/png", FileKind::Photo),
        ("b.pdf", "application/pdf", FileKind::Document),
        ("c.mp3", "audio/mpeg", FileKind::Audio),
        ("d.mp4", "video/mp4", FileKind::Video),
    ] {
        let mut with_file = message("a **caption**");
        with_file.attachments = vec![files.keep(file, mime, picture())];
        bot.perform(&out("42", Verb::Send(with_file)))
            .await
            .expect("sent");
        let sent = server.messages().pop().expect("a message");
        assert_eq!(sent.media, Some(kind));
        assert_eq!((sent.text.as_str(), sent.entities.len()), ("a caption", 1));
        let bytes = server
            .file(&sent.file_id.expect("a file"))
            .expect("its bytes");
        assert_eq!(bytes, picture());
    }
}

#[tokio::test]
async fn an_album_is_one_request() {
    let server = server().await;
    let (bot, files) = bot_with(config(&server.base_url(), TOKEN));
    let mut album = message("**three**");
    album.attachments = ["a", "b", "c"]
        .map(|name| files.keep(name, "image/png", picture()))
        .to_vec();
    let receipt = bot
        .perform(&out("-5", Verb::Send(album)))
        .await
        .expect("sent");
    let sent = server.messages_in(-5);
    assert_eq!(sent.len(), 3);
    assert_eq!(
        name(&receipt).as_str(),
        format!("-5/{}", sent[0].message_id)
    );
    assert!(
        sent.iter()
            .all(|m| m.media_group_id.is_some() && m.media_group_id == sent[0].media_group_id)
    );
    assert_eq!(
        (sent[0].text.as_str(), sent[1].text.as_str()),
        ("three", "")
    );
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn a_file_that_breaks_off_is_not_sent_and_not_in_doubt() {
    let server = server().await;
    let (bot, files) = bot_with(config(&server.base_url(), TOKEN));
    let mut broken = message("");
    broken.attachments = vec![files.keep("broken", "application/pdf", picture())];
    let error = bot
        .perform(&out("42", Verb::Send(broken)))
        .await
        .expect_err("half a file");
    assert_eq!(error.kind(), &ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("the disk is gone"));
    assert!(server.messages().is_empty());

    let mut missing = message("");
    let mut file = files.keep("x", "application/pdf", picture());
    file.media = Media::Ready {
        id: "elsewhere".into(),
    };
    missing.attachments = vec![file];
    let error = bot
        .perform(&out("42", Verb::Send(missing)))
        .await
        .expect_err("no file");
    assert_eq!(error.kind(), &ErrorKind::Invalid);
}

#[tokio::test]
async fn a_slow_answer_is_still_an_answer() {
    let server = server().await;
    server.fault("sendMessage", Fault::SlowAnswer { ms: 300 });
    say(&bot(&server), "42", "hi").await.expect("sent");
    assert!(server.until_messages(42, 1, SOON).await.is_some());
}
