"""Proves the fakes with clients written by others.

    python run.py --fakes PATH_TO_BINARY --node FOLDER

The Python is one that has what `requirements.txt` lists, the folder one whose `node_modules` has discord.js and Slack's own packages. Prints `ok NAME` or `FAIL NAME why` for each check and ends with 1 if any failed.
"""

import argparse
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOKEN = "7000001:PROOF-token"
SLACK_TOKENS = ["xoxb-0000000000-0000000000-PROOFproofPROOF", "xapp-1-A0APP-0000000000-PROOFproofPROOF"]
DISCORD_TOKEN = "MTAwMDAwMDAwMDAw.PROOF.token-token-token-token-token"


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
    parser.add_argument("--node", required=True, help="a folder with node_modules")
    asked = parser.parse_args()
    telegram, telegram_url = started(
        asked.fakes, "telegram", "--token", TOKEN, "--token", "7000002:STRICT", "--username", "proof_bot"
    )
    model, model_url = started(asked.fakes, "model")
    discord, discord_url = started(asked.fakes, "discord", "--token", DISCORD_TOKEN)
    slack, slack_url = started(asked.fakes, "slack", "--token", SLACK_TOKENS[0], "--app-token", SLACK_TOKENS[1])
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
        commands = [[sys.executable, HERE / part] for part in parts]
        node = next(pathlib.Path(asked.node).glob("node_modules/node-*/bin/node"))
        parts += ["discord.mjs", "slack.mjs"]
        commands.append([node, HERE / "discord.mjs", asked.node, discord_url, DISCORD_TOKEN])
        commands.append([node, HERE / "slack.mjs", asked.node, slack_url, *SLACK_TOKENS])
        codes = [subprocess.run(command, env=environment, timeout=300).returncode for command in commands]
    finally:
        discord.kill()
        slack.kill()
        telegram.kill()
        model.kill()
    for part, code in zip(parts, codes):
        if code not in (0, 1):
            print(f"FAIL {part} ended with {code}")
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
