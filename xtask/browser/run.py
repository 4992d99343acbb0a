"""Keys typed and answers read in a real browser, against the real program.

    python3 run.py --chromium PATH --chatbox PATH --fakes PATH --venv DIR --screens DIR [--only NAME]

Prints `ok NAME` or `FAIL NAME  why` for each check and ends with 1 if any failed. Writes nothing outside the two
folders and a temporary one.
"""

import argparse
import pathlib
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent


def prepared(folder: pathlib.Path) -> pathlib.Path:
    """The Python of a virtual environment that has what the checks need."""
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    wanted = (HERE / "requirements.txt").read_text()
    if not python.exists():
        venv.create(folder, with_pip=True)
    if not installed.exists() or installed.read_text() != wanted:
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
        subprocess.run([*pip, "-r", HERE / "requirements.txt"], check=True)
        installed.write_text(wanted)
    return python


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("chromium", "chatbox", "fakes", "venv", "screens"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    python = prepared(pathlib.Path(asked.venv).resolve())
    programs = [asked.chromium, asked.chatbox, asked.fakes, asked.screens, asked.only]
    return subprocess.run([python, "-B", HERE / "checks.py", *programs], timeout=900).returncode


if __name__ == "__main__":
    sys.exit(main())
