"""The protocol's inspector as its users run it, on the door of an agent, and its client in TypeScript:
`inspector.py CHATBOX NODE_FOLDER`."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from house import House, Verdict, node

HERE = pathlib.Path(__file__).resolve().parent


class Inspector:
    """One command for each question."""

    def __init__(self, house: House, folder: str, home: pathlib.Path):
        self.folder = folder
        program = pathlib.Path(folder) / "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
        key = house.ask("mailboxes", "mcp-token", "main")
        self.words = [node(folder), program, "--cli", key["mcp_url"], "--transport", "http"]
        self.words += ["--header", f"Authorization: Bearer {key['mcp_token']}"]
        self.environment = {**os.environ, "HOME": str(home)}

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        words = [*self.words, *arguments]
        return subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=60)

    def ask(self, *arguments: str) -> dict:
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def call(self, tool: str, **arguments) -> dict:
        given = [f"{name}={value}" for name, value in arguments.items()]
        return self.ask("--method", "tools/call", "--tool-name", tool, *(["--tool-arg", *given] if given else []))


def it_lists_tools(house: House, inspector: Inspector) -> None:
    tools = {tool["name"]: tool for tool in inspector.ask("--method", "tools/list")["tools"]}
    assert {"list_chats", "switch_chat", "read_messages", "send_message"} <= tools.keys(), tools.keys()
    assert all(tool["title"] and tool["outputSchema"] and tool["annotations"] for tool in tools.values())


def it_calls_tools(house: House, inspector: Inspector) -> None:
    house.says("hall", "hello there")
    chats = inspector.call("list_chats", limit=5)["structuredContent"]["chats"]
    assert [chat["unread"] for chat in chats if chat["chat_id"] == "alarms:hall"] == [1], chats
    turned = inspector.call("switch_chat", chat_id="alarms:hall")
    assert "hello there" in turned["structuredContent"]["recap"], turned
    said = inspector.call("send_message", text="good morning")
    assert said["structuredContent"]["message_id"], said


def it_lists_and_reads_resources(house: House, inspector: Inspector) -> None:
    house.says("library", "read me")
    listed = {it["name"]: it["uri"] for it in inspector.ask("--method", "resources/list")["resources"]}
    read = inspector.ask("--method", "resources/read", "--uri", listed["alarms:library"])
    messages = json.loads(read["contents"][0]["text"])["messages"]
    assert [it["text"] for it in messages] == ["read me"], read
    templates = inspector.ask("--method", "resources/templates/list")["resourceTemplates"]
    assert [it["uriTemplate"] for it in templates] == ["chatbox://main/chats/{chat_id}"], templates


def a_client_in_typescript_hears_of_what_it_watches(house: House, inspector: Inspector) -> None:
    house.says("tower", "one")
    key = house.ask("mailboxes", "mcp-token", "main")
    words = [node(inspector.folder), HERE / "watch.mjs", inspector.folder, key["mcp_url"], key["mcp_token"]]
    words += ["chatbox://main/chats/alarms%3Atower"]
    watcher = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def hears(word: str, *known: str) -> None:
        """It may be told of what it knows as well: if it came with its stream after it had subscribed."""
        while (line := watcher.stdout.readline().strip()) != word:
            assert line in known, line

    try:
        hears("watches")
        house.says("tower", "two")
        hears("two", "one")
        house.says("tower", "three")
        hears("three", "two")
    finally:
        watcher.kill()
        watcher.wait()


def it_shows_a_refusal(house: House, inspector: Inspector) -> None:
    done = inspector.run("--method", "tools/call", "--tool-name", "read_messages", "--tool-arg", "chat_id=x")
    assert "invalid_chat_id" in done.stdout + done.stderr, done


def it_is_told_that_a_token_is_wrong(house: House, inspector: Inspector) -> None:
    right = inspector.words
    inspector.words = [*right[:-1], "Authorization: Bearer nobody"]
    done = inspector.run("--method", "tools/list")
    inspector.words = right
    assert done.returncode != 0, done


CHECKS = [
    it_lists_tools, it_calls_tools, it_lists_and_reads_resources, it_shows_a_refusal, it_is_told_that_a_token_is_wrong,
    a_client_in_typescript_hears_of_what_it_watches,
]


def main() -> int:
    verdict = Verdict()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        house = House(sys.argv[1], folder)
        try:
            inspector = Inspector(house, sys.argv[2], folder)
            for check in CHECKS:
                verdict.run(f"inspector {check.__name__.replace('_', ' ')}", check, house, inspector)
        finally:
            house.end()
    return verdict.code()


if __name__ == "__main__":
    sys.exit(main())
