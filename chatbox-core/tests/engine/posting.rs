//! What a platform posts: taken in as what an open connection yields, whatever its adapter does with it.

use crate::world::{Far, Invented, Script, World, alpha};
use async_trait::async_trait;
use chatbox_core::connector::{
    AdapterContext, AdapterFactory, Heard, Ingress, Manifest, Parts, Posted, Refusal, Result,
    Secrets, Settings, Unread,
};
use chatbox_core::event::{ChatKind, Content, Event, EventBody, Place, Sender};
use chatbox_core::id::{ConnectionId, Millis};
use chatbox_core::markup::Dialect;
use chatbox_core::store::MemoryStore;
use chatbox_core::{Answer, Connect, Error};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, sleep};

/// A platform that posts: each line of a body is something that ana says, named by itself.
#[derive(Debug)]
struct Posting(Invented);

#[async_trait]
impl AdapterFactory for Posting {
    fn manifest(&self) -> Manifest {
        self.0.manifest()
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        self.0.dialect()
    }

    async fn build(
        &self,
        context: AdapterContext,
        settings: Settings,
        secrets: Secrets,
    ) -> Result<Parts> {
        Ok(Parts {
            ingress: Some(Arc::new(Lines)),
            ..self.0.build(context, settings, secrets).await?
        })
    }
}

#[derive(Debug)]
struct Lines;

#[async_trait]
impl Ingress for Lines {
    async fn read(&self, posted: &Posted) -> std::result::Result<Heard, Refusal> {
        match posted.values("x-proof").as_slice() {
            ["good"] => {}
            _ => return Err(Refusal::new(Unread::Unsigned, "it has no proof")),
        }
        let body = std::str::from_utf8(&posted.body).expect("a text given here");
        match body {
            "crash" => panic!("the adapter crashes, as this test asks"),
            "hang" => std::future::pending().await,
            "who?" => return Ok(Heard::Challenge("me".to_owned())),
            _ => {}
        }
        Ok(Heard::Events {
            events: body.lines().map(said).collect(),
            shown: posted.values("x-shown") == ["yes"],
        })
    }
}

fn said(line: &str) -> Event {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let since = since.expect("after 1970").as_millis();
    Event {
        id: line.into(),
        chat: Place {
            handle: "ana".into(),
            kind: ChatKind::Dm,
            name: None,
        },
        sender: Sender {
            id: "ana".into(),
            name: None,
            is_bot: line.starts_with("beep"),
        },
        at: Millis(i64::try_from(since).expect("before the end")),
        body: EventBody::Message(Content::text(line)),
        addressed: true,
        late: false,
        group: None,
        raw: None,
    }
}

fn posted(headers: &[(&str, &str)], body: &str) -> Posted {
    let headers = headers.iter();
    let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned().into()));
    Posted::new(headers.collect(), body.to_owned().into())
}

fn good(body: &str) -> Posted {
    posted(&[("x-proof", "good")], body)
}

async fn connect(world: &World) -> (Invented, ConnectionId) {
    let alpha = alpha();
    let connect = Connect::new(Posting(alpha.clone()), "main");
    let id = world.chatbox.connect(connect).await.expect("there is room");
    sleep(Duration::from_secs(1)).await;
    (alpha, id)
}

#[tokio::test(start_paused = true)]
async fn what_is_posted_is_answered_and_once_however_often_it_comes() {
    let world = World::new(Script::echo()).await;
    let (alpha, id) = connect(&world).await;
    assert!(world.chatbox.takes_posts(&id));
    for _ in 0..3 {
        let answer = world.chatbox.posted(&id, &good("one\ntwo")).await;
        assert_eq!(answer.expect("it is stored"), Answer::Taken);
    }
    sleep(Duration::from_secs(5)).await;
    let texts: Vec<String> = alpha.sent().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts.join("\n"), "one\ntwo");
    let asked = world.chatbox.posted(&id, &good("who?")).await;
    assert_eq!(asked.expect("ours"), Answer::Challenge("me".to_owned()));
    let nothing = world.chatbox.posted(&id, &good("")).await;
    assert_eq!(nothing.expect("nothing for us"), Answer::Taken);
}

#[tokio::test(start_paused = true)]
async fn a_post_is_answered_after_the_commit_and_not_before() {
    let far = Arc::new(Far(MemoryStore::new()));
    let world = World::over(far, Script::echo()).await;
    let (_alpha, id) = connect(&world).await;
    sleep(Duration::from_secs(10)).await;
    let began = Instant::now();
    let answer = world.chatbox.posted(&id, &good("one")).await;
    assert_eq!(answer.expect("it is stored"), Answer::Taken);
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_proven_and_what_its_adapter_fails_on_is_not_taken() {
    let world = World::new(Script::echo()).await;
    let (alpha, id) = connect(&world).await;
    let reason = async |post: Posted| match world.chatbox.posted(&id, &post).await {
        Ok(Answer::Refused(refusal)) => refusal.reason,
        other => panic!("it is not refused: {other:?}"),
    };
    assert_eq!(reason(posted(&[], "one")).await, Unread::Unsigned);
    let twice = [("x-proof", "good"), ("x-proof", "good")];
    assert_eq!(reason(posted(&twice, "one")).await, Unread::Unsigned);
    assert_eq!(reason(good("crash")).await, Unread::Unavailable);
    let began = Instant::now();
    assert_eq!(reason(good("hang")).await, Unread::Unavailable);
    // The platform waits three seconds.
    assert!(began.elapsed() < Duration::from_secs(3));
    sleep(Duration::from_secs(5)).await;
    assert!(alpha.sent().is_empty());
    let went_on = world.chatbox.posted(&id, &good("one")).await;
    assert_eq!(went_on.expect("it is stored"), Answer::Taken);
}

#[tokio::test(start_paused = true)]
async fn who_may_not_talk_is_shown_nothing_and_not_told_to_come_again() {
    let world = World::new(Script::echo()).await;
    let (alpha, id) = connect(&world).await;
    let refused = world.chatbox.posted(&id, &good("beep")).await;
    assert_eq!(refused.expect("it is safe to forget"), Answer::Taken);
    let shown = posted(&[("x-proof", "good"), ("x-shown", "yes")], "beep again");
    let silence = world.chatbox.posted(&id, &shown).await;
    assert_eq!(silence.expect("it is safe to forget"), Answer::Silence);
    sleep(Duration::from_secs(5)).await;
    assert!(alpha.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_there_or_takes_no_posts_is_not_posted_to() {
    let world = World::new(Script::echo()).await;
    let without = world.connect(alpha()).await;
    let nobody = ConnectionId::new("con_nobody");
    for id in [&without.id, &nobody] {
        assert!(!world.chatbox.takes_posts(id));
        let answer = world.chatbox.posted(id, &good("one")).await;
        assert!(matches!(answer, Err(Error::NotRunning(_))), "{answer:?}");
    }
}
