"""What all checks share: control over HTTP, pictures, and the list of results."""

import asyncio
import json
import struct
import sys
import traceback
import urllib.request
import zlib


class Control:
    """The acts and looks below /_control/ of a fake."""

    def __init__(self, url: str, query: str = ""):
        self.url, self.query = url, query

    def post(self, act: str, **body):
        data = json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/_control/{act}?{self.query}", data, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def get(self, what: str, **asked):
        query = "&".join([self.query, *(f"{name}={value}" for name, value in asked.items())])
        with urllib.request.urlopen(f"{self.url}/_control/{what}?{query}", timeout=30) as answer:
            return json.load(answer)

    async def do(self, act: str, **body):
        return await asyncio.to_thread(lambda: self.post(act, **body))

    async def see(self, what: str, **asked):
        return await asyncio.to_thread(lambda: self.get(what, **asked))


def picture(width: int, height: int, shade: int) -> bytes:
    """A grey PNG of that size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes((shade + x + y) % 256 for x in range(width)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Checks:
    """Runs checks one by one and prints what came of each."""

    def __init__(self, family: str):
        self.family, self.failed = family, 0

    def note(self, name: str, error: BaseException | None = None):
        if error is None:
            print(f"ok {self.family}.{name}", flush=True)
            return
        self.failed += 1
        frame = traceback.extract_tb(error.__traceback__)[-1]
        why = f"{type(error).__name__}: {error} ({frame.name}:{frame.lineno})".replace("\n", " ")
        print(f"FAIL {self.family}.{name} {why}", flush=True)

    def run(self, check, *arguments):
        name = check.__name__
        try:
            check(*arguments)
        except Exception as error:
            self.note(name, error)
        else:
            self.note(name)

    async def arun(self, check, *arguments):
        name = check.__name__
        try:
            await asyncio.wait_for(check(*arguments), 60)
        except Exception as error:
            self.note(name, error)
        else:
            self.note(name)

    def end(self):
        sys.exit(1 if self.failed else 0)


def raises(kind, call, *arguments, **named):
    """The exception of that kind which the call must raise."""
    try:
        result = call(*arguments, **named)
    except kind as error:
        return error
    raise AssertionError(f"{kind} expected, got {result!r}")


async def araises(kind, awaitable):
    """The exception of that kind which the awaitable must raise."""
    try:
        result = await awaitable
    except kind as error:
        return error
    raise AssertionError(f"{kind} expected, got {result!r}")
