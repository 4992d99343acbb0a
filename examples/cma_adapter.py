#!/usr/bin/env python3
"""Lets a managed agent live in a chatbox mailbox.

chatbox posts each message here, signed. It becomes an event of the agent's session; when the agent calls one of chatbox's
tools, the call is made on the mailbox's MCP address and its result goes back into the session. Standard library only.
docs/CMA_INTEGRATION.md goes through it.

  cma_adapter.py          serves until it is stopped
  cma_adapter.py tools    prints chatbox's tools as an agent's definition takes them
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 5 * 60  # seconds a signature is good for
LARGEST = 1024 * 1024  # bytes of a webhook
REMEMBERED = 1000  # deliveries that are known again when they are repeated
SILENCE = 5 * 60  # seconds without an event before the stream is opened anew


def verified(headers, body, secrets, now):
    """Whether a body was signed with one of the secrets, a moment ago (standardwebhooks.com)."""
    delivery, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not delivery or not at.isdigit() or abs(now - int(at)) > TOLERANCE:
        return False
    given = [it[3:] for it in headers.get("webhook-signature", "").split() if it.startswith("v1,")]
    signed = f"{delivery}.{at}.".encode() + body
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        made = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        if any(hmac.compare_digest(made, it) for it in given):
            return True
    return False


def ask(method, url, headers, body=None, timeout=60):
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", **headers}
    request = urllib.request.Request(url, data, headers, method=method)
    return urllib.request.urlopen(request, timeout=timeout)


def events(stream):
    """The events of an open stream (server-sent events, each one line of data)."""
    for line in stream:
        if line.startswith(b"data:"):
            yield json.loads(line[5:])


class Mailbox:
    """The agent's mailbox: an MCP address and its token."""

    def __init__(self, url, token):
        self.url, self.token = url, token

    def request(self, method, params):
        wire = "2026-07-28"
        meta = {
            "io.modelcontextprotocol/protocolVersion": wire,
            "io.modelcontextprotocol/clientInfo": {"name": "cma_adapter", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        headers = {
            "authorization": f"Bearer {self.token}",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": wire,
            "mcp-method": method,
        }
        if "name" in params:
            headers["mcp-name"] = params["name"]
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        with ask("POST", self.url, headers, body) as answer:
            if answer.headers.get_content_type() == "text/event-stream":
                return next(it for it in events(answer) if "id" in it)
            return json.load(answer)

    def tools(self):
        """chatbox's tools as custom tools of an agent."""
        for tool in self.request("tools/list", {})["result"]["tools"]:
            yield {
                "type": "custom",
                "name": tool["name"],
                "description": tool["description"],
                "input_schema": tool["inputSchema"],
            }

    def call(self, name, arguments):
        """What the tool says, and whether it refused."""
        try:
            answer = self.request("tools/call", {"name": name, "arguments": arguments})
        except urllib.error.HTTPError as error:
            return f"{name} could not be called: {error.code}", True
        if "error" in answer:
            return answer["error"]["message"], True
        result = answer["result"]
        texts = [it["text"] for it in result.get("content", []) if it.get("type") == "text"]
        return "\n".join(texts), bool(result.get("isError"))


class Session:
    """The agent's session: what it is told, and the calls it makes."""

    def __init__(self, base, key, mailbox, state):
        self.base, self.key, self.mailbox, self.state = base, key, mailbox, state
        self.open_calls = {}

    def ask(self, method, path, body=None, timeout=60, accept="application/json"):
        headers = {
            "x-api-key": self.key,
            "anthropic-version": "2023-06-01",
            "anthropic-beta": "managed-agents-2026-04-01",
            "accept": accept,
        }
        return ask(method, self.base + path, headers, body, timeout)

    def begin(self, agent, environment):
        """Goes on with the session there is, or begins one."""
        if not self.state.session:
            wanted = {"agent": agent, "environment_id": environment}
            with self.ask("POST", "/v1/sessions", wanted) as answer:
                self.state.began(json.load(answer)["id"])
        self.path = f"/v1/sessions/{self.state.session}/events"

    def send(self, event):
        self.ask("POST", self.path, {"events": [event]}).close()

    def tell(self, text):
        self.send({"type": "user.message", "content": [{"type": "text", "text": text}]})

    def follow(self):
        """Makes the agent's calls, for as long as the program runs."""
        while True:
            try:
                # Opened before looking back, so that nothing falls in between.
                accept = "text/event-stream"
                with self.ask("GET", self.path + "/stream", timeout=SILENCE, accept=accept) as live:
                    for event in self.past():
                        self.note(event)
                    self.answer()
                    for event in events(live):
                        self.note(event)
                        if event["type"] == "session.status_idle":
                            self.answer()
            except (OSError, ValueError) as error:
                print(f"the session's events broke off: {error}", file=sys.stderr)
            time.sleep(1)

    def past(self):
        page = ""
        while True:
            with self.ask("GET", self.path + page) as answer:
                listed = json.load(answer)
            yield from listed["data"]
            if not listed.get("next_page"):
                return
            page = "?page=" + urllib.request.quote(listed["next_page"])

    def note(self, event):
        if event["type"] == "agent.custom_tool_use":
            self.open_calls[event["id"]] = event
        elif event["type"] == "user.custom_tool_result":
            self.open_calls.pop(event["custom_tool_use_id"], None)

    def answer(self):
        for call in list(self.open_calls.values()):
            said, refused = self.mailbox.call(call["name"], call["input"])
            self.send({
                "type": "user.custom_tool_result",
                "custom_tool_use_id": call["id"],
                "content": [{"type": "text", "text": said}],
                "is_error": refused,
            })
            self.open_calls.pop(call["id"], None)


class State:
    """What outlives a restart: the session, and which deliveries it was told of."""

    def __init__(self, path):
        self.path, self.session, self.told = path, None, []
        if os.path.exists(path):
            with open(path) as file:
                self.session, self.told = json.load(file)

    def save(self):
        with open(self.path + ".new", "w") as file:
            json.dump([self.session, self.told[-REMEMBERED:]], file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path + ".new", self.path)

    def began(self, session):
        self.session = session
        self.save()

    def was_told(self, delivery):
        self.told.append(delivery)
        self.save()


def hook(session, state, secrets):
    one_at_a_time = threading.Lock()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(self.take())
            self.send_header("content-length", "0")
            self.end_headers()

        def take(self):
            length = self.headers.get("content-length", "")
            if not length.isdigit() or int(length) > LARGEST:
                return 413
            body = self.rfile.read(int(length))
            if not verified(self.headers, body, secrets, time.time()):
                return 401
            message, delivery = json.loads(body), self.headers["webhook-id"]
            with one_at_a_time:
                if delivery in state.told:
                    return 204
                try:
                    # What it says of the other chats is for now: it comes last, where a cached beginning ends.
                    session.tell("\n\n".join(filter(None, [message["content"], message.get("ephemeral")])))
                except OSError as error:
                    print(f"the session cannot be told: {error}", file=sys.stderr)
                    return 503  # chatbox comes again, under the same id
                state.was_told(delivery)
            return 204

        def log_message(self, *_):
            pass

    return Hook


def main():
    env = os.environ
    mailbox = Mailbox(env["CHATBOX_MCP_URL"], env["CHATBOX_MCP_TOKEN"])
    if sys.argv[1:] == ["tools"]:
        json.dump(list(mailbox.tools()), sys.stdout, indent=2)
        return
    with open(env["CHATBOX_WEBHOOK_SECRET_FILE"]) as file:
        secrets = [line.strip() for line in file if line.strip().startswith("whsec_")]
    state = State(env.get("CMA_STATE", "cma_adapter.json"))
    base = env.get("ANTHROPIC_BASE_URL", "https://api.anthropic.com")
    session = Session(base, env["ANTHROPIC_API_KEY"], mailbox, state)
    session.begin(env["CMA_AGENT_ID"], env["CMA_ENVIRONMENT_ID"])
    threading.Thread(target=session.follow, daemon=True).start()
    place = ("127.0.0.1", int(env.get("PORT", "8090")))
    ThreadingHTTPServer(place, hook(session, state, secrets)).serve_forever()


if __name__ == "__main__":
    main()
