"""What a running server posts, verified by the libraries of Standard Webhooks for Python and JavaScript:
`webhooks.py CHATBOX NODE_FOLDER`. They know shared secrets; signatures of a key pair are checked with what each language
has for ed25519."""

import base64
import contextlib
import datetime
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import standardwebhooks.webhooks
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from house import House, Verdict, node
from standardwebhooks import Webhook, WebhookVerificationError

HERE = pathlib.Path(__file__).resolve().parent
TEXTS = ["hello", 'a "quote" and a \\ and a\nline', "日本語 👍🏽 é\u2028", "x" * 20_000, "$TEXT {{ text }} \u202e"]


class Sink:
    """Somebody's web server. Answers with the next status it was told, then with 204."""

    def __init__(self):
        came, answers = self.came, self.answers = [], []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = answers.pop(0) if answers else 204
                came.append({"headers": headers, "body": body})
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count: int) -> list:
        until = time.monotonic() + 30
        while len(self.came) < count:
            assert time.monotonic() < until, f"{len(self.came)} of {count} came"
            time.sleep(0.01)
        return self.came[:count]


class Python:
    """The library from PyPI."""

    def verifies(self, secret: str, came: dict, later: int = 0) -> bool:
        class Later(datetime.datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.datetime.now(tz) + datetime.timedelta(seconds=later)

        standardwebhooks.webhooks.datetime = Later
        try:
            Webhook(secret).verify(came["body"], came["headers"])
        except WebhookVerificationError:
            return False
        return True

    def verifies_with_key(self, key: bytes, came: dict) -> bool:
        headers = came["headers"]
        text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{came['body']}".encode()
        for one in headers["webhook-signature"].split(" "):
            kind, _, signature = one.partition(",")
            with contextlib.suppress(InvalidSignature):
                if kind == "v1a":
                    Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(signature), text)
                    return True
        return False


class JavaScript:
    """The library from npm, in a process of its own."""

    def __init__(self, folder: str):
        words = [node(folder), HERE / "webhooks.mjs", folder]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **asked) -> bool:
        print(json.dumps(asked), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def verifies(self, secret: str, came: dict, later: int = 0) -> bool:
        return self.ask(secret=secret, later=later, **came)

    def verifies_with_key(self, key: bytes, came: dict) -> bool:
        return self.ask(key=base64.b64encode(key).decode(), **came)


def secret() -> str:
    return "whsec_" + base64.b64encode(os.urandom(32)).decode()


def key_pair() -> tuple[str, bytes]:
    """What the server signs with, and what a receiver checks with."""
    made = Ed25519PrivateKey.generate()
    private = made.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = made.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return "whsk_" + base64.b64encode(private + public).decode(), public


def altered(came: dict):
    """The delivery with one byte changed, at every place that is signed."""
    headers, body = came["headers"], came["body"]
    for at in range(len(body)):
        yield {"headers": headers, "body": body[:at] + chr(ord(body[at]) ^ 1) + body[at + 1 :]}
    for name in ("webhook-id", "webhook-timestamp"):
        value = headers[name]
        for at in range(len(value)):
            other = "1" if value[at] == "0" else "0"
            yield {"headers": {**headers, name: value[:at] + other + value[at + 1 :]}, "body": body}
    other = secret_of_nobody(headers["webhook-signature"])
    yield {"headers": {**headers, "webhook-signature": other}, "body": body}


def secret_of_nobody(signatures: str) -> str:
    return " ".join(one[:5] + ("B" if one[5] == "A" else "A") + one[6:] for one in signatures.split(" "))


class Stage:
    """A server that posts to a sink, signed with these secrets."""

    def __init__(self, chatbox: str, folder: pathlib.Path, secrets: list):
        self.sink, self.secrets = Sink(), folder / "secrets"
        self.live(secrets)
        config = f'[webhook]\nurl = "{self.sink.url}"\nallow_private = true\nsecrets_file = "{self.secrets}"\n'
        self.house = House(chatbox, folder, config)

    def live(self, secrets: list) -> None:
        self.secrets.write_text("\n".join(secrets) + "\n")
        self.secrets.chmod(0o600)

    def post(self, texts: list) -> list:
        """Deliveries of these texts."""
        before = len(self.sink.came)
        for text in texts:
            self.house.says("room", text)
        return self.sink.wait(before + len(texts))[before:]


def deliveries_verify(stage: Stage, judge, live: list) -> None:
    for came in stage.post(TEXTS):
        assert judge.verifies(live[0], came), came
        assert not judge.verifies(secret(), came), "with a secret that is nobody's"


def an_altered_byte_does_not(stage: Stage, judge, live: list) -> None:
    came = stage.post(["hello"])[0]
    assert judge.verifies(live[0], came)
    for nth, other in enumerate(altered(came)):
        assert not judge.verifies(live[0], other), f"change {nth}: {other}"


def an_old_one_does_not(stage: Stage, judge, live: list) -> None:
    came = stage.post(["hello"])[0]
    assert judge.verifies(live[0], came, later=240)
    for later in (360, -360):
        assert not judge.verifies(live[0], came, later), later


def another_attempt_verifies_under_the_same_id(stage: Stage, judge, live: list) -> None:
    before = len(stage.sink.came)
    stage.sink.answers.append(503)
    stage.house.says("room", "again")
    first, second = stage.sink.wait(before + 2)[before:]
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
    assert first["headers"]["webhook-timestamp"] < second["headers"]["webhook-timestamp"]
    assert judge.verifies(live[0], first) and judge.verifies(live[0], second)


def both_verify_while_a_secret_is_replaced(stage: Stage, judge, live: list) -> None:
    older, newer = live[0], secret()
    for secrets, knows in (([newer, older], (True, True)), ([newer], (False, True)), ([older], (True, False))):
        restart(stage, secrets)
        came = stage.post(["hello"])[0]
        assert (judge.verifies(older, came), judge.verifies(newer, came)) == knows, secrets


def signatures_of_a_key_pair_verify(stage: Stage, judge, live: list) -> None:
    private, public = key_pair()
    _, other = key_pair()
    restart(stage, [private, live[0]])
    for came in stage.post(TEXTS):
        assert judge.verifies_with_key(public, came) and judge.verifies(live[0], came)
        assert not judge.verifies_with_key(other, came)
    assert not any(judge.verifies_with_key(public, it) for it in altered(stage.post(["hello"])[0]))
    restart(stage, live)


def restart(stage: Stage, secrets: list) -> None:
    stage.house.end()
    stage.live(secrets)
    stage.house.start()


CHECKS = [
    deliveries_verify,
    an_altered_byte_does_not,
    an_old_one_does_not,
    another_attempt_verifies_under_the_same_id,
    both_verify_while_a_secret_is_replaced,
    signatures_of_a_key_pair_verify,
]


def main() -> int:
    verdict, live = Verdict(), [secret()]
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(sys.argv[1], pathlib.Path(folder), live)
        try:
            for judge in (Python(), JavaScript(sys.argv[2])):
                for check in CHECKS:
                    name = f"webhooks {check.__name__.replace('_', ' ')} in {type(judge).__name__}"
                    verdict.run(name, check, stage, judge, live)
        finally:
            stage.house.end()
    return verdict.code()


if __name__ == "__main__":
    sys.exit(main())
