//! The Slack adapter of chatbox.
