//! What is done on Slack, and what an operator is told when it cannot be done.

mod house;

use chatbox_connector_api::event::ChatKind;
use chatbox_connector_api::id::{DeliveryId, EventId, ExternalId};
use chatbox_connector_api::markup::parse;
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{
    ChannelAdapter, Egress, ErrorKind, History, MediaSource, OutMessage, Outbound, Reconcile, Verb,
    Verdict,
};
use chatbox_fakes::slack::{Fault, On, Options, Say, Server, im_of, plain};
use chatbox_slack::Config;
use futures_util::TryStreamExt;
use house::{ADA, House, ROOM, adapter, file, house, send, text};
use std::time::Duration;

async fn without(scope: &str) -> House {
    let mut options = Options::default();
    options.scopes.retain(|it| it != scope);
    house(options).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_proves_both_tokens_and_names_what_is_missing() {
    let good = house(Options::default()).await;
    let identity = good.adapter.probe().await.expect("all is well");
    assert_eq!(identity.id, ExternalId::new("U0BOT"));
    assert_eq!(identity.notes.len(), 1, "{:?}", identity.notes);
    assert_eq!(good.server.sockets_so_far().1, 0, "nothing was connected");

    let mute = without("chat:write")
        .await
        .adapter
        .probe()
        .await
        .expect_err("mute");
    assert_eq!(mute.kind(), &ErrorKind::Unauthorized);
    for word in ["chat:write", "Bot Token Scopes", "Reinstall to Workspace"] {
        assert!(mute.to_string().contains(word), "{mute}");
    }
    let deaf = without("groups:history")
        .await
        .adapter
        .probe()
        .await
        .expect("it works without");
    assert!(
        deaf.notes
            .iter()
            .any(|it| it.contains("add groups:history")),
        "{:?}",
        deaf.notes
    );

    let options = Options {
        socket_mode: false,
        ..Options::default()
    };
    let off = house(options).await.adapter.probe().await.expect_err("off");
    assert_eq!(off.kind(), &ErrorKind::Unauthorized);
    assert!(off.to_string().contains("Enable Socket Mode"), "{off}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_wrong_kind_or_workspace_is_said_so() {
    let server = Server::start(Options::default())
        .await
        .expect("a free port");
    let Options {
        token, app_token, ..
    } = Options::default();
    for (bot, app, word) in [
        (
            "xoxb-other-canary",
            app_token.as_str(),
            "Bot User OAuth Token",
        ),
        (token.as_str(), "xapp-other-canary", "App-Level Tokens"),
    ] {
        let error = adapter(&server, bot, app, |_| {})
            .probe()
            .await
            .expect_err(word);
        assert_eq!(error.kind(), &ErrorKind::Unauthorized);
        assert!(error.to_string().contains(word), "{error}");
        assert!(
            !format!("{error} {error:?}").contains("canary"),
            "{error:?}"
        );
    }
    let elsewhere = adapter(&server, &token, &app_token, |config| {
        config.team = Some("T0OTHER".to_owned());
    });
    for error in [
        elsewhere.probe().await.expect_err("elsewhere"),
        elsewhere.open(None).await.err().expect("elsewhere"),
    ] {
        assert_eq!(error.kind(), &ErrorKind::Unauthorized);
        assert!(
            error.to_string().contains("T0TEAM and not to T0OTHER"),
            "{error}"
        );
    }
    let swapped = Config::new(
        None,
        &Secret::new(&app_token),
        &Secret::new(&token),
        Egress::Public,
    );
    assert!(
        swapped
            .expect_err("swapped")
            .to_string()
            .contains("app-level token, not a Slack bot token")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_markdown_block_is_refused_the_same_is_said_without() {
    let house = house(Options {
        markdown_blocks: false,
        ..Options::default()
    })
    .await;
    let receipt = house.say(ROOM, "**bold** and `code` < 3").await;
    assert!(
        receipt
            .degraded
            .expect("a note")
            .contains("without Slack's markdown")
    );
    let said = house.server.said();
    assert_eq!(said.len(), 1);
    assert_eq!(
        (said[0].text.as_str(), said[0].blocks.len()),
        ("*bold* and `code` &lt; 3", 0)
    );
    assert_eq!(said[0].unfurl, (Some(false), Some(false)));
    let target = receipt.message.expect("its name");
    let change = Outbound {
        verb: Verb::Edit {
            target,
            message: OutMessage {
                markup: parse("*soft*"),
                ..OutMessage::default()
            },
        },
        ..send(ROOM, "")
    };
    house.adapter.perform(&change).await.expect("it is changed");
    assert_eq!(house.server.said()[0].text, "_soft_");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_goes_into_the_thread_of_what_it_answers() {
    let house = house(Options::default()).await;
    let root = house.server.say(ROOM, ADA, "a question");
    let reply = house.server.say_with(Say {
        channel: ROOM.to_owned(),
        from: ADA.to_owned(),
        text: "more of it".to_owned(),
        thread: Some(root.clone()),
        ..Say::default()
    });
    let answer = |chat: String, to: String| {
        let mut out = send(&chat, "an answer");
        if let Verb::Send(message) = &mut out.verb {
            message.reply_to = Some(EventId::new(to));
        }
        out
    };
    let thread = format!("{ROOM}/{root}");
    for (out, degraded) in [
        (answer(ROOM.to_owned(), format!("{ROOM}/{root}")), false),
        (answer(ROOM.to_owned(), format!("{ROOM}/{reply}")), false),
        (answer(thread.clone(), format!("{ROOM}/{reply}")), false),
        (send(&thread, "by the way"), false),
    ] {
        let receipt = house.adapter.perform(&out).await.expect("said");
        assert_eq!(receipt.degraded.is_some(), degraded);
        let said = house.server.said().pop().expect("a message");
        assert_eq!(said.thread.as_ref(), Some(&root));
    }
    for gone in ["C0OTHER/1764500000.000100", "C0ROOM/1764500000.000100"] {
        let out = answer(ROOM.to_owned(), gone.to_owned());
        let receipt = house.adapter.perform(&out).await.expect("said");
        assert!(receipt.degraded.is_some(), "{gone}");
        assert_eq!(house.server.said().pop().and_then(|it| it.thread), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_is_answered_in_the_thread() {
    let house = house(Options::default()).await;
    let mut ear = house.listen(None).await;
    let root = house.server.say(ROOM, ADA, "a question");
    ear.hear().await;
    house.server.say_with(Say {
        channel: ROOM.to_owned(),
        from: ADA.to_owned(),
        text: "you there".to_owned(),
        mention: true,
        thread: Some(root.clone()),
        ..Say::default()
    });
    let event = ear.hear().await;
    assert_eq!(
        (event.chat.kind, event.addressed, text(&event).as_str()),
        (ChatKind::Thread, true, "you there")
    );
    house.say(event.chat.handle.as_str(), "here").await;
    assert_eq!(house.server.said()[0].thread, Some(root));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_out_and_come_in_and_a_missing_scope_is_named() {
    let house = house(Options::default()).await;
    let mut out = send(&im_of(ADA), "look");
    if let Verb::Send(message) = &mut out.verb {
        message.attachments = vec![file()];
    }
    house.adapter.perform(&out).await.expect("sent");
    let said = house.server.said();
    assert_eq!(
        (said[0].text.as_str(), said[0].files[0].name.as_str()),
        ("look", "a.txt")
    );
    assert_eq!(&said[0].files[0].bytes[..], b"bytes");

    let url = |house: &House, id: &str| {
        format!(
            "{}/files-pri/T0TEAM-{id}/download/a.txt",
            house.server.base_url()
        )
    };
    let source = url(&house, &said[0].files[0].id);
    let bytes: Vec<bytes::Bytes> = house
        .adapter
        .fetch(&source)
        .await
        .expect("it comes")
        .try_collect()
        .await
        .expect("whole");
    assert_eq!(bytes.concat(), b"bytes");
    let foreign = house
        .adapter
        .fetch("https://example.org/a")
        .await
        .err()
        .expect("refused");
    assert_eq!(
        foreign.kind(),
        &ErrorKind::Invalid,
        "the token goes to Slack alone"
    );

    let blind = without("files:read").await;
    let refused = blind
        .adapter
        .fetch(&url(&blind, "F1"))
        .await
        .err()
        .expect("refused");
    assert_eq!(refused.kind(), &ErrorKind::Forbidden);
    assert!(refused.to_string().contains("add files:read"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_fails_before_its_last_step_was_seen_by_nobody() {
    let house = house(Options::default()).await;
    let mut out = send(&im_of(ADA), "");
    if let Verb::Send(message) = &mut out.verb {
        message.attachments = vec![file()];
    }
    house.server.fault(On::Uploads, Fault::ServerError(502));
    let error = house.adapter.perform(&out).await.expect_err("failed");
    assert_eq!(error.verdict(), Verdict::Retry(None), "certainly not sent");
    house.server.fault(On::Messages, Fault::CutAfter);
    let error = house.adapter.perform(&out).await.expect_err("in doubt");
    assert_eq!(error.verdict(), Verdict::Unknown);
    let asked = house
        .adapter
        .look_up(&out)
        .await
        .expect_err("Slack cannot be asked");
    assert_eq!(asked.kind(), &ErrorKind::Ambiguous);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_in_doubt_is_found_or_certainly_not_there() {
    let house = house(Options::default()).await;
    house.server.fault(On::Messages, Fault::CutAfter);
    let out = send(&im_of(ADA), "in doubt");
    let error = house.adapter.perform(&out).await.expect_err("cut");
    assert_eq!(error.verdict(), Verdict::Unknown);
    let found = house
        .adapter
        .look_up(&out)
        .await
        .expect("asked")
        .expect("it is there");
    let ts = house.server.said()[0].ts.clone();
    assert_eq!(
        found.message,
        Some(EventId::new(format!("{}/{ts}", im_of(ADA))))
    );
    // In a thread too long for one page, the newest are on the last.
    let root = house.server.say(ROOM, ADA, "a long thread begins");
    for n in 0..250 {
        house.server.say_with(Say {
            channel: ROOM.to_owned(),
            from: ADA.to_owned(),
            text: format!("reply {n}"),
            thread: Some(root.clone()),
            ..Say::default()
        });
    }
    let out = send(&format!("{ROOM}/{root}"), "at the end");
    house.adapter.perform(&out).await.expect("said");
    let found = house.adapter.look_up(&out).await.expect("asked");
    assert!(found.is_some_and(|it| it.message.is_some()));
    // In a conversation in which much was said since, it is on a later page.
    for n in 0..250 {
        house
            .server
            .say(&im_of(ADA), ADA, &format!("meanwhile {n}"));
    }
    let out = send(&im_of(ADA), "in doubt");
    let found = house.adapter.look_up(&out).await.expect("asked");
    assert!(found.is_some_and(|it| it.message.is_some()));
    let other = send(&im_of(ADA), "never sent");
    assert_eq!(house.adapter.look_up(&other).await.expect("asked"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_handed_on_with_its_wait() {
    let house = house(Options::default()).await;
    house
        .server
        .fault(On::Messages, Fault::RateLimited { seconds: 30 });
    let error = house
        .try_to_say(ROOM, "too fast")
        .await
        .expect_err("limited");
    assert_eq!(
        error.verdict(),
        Verdict::Retry(Some(Duration::from_secs(30)))
    );
    assert_eq!(
        house.server.said().len(),
        0,
        "nothing tried again by itself"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_answered_where_it_was_given_and_to_who_gave_it() {
    let house = house(Options::default()).await;
    let mut ear = house.listen(None).await;
    house.server.command(ROOM, ADA, "/ask", "why < because");
    let event = ear.hear().await;
    let chatbox_connector_api::event::EventBody::Action(action) = event.body else {
        panic!("{:?}", event.body);
    };
    assert_eq!(
        (action.name.as_str(), action.argument.as_str()),
        ("ask", "why < because")
    );
    assert_eq!(event.sender.name.as_deref(), Some("ada"));
    let answer = |token: &str, text: &str| Outbound {
        id: None,
        chat: ROOM.into(),
        verb: Verb::Answer {
            token: token.to_owned(),
            text: text.to_owned(),
        },
    };
    let token = action.token.expect("a token");
    house
        .adapter
        .perform(&answer(&token, ""))
        .await
        .expect("nothing to say");
    assert_eq!(house.server.pressed()[0].answers.len(), 0);
    house
        .adapter
        .perform(&answer(&token, "a < b"))
        .await
        .expect("said");
    let answers = &house.server.pressed()[0].answers;
    assert_eq!(answers[0]["text"], "a &lt; b");
    assert_eq!(answers[0]["response_type"], "ephemeral");
    let foreign = house
        .adapter
        .perform(&answer("https://example.org/", "x"))
        .await
        .expect_err("refused");
    assert_eq!(foreign.kind(), &ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_are_set_and_what_is_so_already_is_so() {
    let house = house(Options::default()).await;
    let ts = house.server.say(ROOM, ADA, "a message");
    house.server.react(ROOM, &ts, "U0BOT", "eyes", true);
    let react = |emoji: &[&str]| Outbound {
        verb: Verb::React {
            target: EventId::new(format!("{ROOM}/{ts}")),
            emoji: emoji.iter().map(|it| (*it).to_owned()).collect(),
        },
        ..send(ROOM, "")
    };
    house
        .adapter
        .perform(&react(&["👍🏽", ":parrot:"]))
        .await
        .expect("set");
    let standing = |house: &House| {
        house.server.messages()[0]
            .reactions
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(standing(&house), ["+1::skin-tone-4", "parrot"]);
    house
        .server
        .fault(On::Messages, Fault::Refuse("already_reacted"));
    house
        .adapter
        .perform(&react(&["👍🏽", "🎉", ":parrot:"]))
        .await
        .expect("it is so already");
    let odd = house
        .adapter
        .perform(&react(&["not an emoji"]))
        .await
        .expect_err("no name");
    assert_eq!(odd.kind(), &ErrorKind::Invalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chats_past_is_read_after_a_message_and_without_our_own() {
    let house = house(Options::default()).await;
    let first = house.server.say(ROOM, ADA, "first");
    house.say(ROOM, "ours").await;
    house.server.say(ROOM, ADA, "second");
    let aside = |text: &str| Say {
        channel: ROOM.to_owned(),
        from: ADA.to_owned(),
        text: text.to_owned(),
        thread: Some(first.clone()),
        ..Say::default()
    };
    house.server.say_with(aside("aside"));
    let after = EventId::new(format!("{ROOM}/{first}"));
    let texts = async |chat: &str, after: Option<&EventId>| -> Vec<String> {
        let events = house
            .adapter
            .since(&chat.into(), after)
            .await
            .expect("history");
        assert!(events.iter().all(|it| it.late));
        events.iter().map(text).collect()
    };
    assert_eq!(texts(ROOM, None).await, ["first", "second"]);
    assert_eq!(texts(ROOM, Some(&after)).await, ["second"]);
    assert_eq!(texts(&format!("{ROOM}/{first}"), None).await, ["aside"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_read_of_markdown_is_what_was_meant() {
    let house = house(Options::default()).await;
    house
        .say(
            ROOM,
            "# Title\n\n**a** <!channel> & `<b>`\n\n```\n<@U1>\n```",
        )
        .await;
    let said = &house.server.said()[0];
    assert_eq!(
        plain(&said.text, &said.blocks),
        "Title\na <!channel> & <b>\n<\u{200B}@U1>"
    );
    assert!(!plain(&said.text, &[]).contains("[calls"), "{}", said.text);
    let block = said.blocks[0].to_string();
    assert!(!block.contains("<@") && !block.contains("<!"), "{block}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_has_certainly_not_heard() {
    let house = house(Options::default()).await;
    house.server.stop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let error = house
        .try_to_say(ROOM, "anybody?")
        .await
        .expect_err("nobody");
    assert_eq!(error.verdict(), Verdict::Retry(None));
    assert_eq!(
        house.adapter.open(None).await.err().expect("nobody").kind(),
        &ErrorKind::Unavailable
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_without_blocks_takes_the_old_ones_away() {
    let house = house(Options::default()).await;
    let target = house.say(ROOM, "before").await.message.expect("its name");
    house
        .server
        .fault(On::Messages, Fault::Refuse("invalid_blocks"));
    let message = OutMessage {
        markup: parse("after"),
        ..OutMessage::default()
    };
    let change = Outbound {
        verb: Verb::Edit { target, message },
        ..send(ROOM, "")
    };
    house.adapter.perform(&change).await.expect("changed");
    let said = &house.server.said()[0];
    assert_eq!(plain(&said.text, &said.blocks), "after");
}

/// A workspace allows some fifty changes a minute for all its messages: growing takes no more than its share of them, and
/// the last change of each is never kept from it.
#[tokio::test(flavor = "multi_thread")]
async fn messages_that_grow_share_what_is_allowed_and_leave_some_of_it() {
    let house = house(Options::default()).await;
    let target = house.say(ROOM, "a").await.message.expect("its name");
    let change = |id: Option<DeliveryId>, text: &str| Outbound {
        id,
        chat: ROOM.into(),
        verb: Verb::Edit {
            target: target.clone(),
            message: OutMessage {
                markup: parse(text),
                ..OutMessage::default()
            },
        },
    };
    let perform = async |out: Outbound| house.adapter.perform(&out).await;
    perform(change(None, "a b")).await.expect("it may grow");
    let later = perform(change(None, "a b c")).await.expect("later");
    assert!(later.degraded.is_some_and(|why| why.contains("later")));
    let whole = perform(change(Some(DeliveryId(8)), "a b c d")).await;
    whole.expect("what is whole is said at once");
    let said = &house.server.said()[0];
    assert_eq!(
        (plain(&said.text, &said.blocks).as_str(), said.edits),
        ("a b c d", 2)
    );
}
