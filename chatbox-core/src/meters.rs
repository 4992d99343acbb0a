//! The names of every metric, in one place. No label ever holds a person, a chat, a mailbox or a text.

use crate::connector::Verb;
use crate::event::EventBody;
use crate::id::Platform;
use crate::store::ServiceKind;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use std::time::Duration;

/// Tells the recorder what the metrics mean.
pub fn describe() {
    describe_counter!(
        "chatbox_messages_total",
        "Events taken in or sent, by platform, direction and outcome"
    );
    describe_counter!(
        "chatbox_inbound_messages_total",
        "Events that came from a platform, by platform, type and outcome"
    );
    describe_counter!(
        "chatbox_posts_total",
        "Requests of platforms to an address of ours, by platform and outcome"
    );
    describe_counter!(
        "chatbox_degraded_total",
        "What arrived, and not as asked, by platform and verb"
    );
    describe_gauge!(
        "chatbox_connection_up",
        "Connections heard from lately, by platform"
    );
    describe_gauge!("chatbox_connections", "Connections, by platform");
    describe_gauge!(
        "chatbox_outbox_depth",
        "Deliveries that are not settled yet"
    );
    describe_counter!("chatbox_turns_total", "Turns, by outcome");
    describe_histogram!("chatbox_turn_seconds", "How long turns take");
    describe_counter!(
        "chatbox_deliveries_total",
        "Hand-outs to mailboxes' endpoints that ended, by outcome"
    );
    describe_counter!(
        "chatbox_delivery_attempts_total",
        "Attempts to hand out to mailboxes' endpoints"
    );
    describe_histogram!(
        "chatbox_delivery_seconds",
        "How long one attempt to hand out takes"
    );
    describe_counter!(
        "chatbox_focus_switches_total",
        "How often mailboxes looked elsewhere"
    );
    describe_counter!(
        "chatbox_service_events_total",
        "Service events handed to subscriptions, by event and outcome"
    );
    describe_gauge!("chatbox_build_info", "1, labelled with the version");
    begin();
}

/// What can be counted is there from the beginning: a counter that appears with its first failure never rises.
fn begin() {
    for outcome in ["done", "failed", "again", "released", "poisoned"] {
        counter!("chatbox_turns_total", "outcome" => outcome).increment(0);
    }
    for outcome in ["delivered", "failed", "unknown", "expired"] {
        counter!("chatbox_deliveries_total", "outcome" => outcome).increment(0);
    }
}

/// A connection of the platform is there.
pub(crate) fn connected(platform: &Platform) {
    connections(platform, 1.0);
    connection_up(platform, 0.0);
    for outcome in ["delivered", "failed", "unknown", "expired"] {
        let platform = platform.as_str().to_owned();
        counter!("chatbox_messages_total", "platform" => platform, "direction" => "out", "outcome" => outcome)
            .increment(0);
    }
}

pub(crate) fn inbound(platform: &Platform, body: &EventBody, outcome: &'static str) {
    message(platform, "in", outcome);
    let platform = platform.as_str().to_owned();
    counter!("chatbox_inbound_messages_total", "platform" => platform, "type" => body.kind(), "outcome" => outcome)
        .increment(1);
}

/// A platform, or somebody who says to be one, posted to an address of ours.
pub(crate) fn posted(platform: &Platform, outcome: &'static str) {
    let platform = platform.as_str().to_owned();
    counter!("chatbox_posts_total", "platform" => platform, "outcome" => outcome).increment(1);
}

pub(crate) fn outbound(platform: &Platform, outcome: &'static str) {
    message(platform, "out", outcome);
}

fn message(platform: &Platform, direction: &'static str, outcome: &'static str) {
    let platform = platform.as_str().to_owned();
    counter!("chatbox_messages_total", "platform" => platform, "direction" => direction, "outcome" => outcome)
        .increment(1);
}

/// By verb: what was lost is told in an adapter's own words, which are no label.
pub(crate) fn degraded(platform: &Platform, verb: &Verb) {
    let platform = platform.as_str().to_owned();
    counter!("chatbox_degraded_total", "platform" => platform, "verb" => verb.name()).increment(1);
}

pub(crate) fn connections(platform: &Platform, change: f64) {
    gauge!("chatbox_connections", "platform" => platform.as_str().to_owned()).increment(change);
}

pub(crate) fn connection_up(platform: &Platform, change: f64) {
    gauge!("chatbox_connection_up", "platform" => platform.as_str().to_owned()).increment(change);
}

pub(crate) fn hand_out_tried(took: Duration) {
    counter!("chatbox_delivery_attempts_total").increment(1);
    histogram!("chatbox_delivery_seconds").record(took.as_secs_f64());
}

pub(crate) fn hand_out_ended(outcome: &'static str) {
    counter!("chatbox_deliveries_total", "outcome" => outcome).increment(1);
}

/// A service event was handed to a subscription, or could not be.
pub(crate) fn event_ended(kind: ServiceKind, outcome: &'static str) {
    counter!("chatbox_service_events_total", "event" => kind.as_str(), "outcome" => outcome)
        .increment(1);
}

pub(crate) fn switched() {
    counter!("chatbox_focus_switches_total").increment(1);
}

pub(crate) fn turn(outcome: &'static str, took: Duration) {
    counter!("chatbox_turns_total", "outcome" => outcome).increment(1);
    histogram!("chatbox_turn_seconds").record(took.as_secs_f64());
}
