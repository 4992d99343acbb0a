"""The API of a running server against the document it serves: `api.py CHATBOX [--seed N] [--examples N]`. The document
against the specification, and then what the document allows and forbids, sent as a client nobody here wrote thinks of it."""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

from house import House, Verdict
from openapi_spec_validator import OpenAPIV31SpecValidator

INBOUND = "POST /v1/connections/{id}/messages"
# What is right by the document can still be refused, where what is right is not the document's to say.
BEYOND = {
    # Which channels there are is the program's, and what their settings are is the channel's.
    "POST /v1/connections": [422],
    # A word such as "changeme" stands where a secret belongs.
    "POST /v1/credentials": [422],
    # And 412: which revision stands is not for a document to know.
    "PUT /v1/credentials/{id}": [412, 422],
    # A template must be one, a credential must be there, and an address is looked up before it is believed.
    "POST /v1/mailboxes": [422],
    "PUT /v1/mailboxes/{id}": [412, 422],
    "PUT /v1/mailboxes/{id}/templates/{key}": [422],
    "POST /v1/subscriptions": [422],
    # What must be there depends on the kind of event, and lengths are in bytes.
    INBOUND: [422],
}
FINE = ["2xx", "3xx", 401, 403, 404, 409, 429]


def document_is_valid(house: House) -> None:
    with urllib.request.urlopen(f"{house.url}/openapi.json") as answer:
        document = json.load(answer)
    assert document["openapi"].startswith("3.1"), document["openapi"]
    faults = [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()]
    assert not faults, faults


def config(house: House) -> str:
    """Who may ask, and the one door that has a credential of its own."""
    operator = (house.data / "operator.token").read_text().strip()
    lines = ["[headers]", f'Authorization = "Bearer {operator}"']
    for name, more in BEYOND.items():
        statuses = json.dumps(FINE + more)
        lines += ["[[operations]]", f'include-name = "{name}"']
        lines += [f"checks.positive_data_acceptance.expected-statuses = {statuses}"]
    # The last one is the inbound door.
    lines += [f'headers = {{ Authorization = "Bearer {house.feed["inbound_token"]}" }}']
    lines += [f'parameters = {{ "path.id" = "{house.feed["id"]}" }}']
    return "\n".join(lines) + "\n"


def holds(house: House, folder: pathlib.Path, seed: int, examples: int) -> None:
    settings = folder / "schemathesis.toml"
    settings.write_text(config(house))
    program = pathlib.Path(sys.executable).with_name("schemathesis")
    words = [program, "--config-file", settings, "run", f"{house.url}/openapi.json", "--checks", "all"]
    # One at a time: Python 3.11 cannot parse in two threads at once, which the generators do.
    words += ["--seed", str(seed), "--max-examples", str(examples), "--workers", "1", "--no-color"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    print(done.stdout, done.stderr, file=sys.stderr)
    found = re.split(r"=+ (?:ERRORS|FAILURES) =+", done.stdout, maxsplit=1)[-1]
    assert done.returncode == 0, found.partition("= SUMMARY =")[0]


def nothing_panicked(house: House) -> None:
    assert not house.faults(), house.faults()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chatbox")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--examples", type=int, default=8)
    asked = parser.parse_args()
    verdict = Verdict()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        house = House(asked.chatbox, folder)
        house.says("room", "hello")
        try:
            verdict.run("api the document is valid OpenAPI 3.1", document_is_valid, house)
            print(f"seed {asked.seed}, {asked.examples} examples an operation", flush=True)
            verdict.run("api every answer is as its document says", holds, house, folder, asked.seed, asked.examples)
            verdict.run("api nothing panicked", nothing_panicked, house)
        finally:
            house.end()
    return verdict.code()


if __name__ == "__main__":
    sys.exit(main())
