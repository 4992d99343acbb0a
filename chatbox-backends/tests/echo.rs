//! Echo as a backend.

mod house;

use chatbox_backends::Echo;
use chatbox_core::backend::{BackendError, CognitiveBackend, ReplySink};
use house::turn;

#[tokio::test]
async fn what_was_shown_is_what_is_said() {
    let (sink, mut shown) = ReplySink::channel();
    let outcome = Echo
        .turn(turn(&["one two", "three"]), sink)
        .await
        .expect("echo does not fail");
    assert_eq!(outcome.replies[0].text, "You said: one two\nthree");
    assert_eq!(outcome.replies.len(), 1);
    assert_eq!(shown.borrow_and_update().text, outcome.replies[0].text);
}

#[tokio::test]
async fn a_cancelled_turn_says_nothing() {
    let turn = turn(&["hi"]);
    turn.cancelled.cancel();
    let error = Echo
        .turn(turn, ReplySink::nowhere())
        .await
        .expect_err("it was cancelled");
    assert!(matches!(error, BackendError::Cancelled));
}
