#!/usr/bin/env python3
"""A connector process in Python's standard library: the adapter of a made-up network, the lobby.

Written from docs/CONNECTOR_CONTRACT.md alone. `Lobby` stands for the network and would be somebody else's server;
`Connector` is the adapter, and what you would write.

    CHATBOX_CONNECTOR_TOKEN=a-long-secret python3 examples/connector.py --port 9000
    chatbox channels add connector --url http://127.0.0.1:9000 --token-file token

People talk in the lobby through its side door, which the conformance suite uses too:

    curl -H "Authorization: Bearer a-long-secret" http://127.0.0.1:9000/vendor/v1/say \\
         -d '{"room": "dm-1", "sender": "u1", "text": "hello"}'
"""

import argparse
import hmac
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LONGEST_TEXT = 500          # code points in one message of the lobby
HEARTBEAT = 0.4             # seconds between two signs of life of the lobby
BEAT = 10.0                 # seconds between two line ends on an open stream, at most
PATIENCE = 2.0              # seconds the adapter waits for the lobby
LONGEST_BODY = 1024 * 1024  # bytes of a request


# ---- the network --------------------------------------------------------------------------------------------------


class Failure(Exception):
    """What the lobby, or the way to it, makes of a request."""

    def __init__(self, what, wait_ms=0):
        super().__init__(what)
        self.what, self.wait_ms = what, wait_ms


class Lobby:
    """Rooms of people, in memory. Its account for the connector is `u0`."""

    def __init__(self):
        self.changed = threading.Condition()
        self.updates = []       # everything that happened, in order; its number is its place, from 1
        self.safe = set()       # numbers of updates that the connector said are safe
        self.sent = []          # what the connector's account said
        self.keys = {}          # the key of each of its messages, so that a repetition is recognised
        self.reactions = {}
        self.typing, self.shows_fail = 0, False
        self.listeners = 0
        self.faults = []
        self.wire, self.epoch, self.revoked = "up", 0, False

    # What the account may ask.

    def request(self):
        """Every request goes over the wire and shows the credential."""
        wire = self.wire
        if wire == "down":
            raise Failure("unreachable")
        if wire == "silent":
            time.sleep(PATIENCE)
            raise Failure("lost")
        if self.revoked:
            raise Failure("unauthorized")

    def write(self, act):
        self.request()
        with self.changed:
            fault = self.faults.pop(0) if self.faults else None
            if fault is None:
                return act()
            if fault.what == "cut_after_accept":
                act()
                raise Failure("lost")
            raise fault

    def post(self, room, text, key, reply_to):
        def act():
            if len(text) > LONGEST_TEXT:
                raise Failure("refused")
            if key not in self.keys:
                self.keys[key] = f"s{len(self.sent) + 1}"
                message = {"id": self.keys[key], "room": room, "text": text, "reply_to": reply_to}
                self.sent.append({**message, "deleted": False, "edits": 0, "preview": False})
            return self.keys[key]

        return self.write(act)

    def own(self, name):
        for message in self.sent:
            if message["id"] == name and not message["deleted"]:
                return message
        raise Failure("not_found")

    def edit(self, name, text):
        def act():
            message = self.own(name)
            message["text"] = text
            message["edits"] += 1

        self.write(act)

    def delete(self, name):
        self.write(lambda: self.own(name).update(deleted=True))

    def react(self, name, emoji):
        self.write(lambda: self.reactions.update({name: emoji}))

    def writes(self):
        self.request()
        if self.shows_fail:
            raise Failure("server_error")
        self.typing += 1

    # What people do.

    def happens(self, room, sender, kind, addressed=True, **what):
        with self.changed:
            number = len(self.updates) + 1
            update = {"number": number, "name": f"m{number}", "room": room, "sender": sender}
            update.update(kind=kind, at=int(time.time() * 1000), addressed=addressed, **what)
            self.updates.append(update)
            self.changed.notify_all()
            return update["name"]

    def about(self, name):
        for update in self.updates:
            if update["name"] == name:
                return update
        for message in self.sent:
            if message["id"] == name:
                return {"room": message["room"], "sender": "u0"}
        raise Failure("not_found")

    def again(self, name):
        with self.changed:
            self.updates.append({**self.about(name), "number": len(self.updates) + 1})
            self.changed.notify_all()

    def set_wire(self, wire):
        with self.changed:
            self.epoch += wire in ("cut", "down")
            self.wire = "up" if wire == "cut" else wire
            self.changed.notify_all()


# ---- the adapter --------------------------------------------------------------------------------------------------


ABOUT = {
    "manifest": {"platform": "lobby", "title": "The lobby"},
    "capabilities": {
        "delivery": "idempotent",
        "text": {"max": LONGEST_TEXT, "unit": "scalar"},
        "reply": {},
        "edit": {},
        "delete": {},
        "react": {},
        "typing": {},
        "heartbeat_ms": 1000,
    },
}

# What the lobby's failures mean to the outbox: the kind, and the status for whoever reads no body.
MEANING = {
    "unauthorized": ("unauthorized", 401),
    "not_found": ("not_found", 404),
    "refused": ("invalid", 422),
    "rate_limited": ("rate_limited", 429),
    "unreachable": ("unavailable", 503),
    "server_error": ("ambiguous", 504),
    "lost": ("ambiguous", 504),
}


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status, kind, message, **more):
        super().__init__(message)
        self.status, self.body = status, {"error": {"kind": kind, "message": message, **more}}


def meaning(failure):
    kind, status = MEANING[failure.what]
    more = {"retry_after_ms": failure.wait_ms} if failure.wait_ms else {}
    return Refusal(status, kind, f"the lobby: {failure.what}", **more)


def as_event(update):
    """An update of the lobby as chatbox reads it. What is not known is handed on as such, so that nothing vanishes."""
    kind = update["kind"]
    if kind == "message":
        body = {"kind": "message", "text": update["text"]}
        if update["reply_to"]:
            body["reply_to"] = update["reply_to"]
    elif kind == "change":
        body = {"kind": "edit", "target": update["target"], "content": {"text": update["text"]}}
    elif kind == "take_back":
        body = {"kind": "delete", "target": update["target"]}
    elif kind == "reaction":
        body = {"kind": "reaction", "target": update["target"], "emoji": [update["emoji"]]}
    else:
        body = {"kind": "unsupported", "what": kind}
    room = update["room"]
    return {
        "id": update["name"],
        "chat": {"handle": room, "kind": "dm" if room.startswith("dm-") else "group"},
        "sender": {"id": update["sender"]},
        "at": update["at"],
        "body": body,
        "addressed": update["addressed"],
    }


class Connector:
    """The adapter: it translates and nothing else. No queue, no retry, no word about who may talk."""

    def __init__(self, lobby):
        self.lobby = lobby
        self.stream = 0

    def probe(self, _asked):
        self.lobby.request()
        return {"id": "u0", "name": "chatbox in the lobby"}

    def perform(self, asked):
        verb, text = asked["verb"], asked.get("text", "")
        name, lobby = verb["verb"], self.lobby
        if name == "send":
            return {"message": lobby.post(asked["chat"], text, asked["id"], verb.get("reply_to"))}
        if name == "edit":
            lobby.edit(verb["target"], text)
        elif name == "delete":
            lobby.delete(verb["target"])
        elif name == "react":
            lobby.react(verb["target"], verb["emoji"])
        elif name == "typing":
            lobby.writes()
        else:
            raise Refusal(422, "unsupported", f"the lobby has no `{name}`")
        return {}

    def confirm(self, asked):
        """Every fate but `later` means that the update need not come again."""
        with self.lobby.changed:
            if asked["stream"] == str(self.stream):
                fates = (told for told in asked["fates"] if told["fate"] != "later")
                self.lobby.safe.update(told["n"] for told in fates)
        return None

    def open(self, asked):
        """The lines of a stream that begins after the cursor. It ends when another one is opened."""
        lobby, at = self.lobby, int(asked["cursor"] or 0)
        lobby.request()
        with lobby.changed:
            self.stream += 1
            own, epoch = self.stream, lobby.epoch
            lobby.listeners += 1
            lobby.changed.notify_all()
        try:
            yield {"type": "opened", "stream": str(own)}
            yield {"type": "alive"}
            shown = time.monotonic()
            while True:
                with lobby.changed:
                    lobby.changed.wait_for(lambda: self.has_news(own, at, epoch), HEARTBEAT)
                    if self.stream != own:
                        return
                    lost = self.lost(epoch)
                    fresh = lobby.updates[at:] if lobby.wire == "up" else []
                    up = lobby.wire == "up"
                if lost:
                    yield {"type": "error", **lost.body}
                    return
                for update in fresh:
                    at = update["number"]
                    yield {"type": "event", "n": at, "cursor": str(at), "event": as_event(update)}
                if up and not fresh:
                    yield {"type": "alive"}
                if up or time.monotonic() - shown > BEAT:
                    shown = time.monotonic()
                    yield None
        finally:
            with lobby.changed:
                lobby.listeners -= 1

    def has_news(self, own, at, epoch):
        lobby = self.lobby
        news = lobby.wire == "up" and len(lobby.updates) > at
        return self.stream != own or news or self.lost(epoch) is not None

    def lost(self, epoch):
        if self.lobby.wire == "silent":
            return None
        if self.lobby.epoch != epoch:
            return Refusal(503, "unavailable", "the lobby hung up")
        return meaning(Failure("unauthorized")) if self.lobby.revoked else None


# ---- the side door ------------------------------------------------------------------------------------------------


class SideDoor:
    """The people of the lobby, and what goes wrong there, as the conformance suite plays them."""

    def __init__(self, lobby):
        self.lobby = lobby

    def say(self, asked):
        addressed = asked.get("addressed", True) or asked["room"].startswith("dm-")
        what = {"text": asked["text"], "reply_to": asked.get("reply_to"), "addressed": addressed}
        return {"message": self.lobby.happens(asked["room"], asked["sender"], "message", **what)}

    def sent(self, _asked):
        return {"sent": self.lobby.sent}

    def confirmed(self, _asked):
        with self.lobby.changed:
            updates = [self.lobby.updates[number - 1] for number in self.lobby.safe]
            return {"messages": [update["name"] for update in updates]}

    def redeliver(self, asked):
        self.lobby.again(asked["message"])

    def garbage(self, asked):
        self.lobby.happens(asked["room"], "u1", "a dance")

    def change(self, asked):
        self.follow(asked, "change", text=asked["text"])

    def take_back(self, asked):
        self.follow(asked, "take_back")

    def react(self, asked):
        self.follow(asked, "reaction", emoji=asked["emoji"])

    def follow(self, asked, kind, **what):
        about = self.lobby.about(asked["message"])
        sender = asked.get("sender", about["sender"])
        self.lobby.happens(about["room"], sender, kind, target=asked["message"], **what)

    def reactions(self, asked):
        return {"emoji": self.lobby.reactions.get(asked["message"], [])}

    def shown(self, _asked):
        return {"typing": self.lobby.typing}

    def fail_next(self, asked):
        self.lobby.faults.append(Failure(asked["fault"], asked["wait_ms"]))

    def fail_shows(self, _asked):
        self.lobby.shows_fail = True

    def wire(self, asked):
        self.lobby.set_wire(asked["wire"])

    def revoke(self, asked):
        with self.lobby.changed:
            self.lobby.revoked = asked["revoked"]
            self.lobby.changed.notify_all()

    def connections(self, _asked):
        return {"count": self.lobby.listeners}


# ---- HTTP ---------------------------------------------------------------------------------------------------------


class Door(BaseHTTPRequestHandler):
    """One request, answered as the contract has it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    token, connector, side = "", None, None

    def do_GET(self):
        self.answer(lambda: self.about())

    def do_POST(self):
        self.answer(lambda: self.asked())

    def about(self):
        if self.path != "/connector/v1":
            raise Refusal(404, "not_found", "there is no such path")
        return ABOUT

    def asked(self):
        root, _, what = self.path.rpartition("/")
        if root == "/connector/v1" and what in ("probe", "perform", "confirm", "open"):
            return getattr(self.connector, what)(self.body())
        if root == "/vendor/v1" and not what.startswith("_") and hasattr(SideDoor, what):
            return getattr(self.side, what)(self.body()) or {}
        raise Refusal(404, "not_found", "there is no such path")

    def body(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > LONGEST_BODY:
            self.close_connection = True
            raise Refusal(413, "invalid", f"a request has at most {LONGEST_BODY} bytes")
        try:
            return json.loads(self.rfile.read(length) or b"{}")
        except ValueError as error:
            raise Refusal(422, "invalid", f"the request cannot be read: {error}") from error

    def answer(self, act):
        try:
            shown = self.headers.get("Authorization", "")
            if not hmac.compare_digest(shown.encode(), f"Bearer {self.token}".encode()):
                self.close_connection = True
                raise Refusal(401, "unauthorized", "this is not the connector's token")
            done = act()
            if hasattr(done, "__next__"):
                return self.lines(done)
            self.whole(204 if done is None else 200, done)
        except Refusal as refusal:
            self.whole(refusal.status, refusal.body)
        except Failure as failure:
            refusal = meaning(failure)
            self.whole(refusal.status, refusal.body)
        except (KeyError, TypeError, ValueError) as error:
            refusal = Refusal(422, "invalid", f"the request lacks what it needs: {error!r}")
            self.whole(refusal.status, refusal.body)
        except OSError:
            self.close_connection = True

    def whole(self, status, body):
        body = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def lines(self, lines):
        """An answer that stays open. The first line decides whether there is one: an error comes before it."""
        first = next(lines)
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            self.wfile.write(json.dumps(first).encode() + b"\n")
            for line in lines:
                self.wfile.write((json.dumps(line).encode() if line else b"") + b"\n")
        finally:
            lines.close()

    def log_message(self, *_):
        pass


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--port", type=int, default=9000, help="0 takes a free one")
    options = options.parse_args()
    lobby = Lobby()
    Door.token = os.environ.get("CHATBOX_CONNECTOR_TOKEN", "")
    if len(Door.token) < 16:
        raise SystemExit("set CHATBOX_CONNECTOR_TOKEN to a secret of at least 16 characters")
    Door.connector, Door.side = Connector(lobby), SideDoor(lobby)
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Door)
    server.daemon_threads = True
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
