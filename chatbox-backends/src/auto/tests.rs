//! What is chosen, from what is written and what is there.

use super::*;
use serde_json::json;

fn settings(table: serde_json::Value) -> BackendSettings {
    serde_json::from_value(table).expect("the table is well-formed")
}

fn chosen(
    table: serde_json::Value,
    env: &[(&str, &str)],
    ollama: Option<&[&str]>,
) -> Result<Choice, SettingsError> {
    let models: Option<Vec<String>> =
        ollama.map(|models| models.iter().map(|&model| model.to_owned()).collect());
    choose(
        &settings(table),
        &|name| lookup(env, name),
        models.as_deref(),
    )
}

fn lookup(env: &[(&str, &str)], name: &str) -> Option<String> {
    env.iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| (*value).to_owned())
}

fn line(table: serde_json::Value, env: &[(&str, &str)], ollama: Option<&[&str]>) -> String {
    chosen(table, env, ollama).map_or_else(
        |error| format!("error: {error}"),
        |choice| choice.to_string(),
    )
}

fn model(table: serde_json::Value, env: &[(&str, &str)]) -> ModelChoice {
    match chosen(table, env, None).expect("it can work") {
        Choice::Llm(chosen) => *chosen,
        other => panic!("{other}"),
    }
}

const ALL: &[(&str, &str)] = &[
    ("OPENAI_API_KEY", "sk-open"),
    ("OPENAI_MODEL", "gpt-x"),
    ("ANTHROPIC_API_KEY", "sk-ant"),
    ("ANTHROPIC_MODEL", "claude-x"),
    ("OLLAMA_HOST", "0.0.0.0:1234"),
];

#[test]
fn the_first_that_is_there_answers() {
    let ollama: Option<&[&str]> = Some(&["llama3.2", "qwen"]);
    let config = json!({"provider": "anthropic", "model": "m", "base_url": "http://alpha:9"});
    assert_eq!(line(config, ALL, ollama), "anthropic m at alpha:9 (config)");
    assert_eq!(
        line(json!({}), ALL, ollama),
        "openai gpt-x at api.openai.com (OPENAI_API_KEY)"
    );
    assert_eq!(
        line(json!({}), &ALL[2..], ollama),
        "anthropic claude-x at api.anthropic.com (ANTHROPIC_API_KEY)"
    );
    assert_eq!(
        line(json!({}), &ALL[4..], ollama),
        "ollama llama3.2 at 127.0.0.1:1234 (found)"
    );
    assert_eq!(
        line(json!({}), &[], ollama),
        "ollama llama3.2 at 127.0.0.1:11434 (found)"
    );
    assert_eq!(line(json!({}), &[], None), "echo - no AI found");
}

#[test]
fn a_written_kind_is_kept() {
    assert_eq!(line(json!({"kind": "echo"}), ALL, None), "echo (config)");
    assert_eq!(
        chosen(json!({"kind": "none"}), ALL, None).expect("it can work"),
        Choice::None
    );
    assert!(
        line(json!({"kind": "llm"}), &[], None)
            .starts_with("error: kind = \"llm\" in [backend], but no model")
    );
    assert!(line(json!({"kind": "llm"}), ALL, None).starts_with("openai gpt-x"));
    assert!(build(Choice::None).is_none());
    assert_eq!(
        build(chosen(json!({}), &[], None).expect("it can work")),
        Some("echo".to_owned())
    );
    assert_eq!(
        build(chosen(json!({}), ALL, None).expect("it can work")),
        Some("openai gpt-x".to_owned())
    );
}

fn build(choice: Choice) -> Option<String> {
    crate::build(&choice)
        .expect("it can be built")
        .map(|backend| backend.name())
}

#[test]
fn an_empty_ollama_is_told_apart_from_none() {
    assert!(line(json!({}), &[], Some(&[])).starts_with("echo - Ollama has no model; run"));
    assert!(line(json!({"model": "mine"}), &[], Some(&[])).starts_with("ollama mine at"));
    assert!(
        line(json!({"provider": "ollama"}), &[], None)
            .starts_with("error: no model is named for Ollama")
    );
    assert_eq!(
        line(json!({"provider": "ollama", "model": "m"}), &[], None),
        "ollama m at 127.0.0.1:11434 (config)"
    );
}

#[test]
fn an_address_alone_is_a_server_that_speaks_openais_wire() {
    let chosen = model(
        json!({"base_url": "http://127.0.0.1:8080/v1", "model": "local"}),
        &[],
    );
    assert_eq!(
        (chosen.provider, chosen.key.clone()),
        (Provider::OpenAi, Key::None)
    );
    assert_eq!(chosen.base_url.as_str(), "http://127.0.0.1:8080/v1/");
    let from_env = model(
        json!({}),
        &[
            ("OPENAI_BASE_URL", "http://alpha/v1"),
            ("OPENAI_MODEL", "m"),
        ],
    );
    assert_eq!(
        (from_env.base_url.as_str(), from_env.source),
        ("http://alpha/v1/", "OPENAI_BASE_URL")
    );
    assert_eq!(
        model(
            json!({"base_url": "http://alpha", "provider": "anthropic"}),
            &[]
        )
        .base_url
        .path(),
        "/v1/"
    );
}

#[test]
fn a_file_comes_before_a_variable_and_a_written_model_before_both() {
    let chosen = model(
        json!({"provider": "openai", "api_key_file": "/key", "model": "mine"}),
        ALL,
    );
    assert_eq!(
        (chosen.key, chosen.model.as_str()),
        (Key::File("/key".into()), "mine")
    );
    let chosen = model(json!({"model": "mine"}), ALL);
    assert_eq!(
        (chosen.model.as_str(), chosen.source),
        ("mine", "OPENAI_API_KEY")
    );
    assert!(!format!("{chosen:?}").contains("sk-open"));
}

#[test]
fn the_numbers_reach_the_model() {
    let table = json!({"system_prompt": "Be brief.", "max_response_tokens": 7, "context_tokens": 300, "timeout": "5s"});
    let chosen = model(table, ALL);
    assert_eq!(chosen.system_prompt.as_deref(), Some("Be brief."));
    assert_eq!(
        (chosen.max_response_tokens, chosen.context_tokens),
        (7, 300)
    );
    assert_eq!(chosen.timeout, std::time::Duration::from_secs(5));
}

#[test]
fn what_cannot_work_is_an_error_that_says_what_to_do() {
    for (table, told) in [
        (
            json!({"provider": "openai"}),
            "openai needs a key; set `api_key_file`",
        ),
        (json!({"provider": "anthropic"}), "ANTHROPIC_API_KEY"),
        (json!({"api_key_file": "/key"}), "set `provider`"),
        (
            json!({"base_url": "alpha"}),
            "`base_url` in [backend] is no address",
        ),
        (json!({"max_response_tokens": 0}), "between 1 and"),
    ] {
        let line = line(table.clone(), &[("OPENAI_API_KEY", " ")], None);
        assert!(
            line.starts_with("error: ") && line.contains(told),
            "{table}: {line}"
        );
    }
}

#[test]
fn ollama_is_asked_only_where_it_matters() {
    let asked = |table, env: &[(&str, &str)]| {
        let probe = ollama_to_probe(&settings(table), &|name| lookup(env, name));
        probe.expect("the address is one").map(|url| place(&url))
    };
    assert_eq!(asked(json!({}), &[]).as_deref(), Some("127.0.0.1:11434"));
    assert_eq!(
        asked(json!({}), &ALL[4..]).as_deref(),
        Some("127.0.0.1:1234")
    );
    assert_eq!(
        asked(
            json!({"provider": "ollama", "base_url": "http://alpha:5"}),
            ALL
        )
        .as_deref(),
        Some("alpha:5")
    );
    for (table, env) in [
        (json!({}), ALL),
        (json!({"kind": "echo"}), &[]),
        (json!({"kind": "none"}), &[]),
        (json!({"provider": "ollama", "model": "m"}), &[]),
    ] {
        assert_eq!(asked(table, env), None);
    }
}
