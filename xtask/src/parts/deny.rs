//! Dependencies: what `deny.toml` says of bans, licences and sources.

use crate::part::{House, Outcome};
use crate::shell::{self, tail};
use crate::tool;
use anyhow::Result;
use std::time::Duration;

pub(crate) fn deny(house: &House) -> Result<Outcome> {
    if tool::in_path("cargo-deny").is_none() {
        let how = "install it: cargo install --locked cargo-deny";
        return Ok(Outcome::missing(house, "deny", "cargo-deny", how));
    }
    let mut cargo = house.cargo("deny");
    cargo.args(["--all-features", "check", "bans", "licenses", "sources"]);
    let done = shell::run(house, "deny", cargo, Duration::from_secs(300))?;
    let outcome = Outcome::one("deny", done.ok);
    Ok(if done.ok {
        outcome
    } else {
        outcome.note(tail(&done.said(), 40))
    })
}
