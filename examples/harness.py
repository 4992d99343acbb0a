#!/usr/bin/env python3
"""An agent in a chatbox mailbox: its signed webhook in, its MCP tools out, and nothing else. docs/webhooks.md runs it."""
import base64, hashlib, hmac, json, os, time, urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

URL, TOKEN, SECRET = (os.environ[f"CHATBOX_{it}"] for it in ("MCP_URL", "MCP_TOKEN", "WEBHOOK_SECRET"))
WIRE, SEEN = "2026-07-28", set()

def agent(message):
    """Yours goes here: a model that is given the tools, or a program such as this one."""
    if message["type"] == "message":
        tool("switch_chat", chat_id=message["chat_id"])
        tool("send_message", chat_id=message["chat_id"], text="You said: " + message["content"])

def tool(name, **arguments):
    meta = {"protocolVersion": WIRE, "clientInfo": {"name": "harness", "version": "1"}, "clientCapabilities": {}}
    meta = {f"io.modelcontextprotocol/{key}": value for key, value in meta.items()}
    params = {"name": name, "arguments": arguments, "_meta": meta}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Mcp-Method": "tools/call",
               "Mcp-Name": name, "MCP-Protocol-Version": WIRE, "Accept": "application/json, text/event-stream"}
    with urllib.request.urlopen(urllib.request.Request(URL, body, headers), timeout=60) as answer:
        result = json.load(answer)["result"]
    if result["isError"]:
        raise OSError(result["content"][0]["text"])
    return result["structuredContent"]

class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body, id = self.rfile.read(int(self.headers["content-length"])), self.headers.get("webhook-id", "")
        at, given = self.headers.get("webhook-timestamp", "0"), self.headers.get("webhook-signature", "")
        key = base64.b64decode(SECRET.strip().removeprefix("whsec_"))
        made = base64.b64encode(hmac.digest(key, f"{id}.{at}.".encode() + body, hashlib.sha256)).decode()
        signed = any(hmac.compare_digest(it.encode(), f"v1,{made}".encode()) for it in given.split())
        status = 204 if signed and abs(time.time() - int(at)) < 300 else 401
        if status == 204 and id not in SEEN:
            try:
                agent(json.loads(body))
                SEEN.add(id)
            except OSError:
                status = 503  # chatbox comes again, under the same id
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8090"))), Hook).serve_forever()
