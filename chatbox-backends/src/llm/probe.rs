//! Asking an Ollama what it has. Once, at start, and not for long.

use super::client;
use futures_util::StreamExt;
use serde::Deserialize;
use std::time::Duration;
use url::Url;

const WITHIN: Duration = Duration::from_millis(300);
const LONGEST: usize = 1 << 20;

#[derive(Deserialize)]
struct Tags {
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    name: String,
    #[serde(default)]
    details: Details,
}

#[derive(Default, Deserialize)]
struct Details {
    #[serde(default)]
    family: String,
}

/// The models to chat with, newest first; `None` when no Ollama answers in time.
pub(crate) async fn probe(base: &Url) -> Option<Vec<String>> {
    let client = client::http(base).ok()?;
    let url = base.join("api/tags").ok()?;
    let answer = tokio::time::timeout(WITHIN, tags(&client, url)).await;
    answer
        .ok()
        .flatten()
        .map(|body| to_chat_with(&body))
        .unwrap_or_default()
}

async fn tags(client: &reqwest13::Client, url: Url) -> Option<Vec<u8>> {
    let response = client.get(url).send().await.ok()?.error_for_status().ok()?;
    let mut stream = response.bytes_stream();
    let mut body = Vec::new();
    while let Some(chunk) = stream.next().await {
        body.extend_from_slice(&chunk.ok()?);
        if body.len() > LONGEST {
            return None;
        }
    }
    Some(body)
}

/// Models that only turn text into numbers cannot answer.
fn to_chat_with(body: &[u8]) -> Option<Vec<String>> {
    let tags: Tags = serde_json::from_slice(body).ok()?;
    let embeds =
        |model: &Model| model.details.family.contains("bert") || model.name.contains("embed");
    let models = tags.models.into_iter().filter(|model| !embeds(model));
    Some(models.map(|model| model.name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_model_that_can_chat_is_first() {
        let body = br#"{"models":[
            {"name":"nomic-embed-text:latest","details":{"family":"nomic-bert"}},
            {"name":"all-minilm","details":{"family":"bert"}},
            {"name":"llama3.2:latest","size":1,"details":{"family":"llama"}},
            {"name":"plain"}]}"#;
        assert_eq!(
            to_chat_with(body),
            Some(vec!["llama3.2:latest".to_owned(), "plain".to_owned()])
        );
    }

    #[test]
    fn what_is_no_ollama_is_none() {
        for body in ["", "<html>", "{}", "[]", "{\"models\":7}"] {
            assert_eq!(to_chat_with(body.as_bytes()), None, "{body}");
        }
        assert_eq!(to_chat_with(b"{\"models\":[]}"), Some(Vec::new()));
    }
}
