//! Adapters that are wrong in one way, and the rule that must see it.

use crate::alpha;
use chatbox_connector_api::conformance::{self, Outcome};
use futures_util::{StreamExt, stream};

/// A rule, and the faults it must see.
const MUTANTS: &[(&str, &[&str])] = &[
    (
        "probe",
        &[
            "proves nothing",
            "is somebody else each time",
            "takes a refused credential for an outage",
        ],
    ),
    (
        "arrives",
        &[
            "mixes up chats",
            "takes the chat for the sender",
            "says everything twice",
            "dates messages in seconds",
            "thinks that nothing is meant for it",
        ],
    ),
    (
        "order-in",
        &["hands on the newest first", "swaps neighbours"],
    ),
    (
        "own-echo",
        &[
            "takes its own words for its partner's",
            "takes its other devices for people",
        ],
    ),
    (
        "stranger",
        &[
            "waits until a message is stored",
            "answers strangers",
            "tells the platform only what was stored",
        ],
    ),
    (
        "garbage",
        &[
            "breaks at garbage",
            "waits for ever at garbage",
            "loses what follows garbage",
        ],
    ),
    (
        "commit-first",
        &[
            "tells the platform at once",
            "tells the platform after a while",
            "never tells the platform",
        ],
    ),
    (
        "failed-commit",
        &["keeps a place of its own", "begins with what is new"],
    ),
    (
        "resumes",
        &[
            "forgets its cursor",
            "goes one too far",
            "goes one back",
            "begins with what is new",
        ],
    ),
    (
        "repeated",
        &[
            "names messages by when they came",
            "names messages at random",
        ],
    ),
    (
        "origin",
        &[
            "answers in the chat that spoke last",
            "answers everybody in one chat",
            "answers elsewhere as well",
        ],
    ),
    (
        "order-out",
        &["sends in its own time", "sends when it likes"],
    ),
    (
        "long-text",
        &[
            "cuts long texts",
            "drops code",
            "counts characters where the platform counts units",
        ],
    ),
    (
        "unsupported",
        &[
            "answers Ok to a deletion it does not claim",
            "answers Ok to a button it does not claim",
            "answers Ok to a mark it does not claim",
            "calls the unsupported invalid",
        ],
    ),
    (
        "secrets",
        &[
            "prints its token",
            "prints its token in errors",
            "prints its token in the cause of errors",
        ],
    ),
    (
        "rate-limited",
        &[
            "drops on a rate limit",
            "forgets how long to wait",
            "waits too short",
            "waits out a limit by itself",
            "takes a limit for success",
        ],
    ),
    (
        "cut-after-accept",
        &[
            "resends when the answer is lost",
            "tries again by itself",
            "takes a lost answer for success",
        ],
    ),
    (
        "unreachable",
        &[
            "gives up when nothing left",
            "doubts what never left",
            "tries again by itself",
            "takes an unreachable platform for success",
        ],
    ),
    (
        "server-error",
        &[
            "takes a failing platform for a refusal",
            "takes a failing platform for success",
        ],
    ),
    (
        "refused",
        &["tries a refused send again", "takes a refusal for success"],
    ),
    (
        "revoked",
        &[
            "takes a refused credential for an outage",
            "takes a refused credential for a bad request",
            "takes a refused credential for success",
        ],
    ),
    (
        "reconnects",
        &[
            "does not notice a cut",
            "begins with what is new after a loss",
        ],
    ),
    (
        "outage",
        &[
            "hides an outage",
            "does not notice a cut",
            "begins with what is new after a loss",
        ],
    ),
    ("alive", &["never shows life", "seldom shows life"]),
    (
        "silence",
        &[
            "shows life by its own clock",
            "shows life before it heard any",
        ],
    ),
    ("waits", &["hides an outage", "keeps a queue of its own"]),
    ("expires", &["hides an outage", "keeps a queue of its own"]),
    (
        "reply",
        &[
            "ignores what it replies to",
            "replies to everything",
            "replies to the first",
        ],
    ),
    (
        "reply-in",
        &[
            "does not see what a reply answers",
            "takes a reply for one to itself",
        ],
    ),
    (
        "edit",
        &["edits by sending anew", "does not edit", "edits the newest"],
    ),
    ("delete", &["does not delete", "deletes the newest"]),
    (
        "react",
        &[
            "does not react",
            "never stops reacting",
            "reacts to the first",
        ],
    ),
    (
        "edit-in",
        &[
            "takes an edit for a message",
            "takes an edit for one of the newest",
        ],
    ),
    (
        "delete-in",
        &[
            "does not hear deletions",
            "takes a deletion for one of the newest",
        ],
    ),
    (
        "reaction-in",
        &[
            "takes a reaction for a message",
            "takes a reaction for one to the newest",
        ],
    ),
    (
        "media-out",
        &[
            "corrupts files",
            "cuts files",
            "loses the names of files",
            "reverses files",
        ],
    ),
    (
        "media-in",
        &[
            "corrupts files it receives",
            "cuts files it receives",
            "loses the names of files it receives",
        ],
    ),
    (
        "media-gone",
        &[
            "drops messages whose files are gone",
            "waits for ever for a file that is gone",
        ],
    ),
    (
        "drafts",
        &["says its drafts", "shows nothing", "shows something else"],
    ),
    (
        "shows-fail",
        &["breaks after a failed draft", "says what it cannot show"],
    ),
    ("typing", &["shows nothing", "says that it is writing"]),
    (
        "previews",
        &["leaves previews on", "leaves previews on in edits"],
    ),
    (
        "mentions",
        &[
            "thinks that everything is meant for it",
            "hears no mention",
            "takes a group for two",
        ],
    ),
    (
        "albums",
        &["sees no albums", "sees an album in each picture"],
    ),
    (
        "flood",
        &[
            "names messages by when they came",
            "names messages too shortly",
        ],
    ),
    (
        "sockets",
        &[
            "leaves its old connections open",
            "listens on after it was stopped",
        ],
    ),
];

#[test]
fn every_rule_has_two_mutants() {
    for (id, _, _) in conformance::rules() {
        let planted = MUTANTS.iter().find(|(rule, _)| *rule == id);
        let count = planted.map_or(0, |(_, twists)| twists.len());
        assert!(count >= 2, "the rule `{id}` has {count} mutants");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mutant_is_seen() {
    let pairs = MUTANTS
        .iter()
        .flat_map(|(rule, twists)| twists.iter().map(|twist| (*rule, *twist)));
    let only = std::env::var("MUTANT").unwrap_or_default();
    let judged =
        stream::iter(pairs.filter(|(rule, twist)| rule.contains(&only) || twist.contains(&only)))
            .map(|(rule, twist)| async move {
                let report = conformance::run_only(|| alpha(twist), &[rule]).await;
                let outcome = report.outcome(rule).cloned();
                (rule, twist, outcome.expect("the rule was run"))
            })
            .buffered(24);
    let judged: Vec<_> = judged.collect().await;
    let mut unseen = Vec::new();
    for (rule, twist, outcome) in judged {
        match outcome {
            Outcome::Failed(why) => println!("{rule:18} sees an adapter that {twist}: {why}"),
            other => unseen.push(format!("{rule}: an adapter that {twist}: {other:?}")),
        }
    }
    assert!(unseen.is_empty(), "not seen:\n{}", unseen.join("\n"));
}
