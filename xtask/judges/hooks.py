"""What a platform posts to the running program, signed by the platform's own library: `hooks.py CHATBOX FAKES`. The shapes of
the requests are those of Slack's documents."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from house import House, Verdict
from slack_sdk.signature import SignatureVerifier

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TOKEN = "xoxb-0000000000-0000000000-JUDGEjudgeJUDGE"
# The one person whom the fake knows.
ADA, IM = "U0ADA", "DU0ADA"
SOON = 30


# Whatever a log may hold, it holds nothing of what was posted.
os.environ["CHATBOX_LOG_LEVEL"] = "debug"


class Slack:
    """A fake for what the program asks, and the library for what it is told."""

    def __init__(self, fakes: str):
        words = [fakes, "slack", "--token", TOKEN]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip().removeprefix("listening ")
        self.signer, self.count, self.hook = SignatureVerifier(SECRET), 0, ""

    def said(self) -> list[str]:
        """What the bot said."""
        with urllib.request.urlopen(f"{self.url}/_control/messages") as answer:
            return [message["text"] for message in json.load(answer)]

    def until_said(self, word: str) -> None:
        until = time.monotonic() + SOON
        while not any(word in text for text in self.said()):
            assert time.monotonic() < until, f"{word!r} was not said: {self.said()}"
            time.sleep(0.02)

    def post(self, body: str, kind: str = "application/json", late: int = 0, sent: str | None = None) -> tuple[int, str]:
        """Signs a body, and sends it or another; what was answered."""
        at = str(int(time.time()) - late)
        headers = {
            "Content-Type": kind,
            "X-Slack-Request-Timestamp": at,
            "X-Slack-Signature": self.signer.generate_signature(timestamp=at, body=body),
        }
        request = urllib.request.Request(self.hook, (sent or body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=SOON) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())["code"]

    def message(self, text: str) -> str:
        """Somebody says something to the bot, as the Events API tells it."""
        self.count += 1
        ts = f"{int(time.time())}.{self.count:06}"
        event = {"type": "message", "channel": IM, "user": ADA, "text": text, "ts": ts, "event_ts": ts, "channel_type": "im"}
        return json.dumps({
            "token": "verification", "team_id": "T0TEAM", "api_app_id": "A0APP", "event": event, "type": "event_callback",
            "event_id": f"Ev{self.count:08}", "event_time": int(time.time()),
            "authorizations": [{"enterprise_id": None, "team_id": "T0TEAM", "user_id": "U0BOT", "is_bot": True}],
        })

    def form(self, **fields: str) -> tuple[int, str]:
        return self.post(urllib.parse.urlencode(fields), "application/x-www-form-urlencoded")


def confirmed(slack: Slack) -> None:
    asked = {"token": "verification", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P", "type": "url_verification"}
    assert slack.post(json.dumps(asked)) == (200, asked["challenge"])


def answered(slack: Slack, code: str) -> None:
    assert slack.post(slack.message(code)) == (200, "")
    slack.until_said("Hello")
    words = "is anybody 日本語 there?"
    told = slack.message(words)
    assert slack.post(told) == (200, "")
    slack.until_said(words)
    # What was not heard to be answered is told again.
    assert slack.post(told) == (200, "")
    assert slack.post(slack.message("and now?")) == (200, "")
    slack.until_said("and now?")
    assert sum(words in text for text in slack.said()) == 1, slack.said()


def commanded(slack: Slack) -> None:
    team = {"token": "verification", "team_id": "T0TEAM", "team_domain": "test", "api_app_id": "A0APP"}
    place = {"channel_id": IM, "channel_name": "directmessage", "user_id": ADA, "user_name": "ada"}
    trigger = "738656222389.36467.6ba45e1aa"
    asked = slack.form(**team, **place, command="/status", text="", trigger_id=trigger, response_url=f"{slack.url}/commands/1")
    assert asked == (200, ""), asked
    slack.until_said("Answered by")


def pressed(slack: Slack) -> None:
    now = f"{time.time():.6f}"
    action = {"type": "button", "block_id": "b1", "action_id": "a1", "value": "yes & no", "action_ts": now}
    payload = {
        "type": "block_actions", "team": {"id": "T0TEAM"}, "user": {"id": ADA, "team_id": "T0TEAM"}, "api_app_id": "A0APP",
        "container": {"type": "message", "message_ts": now, "channel_id": IM}, "trigger_id": "1.2.b", "channel": {"id": IM},
        "message": {"type": "message", "ts": now, "text": "?", "bot_id": "B0BOT"}, "actions": [action],
        "response_url": f"{slack.url}/actions/T0TEAM/1/1",
    }
    begun = time.monotonic()
    assert slack.form(payload=json.dumps(payload)) == (200, "")
    assert time.monotonic() - begun < 3
    payload["user"]["id"], payload["trigger_id"] = "U0EVE", "1.2.c"
    assert slack.form(payload=json.dumps(payload)) == (403, "refused")


def refused(slack: Slack) -> None:
    told = slack.message("never to be heard")
    assert slack.post(told, sent=told + " ") == (401, "unsigned")
    assert slack.post(told, late=400) == (401, "stale")
    assert slack.post("no JSON") == (400, "unreadable")
    own, slack.signer = slack.signer, SignatureVerifier("another apps secret")
    assert slack.post(told) == (401, "unsigned")
    slack.signer = own
    assert slack.post(slack.message("only this")) == (200, "")
    slack.until_said("only this")
    assert not any("never to be heard" in text for text in slack.said())


def written(house: House) -> str:
    """What the log holds and should not."""
    text = house.data.with_suffix(".log").read_text(errors="replace")
    assert "refused" in text, "nothing was written at all"
    return "".join(word for word in (SECRET, TOKEN, "never to be heard", "is anybody", "v0=") if word in text)


def main() -> int:
    verdict, slack = Verdict(), Slack(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        house = House(sys.argv[1], folder, f'[backend]\nkind = "echo"\n[channels.slack]\napi_base = "{slack.url}"\n')
        try:
            secrets = {"bot_token": TOKEN, "signing_secret": SECRET}
            for name, secret in secrets.items():
                (folder / name).write_text(secret)
            files = [word for name in secrets for word in ("--secret-file", f"{name}={folder / name}")]
            added = house.ask("channels", "add", "slack", *files)
            slack.hook = added["hook_url"]
            verdict.run("hooks an address is confirmed", confirmed, slack)
            verdict.run("hooks what is said is answered once", answered, slack, added["pairing_code"])
            verdict.run("hooks a command is answered", commanded, slack)
            verdict.run("hooks a button is acknowledged and a strangers is not", pressed, slack)
            verdict.run("hooks what is not signed is not taken", refused, slack)
            verdict.check("hooks nothing panicked", house.faults())
            verdict.check("hooks nothing of it is written", written(house))
        finally:
            house.end()
            slack.process.kill()
    return verdict.code()


if __name__ == "__main__":
    sys.exit(main())
