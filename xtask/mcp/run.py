"""The agents' door of the real program, used by the protocol's own Python client on both of its wires.

    python3 run.py --chatbox PATH --venv DIR

Prints `ok NAME` or `FAIL NAME  why` for each check and ends with 1 if any failed. Writes nothing outside the folder and
a temporary one.
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
    for name in ("chatbox", "venv"):
        parser.add_argument(f"--{name}", required=True)
    asked = parser.parse_args()
    python = prepared(pathlib.Path(asked.venv).resolve())
    return subprocess.run([python, "-B", HERE / "agent.py", asked.chatbox], timeout=300).returncode


if __name__ == "__main__":
    sys.exit(main())
