//! Addresses of model servers, as people write them.

use crate::SettingsError;
use url::Url;

const OLLAMA_PORT: u16 = 11_434;

/// An address to put a path after: `http` or `https`, ends with `/`.
pub(crate) fn base_url(key: &'static str, text: &str) -> Result<Url, SettingsError> {
    let wrong = |wrong: &str| SettingsError::invalid(key, wrong);
    let example = "is no address; write it whole, such as \"http://127.0.0.1:8080/v1\"";
    let mut url = Url::parse(text.trim()).map_err(|_| wrong(example))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong(example));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "holds a name or password; put the key into a file and name it in `api_key_file`",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(
            "has something after `?` or `#`; write the address without it",
        ));
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// Where `OLLAMA_HOST` points: with or without scheme and port. "Every address", which it says to a server, is this
/// machine for a client.
pub(crate) fn ollama_host(text: &str) -> Result<Url, SettingsError> {
    let text = text.trim();
    let whole = match text.split_once("://") {
        Some(_) => text.to_owned(),
        None if text.starts_with(':') => format!("http://127.0.0.1{text}"),
        None => format!("http://{text}"),
    };
    let mut url = base_url("OLLAMA_HOST", &whole)?;
    if !text.contains("://")
        && url.port().is_none()
        && !whole.trim_end_matches('/').ends_with(":80")
    {
        // The scheme is ours, so its port is not meant.
        url.set_port(Some(OLLAMA_PORT))
            .expect("an http address can have a port");
    }
    let local = match url.host_str() {
        Some("0.0.0.0") => Some("127.0.0.1"),
        Some("[::]") => Some("[::1]"),
        _ => None,
    };
    if let Some(local) = local {
        url.set_host(Some(local))
            .expect("an http address can have an address of this machine");
    }
    Ok(url)
}

/// Host and port for people.
pub(crate) fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_completed_or_refused() {
        for (text, url) in [
            ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1/"),
            (" https://alpha.example/v1/ ", "https://alpha.example/v1/"),
            ("https://alpha.example", "https://alpha.example/"),
        ] {
            assert_eq!(
                base_url("base_url", text)
                    .expect("it is an address")
                    .as_str(),
                url
            );
        }
        for text in [
            "",
            "alpha",
            "alpha:80",
            "ftp://alpha/",
            "http://",
            "http://u:hunter2@alpha/",
            "http://alpha/?k=hunter2",
        ] {
            let error = base_url("base_url", text)
                .expect_err("it is none")
                .to_string();
            assert!(
                error.starts_with("`base_url` in [backend] ") && !error.contains("hunter2"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn ollamas_variable_is_read_as_ollama_reads_it() {
        for (text, url) in [
            ("127.0.0.1", "http://127.0.0.1:11434/"),
            ("0.0.0.0:1234", "http://127.0.0.1:1234/"),
            ("[::]:1234", "http://[::1]:1234/"),
            (":1234", "http://127.0.0.1:1234/"),
            ("alpha", "http://alpha:11434/"),
            ("alpha:80", "http://alpha/"),
            ("http://alpha", "http://alpha/"),
            ("https://alpha/ollama", "https://alpha/ollama/"),
        ] {
            assert_eq!(
                ollama_host(text).expect("it is an address").as_str(),
                url,
                "{text}"
            );
        }
    }
}
