"""The program that is judged: started, asked, ended. And how a verdict is said."""

import asyncio
import json
import os
import pathlib
import subprocess
import time
import traceback
import urllib.request

os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"


class House:
    """The program in a folder of its own, on a free port."""

    def __init__(self, chatbox: str, folder: pathlib.Path, config: str = '[backend]\nkind = "none"\n'):
        self.chatbox, self.data, self.config = chatbox, folder / "data", folder / "config.toml"
        self.config.write_text(config)
        self.feed, self.said = None, 0
        self.start()
        self.feed = self.ask("channels", "add", "http", "alarms")

    def start(self) -> None:
        notice = self.data / "serve.json"
        notice.unlink(missing_ok=True)
        arguments = ["--data-dir", self.data, "--config", self.config, "--listen", "127.0.0.1:0"]
        self.log = open(self.data.with_suffix(".log"), "ab")
        self.process = subprocess.Popen([self.chatbox, *arguments], stdout=subprocess.DEVNULL, stderr=self.log)
        until = time.monotonic() + 60
        while not notice.exists():
            if time.monotonic() > until or self.process.poll() is not None:
                raise SystemExit("FAIL start  it does not start")
            time.sleep(0.02)
        self.url = json.loads(notice.read_text())["url"]

    def ask(self, *arguments: str) -> dict:
        """What a command of the program says."""
        words = [self.chatbox, "--data-dir", self.data, *arguments, "--json"]
        done = subprocess.run(words, check=True, capture_output=True)
        return json.loads(done.stdout)

    def says(self, chat: str, text: str) -> str:
        """Somebody says something, in each chat another; its message id."""
        self.said += 1
        event = {"event_id": str(self.said), "chat": {"handle": chat}, "sender": {"id": f"of {chat}"}, "text": text}
        request = urllib.request.Request(
            f"{self.url}/v1/connections/{self.feed['id']}/messages",
            json.dumps(event).encode(),
            {"Authorization": f"Bearer {self.feed['inbound_token']}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["message_id"]

    def faults(self) -> str:
        """What the log says of a panic."""
        text = self.data.with_suffix(".log").read_text(errors="replace")
        return "\n".join(line for line in text.splitlines() if "panicked" in line)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(15)


class Front:
    """Stands before the program and adds the credential: for judges that have none to send. Passes on everything else as
    it came, Host and Origin among it."""

    def __init__(self, url: str, token: str):
        self.host, _, port = url.removeprefix("http://").partition(":")
        self.port, self.token = int(port), token

    async def __aenter__(self) -> str:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        return "http://127.0.0.1:{}".format(self.server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_) -> None:
        self.server.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            behind, before = await asyncio.open_connection(self.host, self.port)
            first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
            # One request a connection: whatever follows in it is the request's own body.
            lines = [line for line in lines if not line.lower().startswith(("connection:", "authorization:"))]
            lines += [f"Authorization: Bearer {self.token}", "Connection: close"]
            before.write("\r\n".join([first, *lines, "", ""]).encode("latin-1"))
            ways = [asyncio.create_task(self.pass_on(*way)) for way in ((reader, before), (behind, writer))]
            # Whichever side goes away, the other has nothing more to say.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            before.close()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        writer.close()

    @staticmethod
    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()


class Verdict:
    """`ok NAME` and `FAIL NAME  why`, a line each."""

    def __init__(self):
        self.failed = False

    def run(self, name: str, check, *given) -> None:
        """A check that raises has failed."""
        try:
            done = check(*given)
            if asyncio.iscoroutine(done):
                asyncio.run(asyncio.wait_for(done, 60))
            print(f"ok {name}", flush=True)
        except Exception as error:
            traceback.print_exc()
            self.fail(name, repr(error))

    def check(self, name: str, why: str) -> None:
        """Nothing is wrong, or this is."""
        if why:
            self.fail(name, why)
        else:
            print(f"ok {name}", flush=True)

    def fail(self, name: str, why: str) -> None:
        self.failed = True
        print(f"FAIL {name}  {' | '.join(why.splitlines()):.600}", flush=True)

    def code(self) -> int:
        return 1 if self.failed else 0


def node(folder: str) -> str:
    """The newer Node among what came from npm."""
    return str(next(pathlib.Path(folder).glob("node_modules/node-*/bin/node")))
