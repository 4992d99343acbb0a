//! The token turns up nowhere: not in an error, not in a debug print, not in what a server makes of it.

mod common;

use chatbox_connector_api::{AdapterError, ChannelAdapter, MediaSource, Verb};
use chatbox_fakes::telegram::Fault;
use common::{TOKEN, bot_with, config, out, say, server};
use std::error::Error;

fn whole(error: &AdapterError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("{error} {error:?}"));
        cause = error.source();
    }
    text
}

#[tokio::test]
async fn no_error_holds_the_token() {
    let server = server().await;
    let (bot, _) = bot_with(config(&server.base_url(), TOKEN));
    let echo = format!("Bad Request: you sent {TOKEN}");
    let faults = [
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::Hang,
        Fault::Garbage,
        Fault::Unauthorized,
        Fault::ServerError {
            status: 500,
            html: true,
        },
        Fault::Refuse {
            code: 400,
            description: echo,
        },
    ];
    let mut texts = vec![format!("{bot:?}")];
    for fault in faults {
        server.fault("*", fault.clone());
        texts.push(whole(&say(&bot, "42", "hi").await.expect_err("spoiled")));
        server.clear_faults();
        server.fault("*", fault.clone());
        texts.push(whole(&bot.probe().await.expect_err("spoiled")));
        server.clear_faults();
        server.fault("*", fault);
        texts.push(whole(&bot.fetch("x").await.err().expect("spoiled")));
        server.clear_faults();
    }
    let (lost, _) = bot_with(config("http://127.0.0.1:9", TOKEN));
    texts.push(whole(
        &lost
            .perform(&out("42", Verb::Typing))
            .await
            .expect_err("nobody"),
    ));
    texts.push(whole(&lost.open(None).await.err().expect("nobody")));
    for text in texts {
        assert!(!text.contains("canary"), "{text}");
    }
}
