//! Resources: read and watched under their addresses, on both wires.
#![expect(deprecated, reason = "what an older client asks for is asked for here")]

use crate::house::{Agent, House, OLDER, Puppet, newer};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use rmcp::model::{
    ReadResourceRequestParams, ResourceContents, ResourceUpdatedNotificationParam,
    ServerNotification, SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams,
};
use rmcp::service::NotificationContext;
use rmcp::{ClientHandler, RoleClient, ServiceError};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc;

const CHATS: &str = "chatbox://main/chats";
const ROOM: &str = "chatbox://main/chats/alpha%3Aroom";
const HALL: &str = "chatbox://main/chats/alpha%3Ahall";
const SOON: Duration = Duration::from_secs(5);
/// Long enough for what should not come.
const NEVER: Duration = Duration::from_millis(400);

async fn read<H: ClientHandler>(agent: &Agent<H>, uri: &str) -> Result<Value, i32> {
    let asked = ReadResourceRequestParams::new(uri);
    let read = match agent.0.read_resource(asked).await {
        Ok(read) => read,
        Err(ServiceError::McpError(error)) => return Err(error.code.0),
        Err(other) => panic!("{other}"),
    };
    let [ResourceContents::TextResourceContents { text, uri: of, .. }] = &read.contents[..] else {
        panic!("{read:?}");
    };
    assert_eq!(of, uri);
    Ok(serde_json::from_str(text).expect("JSON"))
}

#[tokio::test]
async fn chats_and_their_messages_are_read_under_their_addresses_and_nothing_changes() {
    for (wire, missing) in [(OLDER, -32002), (newer(), -32602)] {
        let house = House::open().await;
        let (alpha, beta) = (house.platform("alpha").await, house.platform("beta").await);
        alpha.says("room", "zebra").await;
        beta.says("a/b ü", "in a strange room").await;
        let agent = house.agent(wire).await;
        let turned = agent.turn_to("alpha:room").await;
        alpha.says("hall", "unread").await;

        let listed = agent.0.list_all_resources().await.expect("a list");
        let uris: Vec<_> = listed.iter().map(|it| it.uri.as_str()).collect();
        let strange = "chatbox://main/chats/beta%3Aa%2Fb%20%C3%BC";
        assert_eq!(uris, [CHATS, HALL, strange, ROOM]);
        assert_eq!(listed[3].title.as_deref(), Some("the room"));
        let templates = agent.0.list_all_resource_templates().await;
        let templates = templates.expect("a list");
        let template = "chatbox://main/chats/{chat_id}";
        assert_eq!(templates[0].uri_template, template);

        let messages = read(&agent, ROOM).await.expect("it is there");
        assert_eq!(
            (&messages["chat_id"], &messages["messages"][0]["text"]),
            (&json!("alpha:room"), &json!("zebra"))
        );
        let plain = read(&agent, "chatbox://main/chats/alpha:room").await;
        assert_eq!(plain, Ok(messages));
        let strange = read(&agent, strange).await.expect("it is there");
        assert_eq!(strange["messages"][0]["text"], "in a strange room");

        // Nothing was read by that, and a switch whose answer was lost still repeats its recap.
        let chats = read(&agent, CHATS).await.expect("it is there");
        let again = agent.turn_to("alpha:room").await;
        assert_eq!(again["recap"], turned["recap"]);
        assert_eq!(chats, agent.call("list_chats", json!({})).await);
        assert_eq!(chats["chats"][0]["unread"], 1);

        let second = house.chatbox().mailbox("second", None).await;
        second.expect("a mailbox");
        let theirs = house.platform_of("second", "gamma").await;
        theirs.says("room", "secret").await;
        for uri in [
            "chatbox://second/chats",
            "chatbox://second/chats/gamma%3Aroom",
            "chatbox://main/chats/gamma%3Aroom",
            "chatbox://main/chats/alpha%3Anobody",
            "chatbox://main",
            "file:///etc/passwd",
            "",
        ] {
            assert_eq!(read(&agent, uri).await, Err(missing), "{uri}");
        }
    }
}

/// Hears what an older client is told on its stream.
#[derive(Clone)]
struct Ears(mpsc::UnboundedSender<String>);

impl ClientHandler for Ears {
    async fn on_resource_updated(
        &self,
        about: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.0.send(about.uri).expect("somebody hears");
    }
}

async fn told(heard: &mut mpsc::UnboundedReceiver<String>) -> Option<String> {
    tokio::time::timeout(SOON, heard.recv())
        .await
        .ok()
        .flatten()
}

async fn nothing_is_told(heard: &mut mpsc::UnboundedReceiver<String>) {
    let told = tokio::time::timeout(NEVER, heard.recv()).await;
    assert!(told.is_err(), "{told:?}");
}

async fn subscribe<H: ClientHandler>(agent: &Agent<H>, uri: &str) -> Result<(), i32> {
    match agent.0.subscribe(SubscribeRequestParams::new(uri)).await {
        Ok(()) => Ok(()),
        Err(ServiceError::McpError(error)) => Err(error.code.0),
        Err(other) => panic!("{other}"),
    }
}

/// An older client with its stream open.
async fn hears(house: &House, token: &str) -> (Agent<Ears>, mpsc::UnboundedReceiver<String>) {
    let (ears, heard) = mpsc::unbounded_channel();
    let agent = house.enter("main", token, OLDER, Ears(ears)).await;
    (agent, heard)
}

#[tokio::test]
async fn an_older_client_hears_of_what_it_subscribed_to_and_of_nothing_else() {
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    alpha.says("room", "one").await;
    alpha.says("hall", "one").await;
    let token = house.token("main").await;
    let (agent, mut heard) = hears(&house, &token).await;
    assert_eq!(subscribe(&agent, ROOM).await, Ok(()));
    assert_eq!(subscribe(&agent, ROOM).await, Ok(()), "again is no more");
    // The client may have come with its stream after it had subscribed, and is told once then.
    while tokio::time::timeout(NEVER, heard.recv()).await.is_ok() {}
    for uri in [
        "chatbox://main/chats/alpha%3Anobody",
        "chatbox://other/chats",
        "x",
    ] {
        assert_eq!(subscribe(&agent, uri).await, Err(-32002), "{uri}");
    }
    alpha.says("room", "two").await;
    assert_eq!(told(&mut heard).await.as_deref(), Some(ROOM));
    alpha.says("hall", "two").await;
    nothing_is_told(&mut heard).await;

    // What it says itself is in the chat as well; where it looks is in the list of chats.
    assert_eq!(subscribe(&agent, CHATS).await, Ok(()));
    agent.turn_to("alpha:room").await;
    assert_eq!(told(&mut heard).await.as_deref(), Some(CHATS));
    agent.call("send_message", json!({"text": "three"})).await;
    let mut both = [told(&mut heard).await, told(&mut heard).await];
    both.sort();
    assert_eq!(both, [Some(CHATS.to_owned()), Some(ROOM.to_owned())]);

    let no_more = UnsubscribeRequestParams::new(ROOM);
    agent.0.unsubscribe(no_more).await.expect("it may");
    alpha.says("room", "four").await;
    assert_eq!(told(&mut heard).await.as_deref(), Some(CHATS));
    nothing_is_told(&mut heard).await;

    // It is the mailbox that watches: another client of its hears of it too, of what is there already first.
    let (_second, mut also) = hears(&house, &token).await;
    assert_eq!(told(&mut also).await.as_deref(), Some(CHATS));
    alpha.says("hall", "five").await;
    assert_eq!(told(&mut heard).await.as_deref(), Some(CHATS));
    assert_eq!(told(&mut also).await.as_deref(), Some(CHATS));
}

#[tokio::test]
async fn a_newer_client_hears_of_what_it_listens_for() {
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    alpha.says("room", "one").await;
    let agent = house.agent(newer()).await;
    let filter = SubscriptionFilter::builder().tools_list_changed();
    let filter = filter.resource_subscriptions([ROOM, CHATS, "chatbox://other/chats", "x"]);
    let mut changes = agent.0.listen(filter.build()).await.expect("it may listen");
    let honoured = changes.acknowledged().resource_subscriptions.clone();
    assert_eq!(honoured, Some(vec![ROOM.to_owned(), CHATS.to_owned()]));
    let mut heard = async || {
        let next = tokio::time::timeout(SOON, changes.next()).await;
        let next = next.expect("it is told").expect("a stream");
        match next.expect("it goes on") {
            ServerNotification::ResourceUpdatedNotification(it) => it.params.uri,
            ServerNotification::ToolListChangedNotification(_) => "tools".to_owned(),
            other => panic!("{other:?}"),
        }
    };
    // It may have changed before anybody listened.
    assert_eq!([heard().await, heard().await], [ROOM, CHATS]);
    alpha.says("hall", "elsewhere").await;
    assert_eq!(heard().await, CHATS);
    alpha.says("room", "two").await;
    assert_eq!([heard().await, heard().await], [ROOM, CHATS]);
    agent.turn_to("alpha:hall").await;
    assert_eq!([heard().await, heard().await], ["tools", CHATS]);
}

/// A stream of the older wire, as it comes.
struct Stream {
    bytes: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    read: String,
}

impl Stream {
    async fn open(house: &House, token: &str, last: Option<&str>) -> Self {
        let request = reqwest::Client::new()
            .get(house.url("/mcp/main"))
            .bearer_auth(token)
            .header("accept", "text/event-stream")
            .header("mcp-protocol-version", "2025-11-25");
        let request = match last {
            Some(last) => request.header("last-event-id", last),
            None => request,
        };
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self {
            bytes: answer.bytes_stream().boxed(),
            read: String::new(),
        }
    }

    /// The next event: its id and the resource it tells of. None where the stream ends.
    async fn next(&mut self) -> Option<(Option<String>, String)> {
        while !self.read.contains("\n\n") {
            let piece = tokio::time::timeout(SOON, self.bytes.next()).await;
            let piece = piece.expect("something comes")?.expect("bytes");
            self.read += std::str::from_utf8(&piece).expect("a text");
        }
        let (event, rest) = self.read.split_once("\n\n").expect("it is there");
        let field = |name: &str| {
            let mut lines = event.lines();
            lines.find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
        };
        let data: Value = serde_json::from_str(&field("data:").expect("data")).expect("JSON");
        assert_eq!(data["method"], "notifications/resources/updated");
        let uri = data["params"]["uri"].as_str().expect("an address");
        let told = (field("id:"), uri.to_owned());
        self.read = rest.to_owned();
        Some(told)
    }
}

async fn watched(house: &House, alpha: &Puppet) -> String {
    alpha.says("room", "one").await;
    alpha.says("hall", "one").await;
    let token = house.token("main").await;
    let agent = house.enter("main", &token, OLDER, ()).await;
    for uri in [ROOM, HALL] {
        assert_eq!(subscribe(&agent, uri).await, Ok(()));
    }
    token
}

#[tokio::test]
async fn a_stream_that_broke_off_goes_on_behind_what_was_heard() {
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    let token = watched(&house, &alpha).await;
    let mut stream = Stream::open(&house, &token, None).await;
    // The first of two has no id: who heard it alone hears both again.
    let (first, last) = (stream.next().await, stream.next().await);
    assert_eq!(first, Some((None, ROOM.to_owned())));
    let (last, hall) = last.expect("it goes on");
    assert_eq!(hall, HALL);
    let last = last.expect("an id");
    drop(stream);
    alpha.says("hall", "meanwhile").await;
    let mut stream = Stream::open(&house, &token, Some(&last)).await;
    let (next, uri) = stream.next().await.expect("it was missed");
    assert_eq!(
        (uri.as_str(), next.is_some_and(|it| it != last)),
        (HALL, true)
    );
    alpha.says("room", "again").await;
    assert_eq!(stream.next().await.expect("it goes on").1, ROOM);
    // A place that was never given is like none.
    for wrong in ["soon", "999999", "-1", ""] {
        let mut stream = Stream::open(&house, &token, Some(wrong)).await;
        assert_eq!(stream.next().await.expect("all of it").1, ROOM, "{wrong}");
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_takes_one_of_the_mailboxs_places() {
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    let token = watched(&house, &alpha).await;
    let mut stream = Stream::open(&house, &token, None).await;
    stream.next().await.expect("it is told");
    stream.next().await.expect("it is told");
    let replaced = house.token("main").await;
    assert_eq!(stream.next().await, None, "it ends");
    let ask = |token: &str| {
        reqwest::Client::new()
            .get(house.url("/mcp/main"))
            .bearer_auth(token)
            .header("accept", "text/event-stream")
            .send()
    };
    assert_eq!(ask(&token).await.expect("an answer").status(), 401);
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(Stream::open(&house, &replaced, None).await);
    }
    let refused = ask(&replaced).await.expect("an answer");
    assert_eq!(refused.status(), 429);
    let said: Value = refused.json().await.expect("JSON");
    assert_eq!(said["code"], "too_many_streams");
}

#[tokio::test]
async fn so_many_chats_are_watched_and_the_list_of_them_always() {
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    let agent = house.agent(OLDER).await;
    alpha.says("abcdefghi", "x").await;
    // One chat by many spellings of its address.
    let uri = |n: u32| {
        let letters = "abcdefghi".bytes().zip(0..);
        let letters = letters.map(|(letter, at)| match n >> at & 1 {
            0 => char::from(letter).to_string(),
            _ => format!("%{letter:02X}"),
        });
        format!("chatbox://main/chats/alpha:{}", letters.collect::<String>())
    };
    for n in 0..256 {
        assert_eq!(subscribe(&agent, &uri(n)).await, Ok(()));
    }
    let one_more = SubscribeRequestParams::new(uri(256));
    let refused = agent.0.subscribe(one_more).await;
    let Err(ServiceError::McpError(refused)) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        refused.message.starts_with("too_many_watched: "),
        "{refused}"
    );
    assert_eq!(subscribe(&agent, CHATS).await, Ok(()));
    let no_more = UnsubscribeRequestParams::new(uri(0));
    agent.0.unsubscribe(no_more).await.expect("it may");
    // The list stands beside them: there is room once two are fewer than so many and it.
    let no_more = UnsubscribeRequestParams::new(uri(1));
    agent.0.unsubscribe(no_more).await.expect("it may");
    assert_eq!(subscribe(&agent, &uri(256)).await, Ok(()));
}
