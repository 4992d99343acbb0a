"""Proves the fakes with clients written by others.

    python3 run.py --fakes PATH_TO_BINARY --venv DIR

Writes nothing outside DIR. Prints `ok NAME` or `FAIL NAME why` for each check and ends with 1 if any failed.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
TOKEN = "7000001:PROOF-token"


def prepared(folder: pathlib.Path) -> pathlib.Path:
    """The Python of a virtual environment that has what the checks need."""
    python = folder / "bin" / "python"
    installed = folder / "installed.txt"
    wanted = REQUIREMENTS.read_text()
    if not python.exists():
        venv.create(folder, with_pip=True)
    if not installed.exists() or installed.read_text() != wanted:
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
        subprocess.run([*pip, "-r", REQUIREMENTS], check=True)
        installed.write_text(wanted)
    return python


def started(fakes: str, *arguments: str) -> tuple[subprocess.Popen, str]:
    """A running fake and its address."""
    process = subprocess.Popen([fakes, *arguments], stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline().strip()
    if not line.startswith("listening http://"):
        process.kill()
        raise SystemExit(f"FAIL start {arguments[0]} said {line!r}")
    return process, line.removeprefix("listening ")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fakes", required=True, help="the chatbox-fakes binary")
    parser.add_argument("--venv", required=True, type=pathlib.Path, help="folder of the virtual environment")
    asked = parser.parse_args()
    python = prepared(asked.venv.resolve())
    telegram, telegram_url = started(
        asked.fakes, "telegram", "--token", TOKEN, "--token", "7000002:STRICT", "--username", "proof_bot"
    )
    model, model_url = started(asked.fakes, "model")
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "TELEGRAM_URL": telegram_url,
        "TELEGRAM_TOKEN": TOKEN,
        "MODEL_URL": model_url,
    }
    try:
        # Each in a process of its own: one that crashes must not hide the others.
        parts = ["whole_bot.py", "strict_reader.py", "models.py"]
        codes = [subprocess.run([python, HERE / part], env=environment, timeout=300).returncode for part in parts]
    finally:
        telegram.kill()
        model.kill()
    for part, code in zip(parts, codes):
        if code not in (0, 1):
            print(f"FAIL {part} ended with {code}")
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
