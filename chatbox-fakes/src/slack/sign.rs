//! Events API: the same events as requests to an address, signed as Slack signs them.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2_11::Sha256;

/// One request to an app's own address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// `x-slack-request-timestamp`: when it was signed, in seconds since 1970.
    pub timestamp: String,
    /// `x-slack-signature`.
    pub signature: String,
    /// `content-type`: JSON for events, a form for buttons and commands.
    pub kind: &'static str,
    /// What is sent, and signed.
    pub body: String,
}

/// Signs a body with the app's signing secret, at a time in seconds since 1970.
///
/// # Panics
/// Never: a key may have any length.
#[must_use]
pub fn sign(secret: &str, seconds: i64, body: &str) -> Post {
    let (timestamp, body) = (seconds.to_string(), body.to_owned());
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(format!("v0:{timestamp}:{body}").as_bytes());
    let hex = mac.finalize().into_bytes();
    let hex: String = hex.iter().map(|byte| format!("{byte:02x}")).collect();
    Post {
        timestamp,
        signature: format!("v0={hex}"),
        kind: match body.starts_with(['{', '[']) {
            true => "application/json",
            false => "application/x-www-form-urlencoded",
        },
        body,
    }
}

/// A button's payload as it is posted: one field of a form.
pub(crate) fn pressed_form(payload: &Value) -> String {
    format!("payload={}", percent(&payload.to_string()))
}

/// A command as it is posted: a form of texts.
pub(crate) fn command_form(payload: &Value) -> String {
    let fields = payload.as_object().into_iter().flatten();
    let fields = fields.map(|(name, value)| {
        let value = value.as_str().unwrap_or_default();
        format!("{name}={}", percent(value))
    });
    fields.collect::<Vec<_>>().join("&")
}

/// A text as it stands in a form.
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
    let one = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        byte if plain(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// What an address is asked before it is taken.
#[must_use]
pub fn challenge(word: &str) -> Value {
    json!({"token": "verification", "challenge": word, "type": "url_verification"})
}

#[cfg(test)]
mod tests {
    use super::sign;

    /// Secret, time, body and signature of Slack's page about signatures.
    #[test]
    fn a_signature_is_that_of_slacks_own_example() {
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
            &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
            &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
            &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let post = sign("8f742231b10e8888abcd99yyyzzz85a5", 1_531_420_618, body);
        assert_eq!(
            post.signature,
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
        );
    }
}
