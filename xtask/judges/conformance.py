"""The protocol's own conformance suite on the door of an agent, and on its fixtures behind that door:
`conformance.py CHATBOX FIXTURES NODE_FOLDER`. On the product, scenarios that call what only the fixtures have, and those
of abilities the door does not claim, are left out by name. On the fixtures none is, but those that need what the door
does not do at all. A scenario that is in no list must pass."""

import asyncio
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from house import Front, House, Verdict, node

# Each suite, and what it is asked for.
OLDER = ("conformance-older", [])
NEWER = "conformance-newer"
RUNS = {
    "0.1.16": OLDER,
    "0.2.0-alpha.12 on 2025-11-25": (NEWER, ["--requirements", "2025-11-25"]),
    "0.2.0-alpha.12 on 2026-07-28": (NEWER, ["--requirements", "2026-07-28"]),
}
FIXTURES = re.compile(
    r"tools-call-.*|elicitation-sep\d+-.*|sep-2640-.*|json-schema-2020-12|resources-(read|templates|subscribe|unsubscribe).*"
    r"|prompts-.*|completion-complete|logging-set-level|input-required-result-.*|tasks-.*"
    r"|http-custom-header-server-validation"
)
# What no fixture can mend on the older wire, and why.
BEYOND = {
    # The server would ask its client something in the middle of a call and be answered by another request. Without
    # sessions an answer cannot find its question; the newer wire carries both in the call itself, and those scenarios pass.
    "tools-call-sampling",
    "tools-call-elicitation",
    "elicitation-sep1034-defaults",
    "elicitation-sep1330-enums",
    # A stream that broke off is not gone on with: the older wire keeps nothing between two requests.
    "server-sse-polling",
    # The fixtures' door has no stream to hear on and gives no session id, without which these end before they have looked at
    # anything. The product's does, and there they pass.
    "server-session-lifecycle",
    "server-sse-multiple-streams",
}
# Extensions that this server does not speak.
EXTENSIONS = re.compile(r"tasks-.*|sep-2640-.*")
# Two scenarios look at the door and at what it does not have; of their checks these need the latter.
CHECKS_OF_FIXTURES = {
    "sep-2549-prompts-list-caching-hints",
    "sep-2575-server-rejects-undeclared-capability",
    "sep-2575-missing-capability-http-400",
    "sep-2575-http-server-no-independent-requests-on-stream",
    "sep-2575-server-no-log-without-loglevel",
}
# What must be among those that pass, so that a list of nothing is not a success.
OLDEST = {"server-initialize", "ping", "tools-list", "resources-list", "dns-rebinding-protection", "server-sse-multiple-streams"}
LEAST = {
    "0.1.16": OLDEST,
    "0.2.0-alpha.12 on 2025-11-25": OLDEST | {"server-session-lifecycle"},
    "0.2.0-alpha.12 on 2026-07-28": {
        "server-stateless", "tools-list", "resources-list", "sep-2164-resource-not-found", "caching", "http-header-validation",
    },
}
# The same on the fixtures.
FIXTURES_LEAST = {"tools-call-with-progress", "resources-read-binary", "prompts-get-with-args", "completion-complete"}


async def results(url: str, folder: str, suite: str, asked: list, out: pathlib.Path) -> dict:
    """Every scenario and its checks."""
    program = pathlib.Path(folder) / "node_modules" / suite / "dist/index.js"
    words = [node(folder), program, "server", "--url", url, *asked, "--output-dir", out]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    said, _ = await process.communicate()
    found = {}
    for file in sorted(out.glob("server-*/checks.json")):
        name = re.sub(r"^server-|-\d{4}-\d\d-\d\dT.*$", "", file.parent.name)
        found[name] = json.loads(file.read_text())
    assert found, said.decode()[-2000:]
    return found


def faults(checks: list) -> list:
    """What a scenario found wrong."""
    wrong = [check for check in checks if check["status"] == "FAILURE" and check["id"] not in CHECKS_OF_FIXTURES]
    return [f"{check['id']}: {check.get('errorMessage', '')}" for check in wrong]


async def on_fixtures(program: str, folder: str, verdict: Verdict, scratch: pathlib.Path) -> None:
    server = subprocess.Popen([program], stdout=subprocess.PIPE)
    try:
        key = json.loads(server.stdout.readline())
        async with Front(key["mcp_url"].removesuffix("/mcp"), key["mcp_token"]) as url:
            for name, (suite, asked) in RUNS.items():
                out = scratch / f"fixtures-{name}".replace(" ", "-")
                found = await results(f"{url}/mcp", folder, suite, asked, out)
                left_out = set() if "2026-07-28" in asked else BEYOND
                for scenario, checks in found.items():
                    if scenario not in left_out and not EXTENSIONS.fullmatch(scenario):
                        verdict.check(f"mcp-conformance fixtures {name}: {scenario}", " | ".join(wrong(checks)))
                missing = FIXTURES_LEAST - found.keys()
                verdict.check(f"mcp-conformance fixtures {name}: every scenario ran", ", ".join(missing))
    finally:
        server.kill()
        server.wait()


def wrong(checks: list) -> list:
    """What a scenario found wrong, where nothing is missing."""
    failed = [f"{it['id']}: {it.get('errorMessage', '')}" for it in checks if it["status"] == "FAILURE"]
    # A scenario that looked at nothing shows nothing.
    return failed or ([] if any(it["status"] == "SUCCESS" for it in checks) else ["nothing was looked at"])


async def on_product(chatbox: str, folder: str, verdict: Verdict, scratch: pathlib.Path) -> None:
    house = House(chatbox, scratch)
    house.says("room", "hello")
    try:
        key = house.ask("mailboxes", "mcp-token", "main")
        async with Front(house.url, key["mcp_token"]) as url:
            for name, (suite, asked) in RUNS.items():
                out = scratch / name.replace(" ", "-")
                found = await results(f"{url}/mcp/main", folder, suite, asked, out)
                judge(verdict, name, {it: checks for it, checks in found.items() if not FIXTURES.fullmatch(it)})
    finally:
        house.end()
    verdict.check("mcp-conformance nothing panicked", house.faults())


def judge(verdict: Verdict, name: str, found: dict) -> None:
    for scenario, checks in found.items():
        # A scenario that looked at nothing shows nothing.
        if any(check["status"] == "SUCCESS" for check in checks) or faults(checks):
            verdict.check(f"mcp-conformance {name}: {scenario}", " | ".join(faults(checks)))
    missing = LEAST[name] - found.keys()
    verdict.check(f"mcp-conformance {name}: every scenario ran", ", ".join(missing))


def main() -> int:
    verdict = Verdict()
    with tempfile.TemporaryDirectory() as folder:
        chatbox, fixtures, node_folder = sys.argv[1:]
        asyncio.run(on_product(chatbox, node_folder, verdict, pathlib.Path(folder)))
        asyncio.run(on_fixtures(fixtures, node_folder, verdict, pathlib.Path(folder)))
    return verdict.code()


if __name__ == "__main__":
    sys.exit(main())
