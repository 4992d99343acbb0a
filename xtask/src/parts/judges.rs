//! Judges that others wrote: bots and clients against the fakes, a browser against the page, the protocols' own clients,
//! suites and libraries against the running program. Scripts in Python start both sides and say what was found.

use super::proof;
use crate::install;
use crate::part::{House, Outcome};
use crate::tool;
use anyhow::Result;
use std::ffi::OsString;
use std::process::Command;

/// Where most of the scripts are, and the lists of what they need.
const JUDGES: &str = "xtask/judges";

/// Runs a script of `folder` with these arguments.
fn script(
    house: &House,
    part: &str,
    (folder, name): (&str, &str),
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Outcome> {
    let python = match install::python(house, part, folder)? {
        Ok(python) => python,
        Err(missing) => return Ok(missing),
    };
    let mut command = Command::new(python);
    command
        .arg("-B")
        .arg(house.root.join(folder).join(name))
        .args(arguments);
    proof::run(house, part, command)
}

/// The same, where the script needs what comes from npm: the folder it is in goes last.
fn script_with_node(
    house: &House,
    part: &str,
    name: &str,
    programs: impl IntoIterator<Item = OsString>,
) -> Result<Outcome> {
    match install::node(house, part, JUDGES)? {
        Ok(node) => {
            let arguments = programs.into_iter().chain([node.into_os_string()]);
            script(house, part, (JUDGES, name), arguments)
        }
        Err(missing) => Ok(missing),
    }
}

fn chatbox(house: &House) -> Result<OsString> {
    Ok(house.binary("chatbox")?.into_os_string())
}

/// The fakes against bots and clients written by others.
pub(crate) fn fakes(house: &House) -> Result<Outcome> {
    let fakes = house.binary("chatbox-fakes")?.into_os_string();
    let node = match install::node(house, "fakes", JUDGES)? {
        Ok(node) => node.into_os_string(),
        Err(missing) => return Ok(missing),
    };
    script(
        house,
        "fakes",
        ("chatbox-fakes/proof", "run.py"),
        ["--fakes".into(), fakes, "--node".into(), node],
    )
}

/// The page in a real browser.
pub(crate) fn browser(house: &House) -> Result<Outcome> {
    let Some(chromium) = tool::CHROMIUM.find() else {
        let how = tool::CHROMIUM.how;
        return Ok(Outcome::missing(house, "browser", "Chromium", how));
    };
    let fakes = house.binary("chatbox-fakes")?;
    let screens = house.target.join("screens");
    let arguments = [
        chromium.into(),
        chatbox(house)?,
        fakes.into(),
        screens.into(),
    ];
    script(house, "browser", ("xtask/browser", "checks.py"), arguments)
}

/// The agents' door with the protocol's own client.
pub(crate) fn mcp(house: &House) -> Result<Outcome> {
    script(house, "mcp", (JUDGES, "agent.py"), [chatbox(house)?])
}

/// The agents' door with the protocol's conformance suite, in both its generations; and the suite's fixtures behind it.
pub(crate) fn conformance(house: &House) -> Result<Outcome> {
    let fixtures = house.binary("chatbox-fixtures")?.into_os_string();
    let programs = [chatbox(house)?, fixtures];
    script_with_node(house, "mcp-conformance", "conformance.py", programs)
}

/// The agents' door with the protocol's inspector.
pub(crate) fn inspector(house: &House) -> Result<Outcome> {
    script_with_node(house, "inspector", "inspector.py", [chatbox(house)?])
}

/// A real signal-cli, which has a Java of its own: the adapter, its fake and the program beside it.
pub(crate) fn signal_cli(house: &House) -> Result<Outcome> {
    const FOLDER: &str = "xtask/judges/signal";
    const PART: &str = "signal-cli";
    let example = house.binary("beside_signal_cli")?.into_os_string();
    match install::node(house, PART, FOLDER)? {
        Ok(node) => {
            let arguments = [example, chatbox(house)?, node.into_os_string()];
            script(house, PART, (FOLDER, "beside.py"), arguments)
        }
        Err(missing) => Ok(missing),
    }
}

/// What a running server posts, with the libraries that receivers use.
pub(crate) fn webhooks(house: &House) -> Result<Outcome> {
    script_with_node(house, "webhooks", "webhooks.py", [chatbox(house)?])
}

/// What a platform posts to a running server, signed by its own library.
pub(crate) fn hooks(house: &House) -> Result<Outcome> {
    let fakes = house.binary("chatbox-fakes")?.into_os_string();
    let programs = [chatbox(house)?, fakes];
    script(house, "hooks", (JUDGES, "hooks.py"), programs)
}

/// The API against its own document.
pub(crate) fn api(house: &House) -> Result<Outcome> {
    script(house, "api", (JUDGES, "api.py"), [chatbox(house)?])
}
