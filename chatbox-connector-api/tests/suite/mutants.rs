//! Adapters that are wrong in one way, and the rule that must see it.

use crate::{alpha, asking, gamma};
use chatbox_connector_api::conformance::{self, Outcome, Vendor};
use futures_util::{StreamExt, stream};

/// Rules, each with the faults it must see.
type Table = &'static [(&'static str, &'static [&'static str])];

/// Faults of the adapter that can do everything.
const MUTANTS: Table = &[
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
            "panics at what is not ASCII",
            "loses what is beyond the basic plane",
        ],
    ),
    (
        "order-in",
        &[
            "hands on the newest first",
            "swaps neighbours",
            "takes equal words for a repetition",
        ],
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
        &[
            "keeps a place of its own",
            "begins with what is new",
            "tells the platform what it lets go of",
        ],
    ),
    (
        "resumes",
        &[
            "forgets its cursor",
            "goes one too far",
            "goes one back",
            "begins with what is new",
            "goes back with its places",
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
            "answers every group in the first",
        ],
    ),
    (
        "order-out",
        &[
            "sends in its own time",
            "sends when it likes",
            "says nothing twice",
        ],
    ),
    (
        "long-text",
        &[
            "cuts long texts",
            "drops code",
            "counts characters where the platform counts units",
            "cuts where it likes",
            "claims a longer text than the wire's",
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
            "logs its token",
            "writes its token into its place",
            "writes its token into where files are",
            "prints its token when a file does not come",
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
            "swallows an event when it is limited",
            "waits not at all",
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
            "says its last words again after a cut",
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
            "does not know its own words",
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
            "names all changes of a message alike",
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
            "names all changes of a message alike",
        ],
    ),
    (
        "media-out",
        &[
            "corrupts files",
            "cuts files",
            "loses the names of files",
            "reverses files",
            "drops the second file",
            "claims a longer caption than the wire's",
            "loses names that are not ASCII",
        ],
    ),
    (
        "media-in",
        &[
            "corrupts files it receives",
            "cuts files it receives",
            "loses the names of files it receives",
            "takes only the first of several files",
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
        &[
            "says its drafts",
            "shows nothing",
            "shows something else",
            "shows that it writes to somebody else",
        ],
    ),
    (
        "shows-fail",
        &["breaks after a failed draft", "says what it cannot show"],
    ),
    (
        "typing",
        &[
            "shows nothing",
            "says that it is writing",
            "shows that it writes to somebody else",
        ],
    ),
    (
        "previews",
        &[
            "leaves previews on",
            "leaves previews on in edits",
            "leaves previews on in replies",
        ],
    ),
    (
        "mentions",
        &[
            "thinks that everything is meant for it",
            "hears no mention",
            "takes a group for two",
            "names people in groups otherwise",
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
    (
        "code",
        &[
            "joins the lines of code",
            "takes the indentation from code",
            "takes empty lines from code",
            "drops code",
        ],
    ),
    (
        "hanging",
        &["waits for ever for an answer", "asks until it is answered"],
    ),
    (
        "buttons",
        &[
            "shows no buttons",
            "shows one button",
            "turns the buttons round",
            "shows buttons once more",
            "forgets whose button it was",
            "takes the first message's button",
        ],
    ),
    (
        "answer",
        &[
            "answers no button",
            "answers every button twice",
            "answers buttons late",
            "answers buttons unasked",
            "takes a button for a message",
            "forgets where answers go",
        ],
    ),
    (
        "answer-words",
        &[
            "answers the newest button",
            "answers buttons without words",
            "answers buttons unasked",
            "answers no button",
        ],
    ),
    (
        "mark-read",
        &["marks nothing", "marks the newest", "marks what it hears"],
    ),
    (
        "whole",
        &["cuts what it receives", "joins lines that it receives"],
    ),
    (
        "markup",
        &[
            "drops lists",
            "drops quotes",
            "drops tables",
            "drops headings",
            "runs paragraphs together",
            "takes words for markup",
        ],
    ),
    (
        "edit-fails",
        &[
            "takes a refused change for done",
            "takes a limited change for done",
            "gives up a change",
        ],
    ),
];

/// Faults of the adapter that can ask what became of a message.
const ASKING: Table = &[
    (
        "cut-after-accept",
        &[
            "says that nothing arrived",
            "cannot say what arrived",
            "never asks",
            "resends when the answer is lost",
        ],
    ),
    (
        "server-error",
        &["says that everything arrived", "never asks"],
    ),
    (
        "found-again",
        &[
            "finds the first message",
            "finds a message without its name",
        ],
    ),
    ("grows", &["edits by sending anew", "does not edit"]),
];

/// Faults of the adapter of people's windows.
const NATIVE: Table = &[
    ("probe", &["is somebody else each time"]),
    ("commit-first", &["acknowledges at once"]),
    ("failed-commit", &["acknowledges at once"]),
    (
        "catches-up",
        &[
            "shows only what is new",
            "shows everything again",
            "skips a line after a pause",
            "shows what was missed newest first",
        ],
    ),
    (
        "own-chat",
        &["shows everybody everything", "takes all windows for one"],
    ),
    ("origin", &["shows everybody everything"]),
    ("edit", &["shows no changes"]),
    ("delete", &["shows no deletions"]),
];

/// Makes a world whose adapter has a fault.
type Make = fn(&'static str) -> Box<dyn Vendor>;

/// Every rule, fault, and the adapter that has it.
fn planted() -> impl Iterator<Item = (&'static str, &'static str, Make)> {
    let tables: [(Table, Make); 3] = [(MUTANTS, alpha), (ASKING, asking), (NATIVE, gamma)];
    tables.into_iter().flat_map(|(table, make)| {
        let rows = table.iter();
        rows.flat_map(move |(rule, twists)| twists.iter().map(move |twist| (*rule, *twist, make)))
    })
}

#[test]
fn every_rule_has_two_mutants() {
    for (id, _, _) in conformance::rules() {
        let count = planted().filter(|(rule, _, _)| *rule == id).count();
        assert!(count >= 2, "the rule `{id}` has {count} mutants");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mutant_is_seen() {
    let only = std::env::var("MUTANT").unwrap_or_default();
    let chosen = planted().filter(|(rule, twist, _)| rule.contains(&only) || twist.contains(&only));
    let judged = stream::iter(chosen)
        .map(|(rule, twist, make)| async move {
            let report = conformance::run_only(|| make(twist), &[rule]).await;
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
