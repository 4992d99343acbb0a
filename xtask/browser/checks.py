"""The checks. Each is a function with a name that says what it shows, and gets a browser of its own."""

import json
import pathlib
import struct
import sys
import time
import traceback
import zlib

import axe_playwright_python
from playwright.sync_api import expect, sync_playwright

from house import Chatbox, Elsewhere, Model

CHROMIUM, CHATBOX, FAKES, SCREENS, ONLY = (sys.argv[1:] + [""])[:5]
SCREENS = pathlib.Path(SCREENS)
AXE = (pathlib.Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--no-proxy-server",
]
CHECKS = []
WITHIN = 15_000
expect.set_options(timeout=WITHIN)


def check(function):
    CHECKS.append(function)
    return function


def picture(width: int = 32, height: int = 24) -> bytes:
    """A small red PNG."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + b"\xc0\x20\x20" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Stage:
    """A browser, and the programs a check asks for."""

    def __init__(self, browser):
        self.browser, self.ends = browser, []

    def chatbox(self, **given) -> Chatbox:
        return self.keep(Chatbox(CHATBOX, **given))

    def with_model(self) -> tuple[Chatbox, Model]:
        model = self.keep(Model(FAKES))
        config = f'[backend]\nkind = "llm"\nprovider = "openai"\nmodel = "fake-1"\nbase_url = "{model.url}/v1/"\n'
        return self.chatbox(config=config), model

    def keep(self, thing):
        self.ends.append(thing)
        return thing

    def person(self, **given):
        """A browser of a person's own."""
        context = self.browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **given})
        context.set_default_timeout(WITHIN)
        self.ends.append(type("Ends", (), {"end": lambda _: context.close()})())
        return context

    def end(self):
        for thing in reversed(self.ends):
            try:
                thing.end()
            except Exception:
                pass


def sign_in(context, house: Chatbox):
    page = context.new_page()
    page.problems = []
    page.on("console", lambda said: said.type == "error" and page.problems.append(said.text))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(house.login_link())
    page.wait_for_url(house.url + "/")
    expect(page.locator("#say")).to_be_focused()
    return page


def type_and_send(page, text: str):
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def lines(page, role: str):
    return page.locator(f".log > .line.{role}")


@check
def a_login_link_opens_the_chat_with_the_box_focused_and_keys_are_answered(stage):
    house = stage.chatbox()
    page = sign_in(stage.person(), house)
    type_and_send(page, "hello from the keyboard")
    expect(lines(page, "agent").last).to_contain_text("You said: hello from the keyboard")
    expect(page.locator("#say")).to_be_focused()
    expect(page.locator("#say")).to_have_value("")
    assert "#" not in page.url, page.url
    assert not page.problems, page.problems


@check
def a_login_code_works_once(stage):
    house = stage.chatbox()
    link = house.login_link()
    first = stage.person().new_page()
    first.goto(link)
    first.wait_for_url(house.url + "/")
    second = stage.person().new_page()
    second.goto(link)
    expect(second.locator("#status")).to_contain_text("used or too old")
    expect(second.locator("#code")).to_be_visible()
    second.goto(house.url + "/")
    expect(second.locator(".sign-in")).to_be_visible()


@check
def an_answer_is_shown_word_by_word(stage):
    house, model = stage.with_model()
    page = sign_in(stage.person(), house)
    model.do("script", reply={"tokens": ["first ", "second ", "third"]}, hold_after=1, hold_each=True)
    type_and_send(page, "slowly please")
    growing = page.locator(".line.agent.streaming .body")
    expect(growing).to_contain_text("first")
    held = model.held()
    assert held and held[-1]["tokens_sent"] == 1, held
    assert "second" not in page.locator("main").inner_text()
    model.do("release", tokens=1)
    expect(growing).to_contain_text("first second")
    assert "third" not in page.locator("main").inner_text()
    model.do("release", tokens=5)
    expect(lines(page, "agent").last).to_contain_text("first second third")
    expect(page.locator(".line.agent.streaming")).to_have_count(0)
    expect(lines(page, "agent")).to_have_count(1)


@check
def two_tabs_and_another_device_see_everything(stage):
    house = stage.chatbox()
    person = stage.person()
    one = sign_in(person, house)
    two = person.new_page()
    two.goto(house.url)
    other = sign_in(stage.person(), house)
    one.bring_to_front()
    one.locator("#say").focus()
    type_and_send(one, "said in one")
    for page in (one, two, other):
        expect(lines(page, "person")).to_have_count(1)
        expect(lines(page, "agent").last).to_contain_text("said in one")
    two.bring_to_front()
    two.locator("#say").focus()
    type_and_send(two, "said in two")
    for page in (one, two, other):
        expect(lines(page, "person")).to_have_count(2)
        expect(lines(page, "agent")).to_have_count(2)
        expect(lines(page, "agent").last).to_contain_text("said in two")


@check
def after_a_kill_the_page_goes_on_without_loss_or_doubles(stage):
    house = stage.chatbox()
    page = sign_in(stage.person(), house)
    type_and_send(page, "before the end")
    expect(lines(page, "agent")).to_have_count(1)
    house.kill()
    type_and_send(page, "while nobody listens")
    expect(page.locator(".line.person.unsent")).to_have_count(1)
    house.start()
    expect(lines(page, "agent")).to_have_count(2, timeout=45_000)
    expect(lines(page, "agent").last).to_contain_text("while nobody listens")
    expect(lines(page, "person")).to_have_count(2)
    expect(page.locator(".line.unsent")).to_have_count(0)
    page.reload()
    expect(lines(page, "person")).to_have_count(2)
    expect(lines(page, "agent")).to_have_count(2)


@check
def ticks_say_what_the_agent_has_seen(stage):
    house, model = stage.with_model()
    page = sign_in(stage.person(), house)
    model.do("script", reply={"text": "done"}, hold_after=0)
    type_and_send(page, "tick")
    mine = lines(page, "person").last.locator(".mark")
    expect(mine).to_have_attribute("title", "Sent")
    model.do("release", tokens=9)
    expect(lines(page, "agent")).to_have_count(1)
    expect(mine).to_have_attribute("data-sign", "two")
    expect(mine).to_have_attribute("title", "Seen by the agent")


@check
def a_question_is_answered_by_a_press(stage):
    house = stage.chatbox(config='[backend]\nkind = "none"\n')
    agent = house.agent()
    page = sign_in(stage.person(), house)
    type_and_send(page, "hello")
    expect(lines(page, "person").last.locator(".mark")).to_have_attribute("title", "Sent")
    chat = agent.call("list_chats")["chats"][0]["chat_id"]
    agent.call("switch_chat", chat_id=chat)
    asked = {"question_id": "q1", "question": "Delete the old backups?", "choices": ["Yes, all of them", "No"], "timeout_seconds": 1}
    assert agent.call("ask_human", **asked)["status"] == "waiting"
    buttons = page.get_by_role("group", name="Answers").get_by_role("button")
    expect(buttons).to_have_text(["Yes, all of them", "No"])
    for width, height in ((1280, 800), (360, 740)):
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            SCREENS.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=SCREENS / f"question-{width}-{scheme}.png")
            faults = axe(page, f"question-{width}-{scheme}")
            assert not faults, faults
    buttons.first.click()
    expect(lines(page, "person").last).to_contain_text("Yes, all of them")
    answered = agent.call("ask_human", **asked)
    assert (answered["status"], answered["answer"]) == ("answered", "Yes, all of them"), answered
    expect(buttons.first).to_be_disabled()
    page.reload()
    expect(buttons.last).to_be_disabled()
    assert not page.problems, page.problems


@check
def a_picture_chosen_is_sent_shown_and_comes_back(stage):
    house = stage.chatbox()
    page = sign_in(stage.person(), house)
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Attach files").click()
    chosen.value.set_files([{"name": "red.png", "mimeType": "image/png", "buffer": picture()}])
    expect(page.locator(".chips li")).to_have_count(1)
    expect(page.locator(".chips progress")).to_have_count(0)
    page.locator("#say").focus()
    type_and_send(page, "look")
    shown = lines(page, "person").last.locator("img")
    expect(shown).to_be_visible()
    expect(lines(page, "agent")).to_have_count(1)
    page.wait_for_function("() => [...document.querySelectorAll('.log .line.person img')].every(it => it.naturalWidth === 32)")
    source = shown.get_attribute("src")
    assert source.startswith("/media/"), source
    size = page.evaluate("async (at) => (await (await fetch(at)).arrayBuffer()).byteLength", source)
    assert size == len(picture()), size
    stranger = stage.person().new_page()
    assert stranger.goto(house.url + source).status in (401, 403, 404)


@check
def a_page_of_another_origin_gets_nothing(stage):
    house = stage.chatbox()
    person = stage.person()
    sign_in(person, house)
    tries = """
      const at = %r;
      const got = {};
      const get = async (name, path, options) => {
        try {
          const answer = await fetch(at + path, {credentials: 'include', ...options});
          got[name] = [answer.status, (await answer.text()).length];
        } catch (error) { got[name] = 'blocked'; }
      };
      await get('page', '/', {});
      await get('ticket', '/chat/ticket', {method: 'POST'});
      await get('connections', '/v1/connections', {});
      await get('metrics', '/metrics', {});
      await get('upload', '/chat/media?name=x', {method: 'POST', body: 'x', headers: {'content-type': 'text/plain'}});
      got.socket = await new Promise((tell) => {
        const socket = new WebSocket(at.replace('http', 'ws') + '/chat/ws');
        socket.onopen = () => tell('open');
        socket.onerror = () => tell('blocked');
      });
      got.blind = (await fetch(at + '/chat/ticket', {method: 'POST', mode: 'no-cors', credentials: 'include'})).type;
      return got;
    """ % house.url
    elsewhere = stage.keep(Elsewhere("<!doctype html><title>elsewhere</title>"))
    page = person.new_page()
    answers = []
    page.on("response", lambda answer: answer.url.startswith(house.url) and answers.append((answer.url, answer.status)))
    page.goto(elsewhere.url)
    got = page.evaluate("async () => {" + tries + "}")
    for name in ("page", "ticket", "connections", "metrics", "upload", "socket"):
        assert got[name] == "blocked", got
    assert got["blind"] == "opaque", got
    assert answers and all(status == 403 for _, status in answers), answers
    framed = person.new_page()
    framed.goto(elsewhere.url)
    framed.evaluate("at => { const f = document.createElement('iframe'); f.src = at; document.body.append(f); }", house.url)
    time.sleep(1)
    inside = [frame for frame in framed.frames if frame != framed.main_frame]
    assert all(frame.locator("chatbox-chat").count() == 0 for frame in inside), "the page lets itself be framed"


@check
def markup_is_shown_and_scripts_in_text_do_not_run(stage):
    house = stage.chatbox()
    page = sign_in(stage.person(), house)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    bad = "**bold** <img src=x onerror=window.hit=1> <script>window.hit=2</script> [go](javascript:window.hit=3)"
    type_and_send(page, bad)
    expect(lines(page, "agent")).to_have_count(1)
    expect(lines(page, "agent").last.locator("strong")).to_have_text("bold")
    assert page.evaluate("window.hit") is None
    assert page.locator("main a[href^='javascript']").count() == 0
    foreign = [url for url in asked if not url.startswith(house.url) and not url.startswith("blob:")]
    assert not foreign, foreign


@check
def everything_is_done_by_keyboard_alone(stage):
    house = stage.chatbox()
    page = sign_in(stage.person(), house)
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused == "Send", focused
    page.keyboard.press("Enter")
    expect(lines(page, "agent")).to_have_count(1)
    expect(lines(page, "person").last).to_contain_text("two")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    expect(page.locator("#say")).to_be_focused()
    expect(page.locator("#say")).to_have_value("")
    seen = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.tagName"))
        ring = page.evaluate("""() => { const it = document.activeElement; if (!it || it === document.body) return true;
          const s = getComputedStyle(it); return s.outlineStyle !== 'none' || s.boxShadow !== 'none'
            || it.closest(':focus-within') !== it && getComputedStyle(it.closest('form, header, main') ?? it).boxShadow !== 'none'
            || it.matches('textarea'); }""")
        assert ring, f"no focus is seen on {seen}"
    assert "Attach files" in seen, seen
    assert any("Change" in str(name) for name in seen), seen
    expect(page.locator("[role=log]")).to_have_attribute("aria-live", "polite")


def axe(page, name: str) -> list[str]:
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    grave = [it for it in found if it["impact"] in ("serious", "critical")]
    return [f"{name}: {it['id']} on {it['nodes'][0]['html'][:120]}" for it in grave]


@check
def axe_finds_nothing_serious_wide_and_narrow_light_and_dark(stage):
    house, model = stage.with_model()
    SCREENS.mkdir(parents=True, exist_ok=True)
    faults = []
    talk = stage.person()
    page = sign_in(talk, house)
    empty = page.locator(".empty")
    expect(empty).to_be_visible()
    page.screenshot(path=SCREENS / "empty-1280-light.png")
    faults += axe(page, "empty")
    answer = "Here is a list:\n\n- first\n- second with `code`\n\n```rust\nfn main() {}\n```\n\n> quoted, and a [link](https://example.org)"
    model.do("script", reply={"text": answer})
    type_and_send(page, "What can you do?")
    expect(lines(page, "agent")).to_have_count(1)
    type_and_send(page, "Thank you, that is all for today.")
    expect(lines(page, "agent")).to_have_count(2)
    for width, height in ((1280, 800), (360, 740)):
        for scheme in ("light", "dark"):
            person = stage.person(viewport={"width": width, "height": height}, color_scheme=scheme)
            page = sign_in(person, house)
            expect(lines(page, "agent")).to_have_count(2)
            name = f"chat-{width}-{scheme}"
            page.screenshot(path=SCREENS / f"{name}.png")
            faults += axe(page, name)
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                faults.append(f"{name}: {wide} px wide")
            tall = page.evaluate("document.documentElement.scrollHeight")
            if tall > height:
                faults.append(f"{name}: the page scrolls beside the conversation, {tall} px tall")
            out = stage.person(viewport={"width": width, "height": height}, color_scheme=scheme).new_page()
            out.goto(house.url + "/login")
            expect(out.locator("#code")).to_be_visible()
            out.screenshot(path=SCREENS / f"login-{width}-{scheme}.png")
            faults += axe(out, f"login-{width}-{scheme}")
    assert not faults, "; ".join(faults)


@check
def the_page_asks_nobody_else_and_breaks_no_policy(stage):
    house = stage.chatbox()
    context = stage.person()
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    page = sign_in(context, house)
    type_and_send(page, "hello")
    expect(lines(page, "agent")).to_have_count(1)
    foreign = [url for url in asked if not url.startswith((house.url, house.url.replace("http", "ws"), "blob:", "data:"))]
    assert not foreign, foreign
    assert not page.problems, page.problems
    answer = page.goto(house.url)
    policy = answer.headers.get("content-security-policy", "")
    for words in ("default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"):
        assert words in policy, policy
    stored = page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")
    assert "login" not in json.loads(stored).get("chatbox.me", "") and "ticket" not in stored, stored
    cookies = {it["name"]: it for it in context.cookies()}
    assert all(it["httpOnly"] and it["sameSite"] == "Strict" for it in cookies.values()), cookies


def main() -> int:
    failed = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        print(f"Chromium {browser.version}", flush=True)
        for function in CHECKS:
            if ONLY not in function.__name__:
                continue
            name = "browser " + function.__name__
            stage = Stage(browser)
            try:
                function(stage)
                print(f"ok {name}", flush=True)
            except Exception as error:
                failed += 1
                place = traceback.extract_tb(error.__traceback__)
                at = next((frame.lineno for frame in place if frame.filename == __file__ and frame.name == function.__name__), 0)
                print(f"FAIL {name}  line {at}: {' '.join(str(error).split())[:600]}", flush=True)
            finally:
                stage.end()
        browser.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
