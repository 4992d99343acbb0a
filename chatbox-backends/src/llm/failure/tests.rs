//! Failures in words.

use super::*;
use reqwest13::header::HeaderValue;
use serde_json::json;

const KEY: &str = "sk-hunter2";

fn at(provider: Provider) -> Place {
    Place {
        provider,
        model: "alpha-1".to_owned(),
        host: "alpha:9".to_owned(),
    }
}

fn status(provider: Provider, status: u16, body: &str, headers: &HeaderMap) -> BackendError {
    let status = StatusCode::from_u16(status).expect("it is a status");
    let inner = genai::Error::HttpError {
        status,
        canonical_reason: String::new(),
        body: body.to_owned(),
        headers: Box::new(headers.clone()),
    };
    let kind = genai::adapter::AdapterKind::OpenAI;
    at(provider).failure(genai::Error::WebStream {
        model_iden: genai::ModelIden::new(kind, "alpha-1"),
        cause: body.to_owned(),
        error: Box::new(inner),
    })
}

#[test]
fn a_refusal_says_what_to_do_and_repeats_nothing() {
    let body = format!(
        "{{\"error\":{{\"code\":\"{KEY}\",\"type\":\"invalid_api_key\",\"message\":\"{KEY} is wrong\"}}}}"
    );
    for (code, told) in [
        (401, "`api_key_file` or OPENAI_API_KEY"),
        (403, "does not accept the key"),
        (404, "knows no model `alpha-1`"),
        (400, "`max_response_tokens`"),
        (413, "`context_tokens`"),
        (307, "`base_url`"),
    ] {
        let error = status(Provider::OpenAi, code, &body, &HeaderMap::new());
        let text = error.to_string();
        assert!(matches!(error, BackendError::Refused(_)), "{code}: {text}");
        assert!(
            text.contains(told) && text.contains(&format!("({code} invalid_api_key)")),
            "{code}: {text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }
    let text = status(Provider::Ollama, 404, "", &HeaderMap::new()).to_string();
    assert!(text.contains("run `ollama pull alpha-1`"), "{text}");
}

#[test]
fn a_busy_server_says_when_to_come_back() {
    for (name, value, wait) in [
        ("retry-after", "7", Some(7_000)),
        ("retry-after", "1.5", Some(1_500)),
        ("retry-after-ms", "250", Some(250)),
        ("retry-after", "9999999", Some(3_600_000)),
        ("retry-after", "-1", None),
        ("retry-after", "NaN", None),
        ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        for code in [429, 500, 503, 529] {
            let BackendError::Unavailable { retry_after, .. } =
                status(Provider::OpenAi, code, KEY, &headers)
            else {
                panic!("{code} is not final");
            };
            assert_eq!(retry_after, wait.map(Duration::from_millis), "{value}");
        }
    }
}

#[test]
fn an_error_inside_the_stream_is_told_by_its_kind() {
    let refused = |body| {
        matches!(
            at(Provider::Anthropic).event(&body),
            BackendError::Refused(_)
        )
    };
    assert!(refused(
        json!({"type": "error", "error": {"type": "authentication_error"}})
    ));
    assert!(refused(
        json!({"type": "invalid_request_error", "message": "no"})
    ));
    assert!(!refused(
        json!({"type": "error", "error": {"type": "overloaded_error"}})
    ));
    assert!(!refused(json!("overloaded")));
}

#[test]
fn an_empty_answer_is_a_refusal() {
    let error = outcome(" \n", &StreamEnd::default()).expect_err("nothing was said");
    assert_eq!(error.to_string(), "the model answered nothing");
}
