"""The program under proof and what stands around it, started and ended by the checks."""

import http.server
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def ask(method: str, url: str, body=None, token: str = ""):
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    with OPENER.open(request, timeout=20) as answer:
        text = answer.read()
    return json.loads(text) if text else None


class Model:
    """The model server, whose tokens wait at a gate."""

    def __init__(self, fakes: str):
        self.process = subprocess.Popen([fakes, "model"], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[-1]

    def do(self, act: str, **body):
        ask("POST", f"{self.url}/_control/{act}", body)

    def held(self) -> list:
        return ask("GET", f"{self.url}/_control/held?at_least=1&wait_ms=10000")

    def end(self):
        self.process.kill()
        self.process.wait()


class Agent:
    """A mailbox's agent, over the protocol's newest wire."""

    WIRE = "2026-07-28"

    def __init__(self, url: str, token: str):
        self.url, self.token = url, token

    def call(self, tool: str, **arguments):
        """Calls a tool: what it answers, as data."""
        meta = {
            "io.modelcontextprotocol/protocolVersion": self.WIRE,
            "io.modelcontextprotocol/clientInfo": {"name": "checks", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params = {"name": tool, "arguments": arguments, "_meta": meta}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        headers = {
            "content-type": "application/json", "accept": "application/json, text/event-stream",
            "authorization": f"Bearer {self.token}", "mcp-protocol-version": self.WIRE,
            "mcp-method": "tools/call", "mcp-name": tool,
        }
        request = urllib.request.Request(self.url, data=json.dumps(body).encode(), headers=headers, method="POST")
        with OPENER.open(request, timeout=70) as answer:
            said = json.loads(answer.read())
        assert not said["result"].get("isError"), said
        return said["result"]["structuredContent"]


class Chatbox:
    """The program, in a data folder of its own and on a port it keeps over restarts."""

    def __init__(self, program: str, config: str = '[backend]\nkind = "echo"\n'):
        self.program = program
        self.folder = tempfile.TemporaryDirectory(prefix="chatbox-browser-")
        self.data = pathlib.Path(self.folder.name) / "data"
        self.config = pathlib.Path(self.folder.name) / "config.toml"
        self.config.write_text(config)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.start()

    def start(self):
        said = self.data / "serve.json"
        said.unlink(missing_ok=True)
        log = open(self.data.with_suffix(".log"), "a")
        words = [self.program, "--data-dir", self.data, "--config", self.config, "--listen", f"127.0.0.1:{self.port}"]
        hidden = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "CHATBOX_TELEGRAM_TOKEN", "CHATBOX_DB_URL")
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        for _ in range(1200):
            if said.exists():
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError("it does not start: " + self.data.with_suffix(".log").read_text()[-2000:])

    def login_link(self) -> str:
        token = (self.data / "operator.token").read_text().strip()
        return ask("POST", f"{self.url}/v1/login-links", {}, token)["url"]

    def agent(self) -> "Agent":
        token = (self.data / "operator.token").read_text().strip()
        given = ask("POST", f"{self.url}/v1/mailboxes/main/mcp-token", {}, token)
        return Agent(f"{self.url}/mcp/main", given["mcp_token"])

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
        self.folder.cleanup()


class Elsewhere:
    """A page of somebody else, on another port."""

    def __init__(self, page: str):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.end_headers()
                self.wfile.write(page.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self):
        self.server.shutdown()
