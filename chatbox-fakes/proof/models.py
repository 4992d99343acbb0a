"""The clients of OpenAI, Anthropic and Ollama talk to the fake: whole, streamed, held back, refused, broken."""

import base64
import os
import time

import anthropic
import httpx
import httpx2
import ollama
import openai

from support import Checks, Control, picture, raises

URL = os.environ["MODEL_URL"]
control = Control(URL)
WORDS = "grüße an alle hier"
TOKENS = ["grüße ", "an ", "alle ", "hier"]
PNG = base64.b64encode(picture(20, 20, 3)).decode()


def last_request():
    return control.get("requests")[-1]


def script(**body):
    control.post("script", **body)


def held_stream(stream):
    """Reads a stream whose second token is held: it must not exist before it is released."""
    first = next(stream)
    held = control.get("held", at_least=1, wait_ms=5000)
    assert first == "one " and [r["tokens_sent"] for r in held] == [1], (first, held)
    time.sleep(0.1)
    assert last_request()["tokens_sent"] == 1
    control.post("release")
    assert list(stream) == ["two ", "three"]


HOLD = {"reply": {"text": "one two three"}, "hold_after": 1}


class OpenAi:
    client = openai.OpenAI(base_url=f"{URL}/v1", api_key="sk-x", max_retries=0)
    patient = openai.OpenAI(base_url=f"{URL}/v1", api_key="sk-x", max_retries=2)

    def whole(self, client=None, content=WORDS, **more):
        messages = [{"role": "system", "content": "be kind"}, {"role": "user", "content": content}]
        return (client or self.client).chat.completions.create(model="fake-1", messages=messages, **more)

    def tokens(self):
        for chunk in self.whole(stream=True):
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content

    def answers_whole(self):
        answer = self.whole(max_completion_tokens=100)
        assert answer.choices[0].message.content == WORDS and answer.choices[0].finish_reason == "stop"
        assert answer.usage.completion_tokens == 4
        assert last_request()["system"] == "be kind" and last_request()["max_tokens"] == 100
        assert self.whole(max_tokens=2).choices[0].finish_reason == "length"

    def streams(self):
        assert list(self.tokens()) == TOKENS
        chunks = list(self.whole(stream=True, stream_options={"include_usage": True}))
        assert chunks[-1].usage.total_tokens == chunks[-1].usage.prompt_tokens + 4
        assert chunks[-2].choices[0].finish_reason == "stop"

    def holds_a_token(self):
        script(**HOLD)
        held_stream(self.tokens())

    def sees_pictures(self):
        url = {"url": f"data:image/png;base64,{PNG}"}
        self.whole(content=[{"type": "text", "text": "see"}, {"type": "image_url", "image_url": url}])
        image = last_request()["messages"][0]["images"][0]
        assert (image["media_type"], image["data"]) == ("image/png", PNG)

    def lists_models(self):
        assert [m.id for m in self.client.models.list()] == ["fake-1"]

    def maps_errors(self):
        kinds = [(401, openai.AuthenticationError), (404, openai.NotFoundError), (500, openai.InternalServerError)]
        for status, kind in kinds:
            script(fault="status", status=status)
            raises(kind, self.whole)
        script(fault="status", status=429, retry_after=7)
        error = raises(openai.RateLimitError, self.whole)
        assert error.response.headers["retry-after"] == "7" and error.code == "rate_limit_exceeded"
        script(fault="status", status=502, html=True)
        raises(openai.InternalServerError, self.whole)
        script(fault="error", after=1)
        raises(openai.APIError, lambda: list(self.tokens()))

    def retries_by_itself(self):
        script(fault="status", status=429, retry_after=1)
        script(fault="status", status=500)
        assert self.whole(client=self.patient).choices[0].message.content == WORDS

    def breaks(self):
        script(fault="cut", after=2)
        raises((openai.APIError, httpx.HTTPError, httpx2.HTTPError), lambda: list(self.tokens()))
        script(fault="wrong_json", after=1)
        raises(Exception, lambda: list(self.tokens()))
        script(fault="wrong_json")
        raises(Exception, lambda: self.whole().choices)
        script(fault="never")
        raises(openai.APITimeoutError, lambda: self.whole(timeout=0.3))
        script(reply="empty")
        assert list(self.tokens()) == []


class Anthropic:
    client = anthropic.Anthropic(base_url=URL, api_key="sk-x", max_retries=0)
    patient = anthropic.Anthropic(base_url=URL, api_key="sk-x", max_retries=2)

    def asked(self, content=WORDS):
        return {"model": "fake-1", "max_tokens": 100, "system": "be kind", "messages": [{"role": "user", "content": content}]}

    def whole(self, client=None, content=WORDS, **more):
        return (client or self.client).messages.create(**{**self.asked(content), **more})

    def tokens(self):
        with self.client.messages.stream(**self.asked()) as stream:
            yield from stream.text_stream

    def answers_whole(self):
        answer = self.whole()
        assert answer.content[0].text == WORDS and answer.stop_reason == "end_turn"
        assert answer.usage.output_tokens == 4
        assert last_request()["system"] == "be kind" and last_request()["max_tokens"] == 100
        assert self.whole(max_tokens=2).stop_reason == "max_tokens"

    def streams(self):
        assert list(self.tokens()) == TOKENS
        with self.client.messages.stream(**self.asked()) as stream:
            final = stream.get_final_message()
        assert (final.content[0].text, final.stop_reason, final.usage.output_tokens) == (WORDS, "end_turn", 4)
        kinds = [event.type for event in self.whole(stream=True)]
        expected = ["message_start", "content_block_start", *["content_block_delta"] * 4]
        # The client leaves out the ping.
        assert [k for k in kinds if k != "ping"] == [*expected, "content_block_stop", "message_delta", "message_stop"], kinds

    def holds_a_token(self):
        script(**HOLD)
        held_stream(self.tokens())

    def sees_pictures(self):
        source = {"type": "base64", "media_type": "image/png", "data": PNG}
        self.whole(content=[{"type": "image", "source": source}, {"type": "text", "text": "see"}])
        image = last_request()["messages"][0]["images"][0]
        assert (image["media_type"], image["data"]) == ("image/png", PNG)

    def lists_models(self):
        assert [m.id for m in self.client.models.list()] == ["fake-1"]

    def maps_errors(self):
        kinds = [
            (401, anthropic.AuthenticationError),
            (404, anthropic.NotFoundError),
            (500, anthropic.InternalServerError),
            (529, anthropic.InternalServerError),
        ]
        for status, kind in kinds:
            script(fault="status", status=status)
            raises(kind, self.whole)
        script(fault="status", status=429, retry_after=7)
        error = raises(anthropic.RateLimitError, self.whole)
        assert error.response.headers["retry-after"] == "7" and error.body["error"]["type"] == "rate_limit_error"
        script(fault="error", after=1)
        raises(anthropic.APIError, lambda: list(self.tokens()))

    def retries_by_itself(self):
        script(fault="status", status=429, retry_after=1)
        script(fault="status", status=529)
        assert self.whole(client=self.patient).content[0].text == WORDS

    def breaks(self):
        script(fault="cut", after=2)
        raises((anthropic.APIError, httpx2.HTTPError), lambda: list(self.tokens()))
        script(fault="wrong_json", after=1)
        raises(Exception, lambda: list(self.tokens()))
        script(fault="never")
        raises(anthropic.APITimeoutError, lambda: self.whole(timeout=0.3))
        script(reply="empty")
        assert self.whole().content == []


class Ollama:
    client = ollama.Client(host=URL)

    def whole(self, client=None, content=WORDS, images=None, **more):
        message = {"role": "user", "content": content, **({"images": images} if images else {})}
        messages = [{"role": "system", "content": "be kind"}, message]
        return (client or self.client).chat(model="fake-1", messages=messages, **more)

    def tokens(self):
        for part in self.whole(stream=True):
            if part.message.content:
                yield part.message.content

    def answers_whole(self):
        answer = self.whole(options={"num_predict": 100})
        assert answer.message.content == WORDS and answer.done and answer.done_reason == "stop"
        assert answer.eval_count == 4
        assert last_request()["system"] == "be kind" and last_request()["max_tokens"] == 100
        assert self.whole(options={"num_predict": 2}).done_reason == "length"

    def streams(self):
        assert list(self.tokens()) == TOKENS
        assert [part.done for part in self.whole(stream=True)] == [False] * 4 + [True]

    def holds_a_token(self):
        script(**HOLD)
        held_stream(self.tokens())

    def sees_pictures(self):
        self.whole(images=[base64.b64decode(PNG)])
        assert last_request()["messages"][0]["images"][0]["data"] == PNG

    def lists_models(self):
        assert [m.model for m in self.client.list().models] == ["fake-1"]

    def maps_errors(self):
        for status in [401, 404, 429, 500]:
            script(fault="status", status=status)
            assert raises(ollama.ResponseError, self.whole).status_code == status
            script(fault="status", status=status)
            assert raises(ollama.ResponseError, lambda: list(self.tokens())).status_code == status
        script(fault="error", after=1)
        raises(ollama.ResponseError, lambda: list(self.tokens()))

    def breaks(self):
        script(fault="cut", after=2)
        raises(httpx.HTTPError, lambda: list(self.tokens()))
        script(fault="wrong_json", after=1)
        raises(ValueError, lambda: list(self.tokens()))
        script(fault="never")
        raises(httpx.TimeoutException, lambda: self.whole(client=ollama.Client(host=URL, timeout=0.3)))
        script(reply="empty")
        assert list(self.tokens()) == []


failed = 0
for family in [OpenAi, Anthropic, Ollama]:
    checks = Checks(family.__name__.lower())
    client = family()
    names = ["answers_whole", "streams", "holds_a_token", "sees_pictures", "lists_models", "maps_errors"]
    for name in [*names, "retries_by_itself", "breaks"]:
        if hasattr(client, name):
            control.post("clear")
            checks.run(getattr(client, name))
    failed += checks.failed
raise SystemExit(1 if failed else 0)
