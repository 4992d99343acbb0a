//! Variables that services of this kind listen to elsewhere and chatbox does not. Whoever sets one is told, and what takes
//! its place; what it holds is never read.

/// Each name, and what to do instead.
const FOREIGN: [(&str, &str); 13] = [
    (
        "PORT",
        "set CHATBOX_API_PORT, or CHATBOX_LISTEN for the whole address",
    ),
    ("DB_PATH", "set CHATBOX_DB_URL=sqlite:PATH"),
    (
        "JWT_SECRET",
        "nothing is signed with it; `chatbox tokens` makes the API's tokens",
    ),
    ("WEBCHAT_ENABLED", "the web chat is always there"),
    ("WEBCHAT_DIR", "the web chat's pages are in the program"),
    (
        "CORS_ALLOWED_ORIGINS",
        "set public_url in the configuration; pages of other origins are not let in",
    ),
    ("MAX_UPLOAD_SIZE", "how large a file may be is fixed"),
    ("APNS_KEY_PATH", PUSH),
    ("APNS_KEY_ID", PUSH),
    ("APNS_TEAM_ID", PUSH),
    ("FCM_SERVICE_ACCOUNT", PUSH),
    ("VAPID_PUBLIC_KEY", PUSH),
    ("VAPID_PRIVATE_KEY", PUSH),
];
const PUSH: &str = "there are no push notifications";

/// What is set and comes to nothing, each with what to do instead. `listens` says that the whole address is given at the
/// command line or in its variable.
pub(crate) fn unheeded(
    is_set: impl Fn(&str) -> bool,
    listens: bool,
) -> Vec<(&'static str, &'static str)> {
    let parts = ["CHATBOX_API_HOST", "CHATBOX_API_PORT"]
        .into_iter()
        .filter(|_| listens);
    let parts = parts.map(|part| {
        (
            part,
            "--listen or CHATBOX_LISTEN says the whole address; take one of them away",
        )
    });
    let all = parts.chain(FOREIGN);
    all.filter(|(name, _)| is_set(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_foreign_name_is_in_the_documents() {
        let page = include_str!("../../../docs/configuration.md");
        for (name, _) in FOREIGN {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn parts_of_an_address_count_where_the_whole_is_not_given() {
        let port = |name: &str| name == "CHATBOX_API_PORT";
        assert!(unheeded(port, false).is_empty());
        assert_eq!(unheeded(port, true)[0].0, "CHATBOX_API_PORT");
        assert!(unheeded(|_| false, true).is_empty());
    }
}
