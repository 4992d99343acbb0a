//! What the Bot API server promises to those who build on it.

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod people;
mod polling;
mod texts;

use std::time::Duration;

use chatbox_fakes::telegram::{Options, Server};
use common::{client, read};
use serde_json::{Value, json};

const TOKEN: &str = "7000001:TEST-token";
const SOON: Duration = Duration::from_secs(5);

async fn server() -> Server {
    Server::start(Options::default())
        .await
        .expect("a free port")
}

async fn call(server: &Server, method: &str, params: Value) -> (u16, Value) {
    let url = format!("{}/bot{TOKEN}/{method}", server.base_url());
    let sent = client().post(url).json(&params).send().await;
    read(sent.expect("the server answers")).await
}

async fn good(server: &Server, method: &str, params: Value) -> Value {
    let (status, body) = call(server, method, params).await;
    assert_eq!(
        (status, &body["ok"]),
        (200, &json!(true)),
        "{method}: {body}"
    );
    body["result"].clone()
}

async fn refusal(server: &Server, method: &str, params: Value) -> String {
    let (status, body) = call(server, method, params).await;
    assert_eq!(body["error_code"], status, "{body}");
    assert_eq!(body["ok"], false);
    body["description"]
        .as_str()
        .expect("a description")
        .to_owned()
}

fn ids(updates: &Value) -> Vec<i64> {
    let list = updates.as_array().expect("a list");
    list.iter()
        .map(|u| u["update_id"].as_i64().expect("an id"))
        .collect()
}
