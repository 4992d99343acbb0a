//! The page with an echo behind it, in memory: `cargo run -p chatbox-webchat --example page`, then open the address it
//! prints. Sign in at `/login#anything`.

#[path = "../tests/common/mod.rs"]
mod common;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chatbox_connector_api::event::EventBody;
use chatbox_connector_api::id::{Handle, Seq};
use chatbox_connector_api::markup::parse;
use chatbox_connector_api::{Arrival, Blobs, Fate, Line, News, Verb, Voice};
use chatbox_webchat::Limits;
use common::House;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

#[tokio::main]
async fn main() {
    let house = House::new(Limits::default(), "{}").await;
    *house.verdict.lock().expect("nobody panics inside") = Some(Box::new(whims));
    tokio::spawn(echo(house.clone()));
    let rest = axum::Router::new()
        .route("/login", get(chatbox_webchat::login_page))
        .route("/login", post(login))
        .route("/media/{id}", get(media))
        .with_state(house.clone());
    let at = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:7711".to_owned());
    let address = common::serve_at(house.webchat.routes().merge(rest), &at).await;
    println!("http://{address}/login#demo");
    let _ = tokio::signal::ctrl_c().await;
    house.webchat.shut().await;
}

async fn login(body: String) -> Response {
    if body.contains("wrong") {
        return (StatusCode::UNAUTHORIZED, "{}").into_response();
    }
    let cookie = "who=ann; Path=/; HttpOnly; SameSite=Strict";
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response()
}

async fn media(State(house): State<Arc<House>>, Path(id): Path<String>) -> Response {
    let kept = house
        .files
        .files
        .lock()
        .expect("nobody panics inside")
        .get(&id)
        .cloned();
    let known = house.files.open(&id.into()).await.is_ok();
    let mut headers = HeaderMap::new();
    match kept.filter(|_| known) {
        Some((mime, bytes)) => {
            let mime = mime
                .parse()
                .unwrap_or(header::HeaderValue::from_static("text/plain"));
            headers.insert(header::CONTENT_TYPE, mime);
            (headers, bytes).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Refuses and delays on demand, to see what the page makes of it.
fn whims(arrival: &Arrival) -> Option<Fate> {
    let text = &arrival.event.body.content()?.text;
    if text.contains("refuse this") {
        return Some(Fate::Refused("asked for"));
    }
    (text.contains("later") && rand_bit()).then_some(Fate::Later(Duration::from_secs(2)))
}

/// As good as random, for a demonstration.
fn rand_bit() -> bool {
    common::now().0 % 2 == 0
}

/// Answers what people say: typing, a growing draft, then the line.
async fn echo(house: Arc<House>) {
    let mut news = house.log.news.subscribe();
    while let Ok(item) = news.recv().await {
        if let News::Line { chat, line, .. } = item
            && matches!(line.from, Voice::Person { .. })
        {
            tokio::spawn(answer(house.clone(), chat, *line));
        }
    }
}

async fn answer(house: Arc<House>, chat: Handle, line: Line) {
    let EventBody::Message(content) = &line.body else {
        return;
    };
    sleep(Duration::from_millis(250)).await;
    house.log.advance(&chat, line.seq, Seq::ZERO);
    house.show(&chat, Verb::Typing).await;
    sleep(Duration::from_millis(700)).await;
    house.log.advance(&chat, line.seq, line.seq);
    let answer = if content.text.contains("tour") {
        include_str!("tour.md").to_owned()
    } else {
        format!("You said:\n\n{}", content.text)
    };
    let mut shown = 0;
    while shown < answer.len() {
        shown = answer.ceil_char_boundary((shown + 9).min(answer.len()));
        let markup = parse(&answer[..shown]);
        house
            .show(
                &chat,
                Verb::Draft {
                    id: line.seq.0,
                    markup,
                },
            )
            .await;
        sleep(Duration::from_millis(40)).await;
    }
    house.log.agent_says(&chat, &answer);
}
