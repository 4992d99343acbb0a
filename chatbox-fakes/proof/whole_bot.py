"""A whole python-telegram-bot bot lives on the fake: it polls, replies, edits, deletes, reacts and handles files."""

import asyncio
import base64
import hashlib
import logging
import os
import time

from telegram import MessageEntity, ReplyParameters, Update
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, NetworkError, TimedOut

from support import Checks, Control, araises, picture
from the_bot import TOKEN, URL, bot, heard

control = Control(URL, f"bot={TOKEN}")
checks = Checks("bot")
ADA = {"id": 42, "first_name": "Ada", "username": "ada", "language_code": "en"}
logging.disable(logging.CRITICAL)


async def say(text, chat=42, **more):
    return await control.do("say", chat=chat, **{"from": ADA}, text=text, **more)


async def eventually(look, within=20):
    until = time.monotonic() + within
    while True:
        found = await look()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError("it never came")
        await asyncio.sleep(0.03)


async def standing(count, chat=42):
    """The bot's messages of a chat, as soon as there are that many in all."""
    messages = await eventually(lambda: at_least(count, chat))
    return messages


async def at_least(count, chat):
    messages = await control.see("messages", chat=chat)
    return messages if len(messages) >= count else None


async def count(chat=42):
    return len(await control.see("messages", chat=chat))


async def knows_itself(app):
    me = await app.bot.get_me()
    assert me.is_bot and me.username == "proof_bot", me
    assert me.can_join_groups and me.can_read_all_group_messages and not me.supports_inline_queries, me


async def receives_and_replies(app):
    before = await count()
    said = await say("hello 😀 wörld")
    last = (await standing(before + 1))[-1]
    assert last["text"] == "you said: hello 😀 wörld", last
    assert last["reply_to"] == said["message_id"], last
    assert [42, "typing"] in await control.see("actions")


async def formats_with_html(app):
    before = await count()
    await say("/start")
    last = (await standing(before + 1))[-1]
    assert last["text"] == "Hello you & all", last
    marks = [(e["type"], e["offset"], e["length"]) for e in last["entities"]]
    assert marks == [("bold", 6, 3), ("italic", 12, 3)], marks
    runs = (await control.see("structure", chat=42))[-1]["Ok"]
    assert [r["text"] for r in runs] == ["Hello ", "you", " & ", "all"], runs


async def edits(app):
    before = await count()
    await say("edit")

    async def edited():
        last = (await control.see("messages", chat=42))[before:]
        return last[0] if last and last[0]["earlier"] else None

    last = await eventually(edited)
    assert (last["text"], last["earlier"]) == ("the answer", ["a draft of the answer"]), last
    assert last["entities"] == [{"type": "bold", "offset": 4, "length": 6}], last


async def deletes(app):
    before = await count()
    await say("delete")

    async def deleted():
        last = (await control.see("messages", chat=42))[before:]
        return last[0] if last and last[0]["deleted"] else None

    assert (await eventually(deleted))["text"] == "gone soon"


async def reacts(app):
    said = await say("react")

    async def reacted():
        return [r for r in await control.see("reactions") if r["message_id"] == said["message_id"]]

    assert (await eventually(reacted))[0]["emoji"] == ["👍"]


async def sends_a_photo(app):
    before = await count()
    await say("photo")
    last = (await standing(before + 1))[-1]
    assert (last["media"], last["text"]) == ("photo", "a picture"), last
    sizes = last["wire"]["photo"]
    assert (sizes[-1]["width"], sizes[-1]["height"], len(sizes)) == (320, 200, 2), sizes
    # What the bot sent up can be fetched by it again, byte for byte.
    back = await (await app.bot.get_file(last["file_id"])).download_as_bytearray()
    assert bytes(back) == picture(320, 200, 7)


async def downloads_equal_bytes(app):
    before = await count()
    for kind, data in [("photo", picture(640, 480, 99)), ("document", os.urandom(3_000_000))]:
        sent = base64.b64encode(data).decode()
        await control.do("upload", **{"from": ADA}, kind=kind, name="x.bin", mime="x/y", data=sent, caption="see")
        before += 1
        last = (await standing(before))[-1]
        assert last["text"] == hashlib.sha256(data).hexdigest(), last["text"]
        stored = await control.see("file", file_id=last["file_id"])
        assert base64.b64decode(stored["data"]) == data


async def sends_a_file_again_by_id(app):
    before = await count()
    first = [m for m in await control.see("messages", chat=42) if m["media"] == "document"][-1]
    await say("again", reply_to=first["message_id"])
    last = (await standing(before + 1))[-1]
    assert (last["file_id"], last["text"]) == (first["file_id"], "again"), last


async def sends_an_album(app):
    before = await count()
    await say("album")
    album = (await standing(before + 3))[before:]
    assert len({m["media_group_id"] for m in album}) == 1 and album[0]["media_group_id"], album
    assert [m["text"] for m in album] == ["part 0", "part 1", "part 2"]


async def receives_an_album(app):
    files = [{"kind": "photo", "data": base64.b64encode(picture(100, 100, n)).decode()} for n in range(3)]
    said = await control.do("album", **{"from": ADA}, files=files)

    async def whole():
        groups = list(heard["albums"].values())
        return groups and len(groups[-1]) == 3

    await eventually(whole)
    assert list(heard["albums"].values())[-1] == [part["message_id"] for part in said]


async def answers_buttons(app):
    before = await count()
    await say("buttons")
    asked = (await standing(before + 1))[-1]
    pressed = await control.do("press", chat=42, message_id=asked["message_id"], **{"from": ADA}, data="yes")

    async def changed():
        now = await control.see("messages", chat=42)
        return now[-1]["text"] == "pressed yes"

    await eventually(changed)
    assert [pressed["callback_query_id"], "noted"] in await control.see("callback_answers")


async def hears_everything_else(app):
    said = await say("word")
    await control.do("edit", chat=42, message_id=said["message_id"], text="other word")
    await control.do("react", chat=42, message_id=said["message_id"], **{"from": ADA}, emoji=["❤"])
    await control.do("chat", id=-77, type="group", title="Friends")
    await control.do("membership", chat=-77, **{"from": ADA}, old="left", new="member")
    await control.do("migrate", chat=-77, to=-1001000000077, **{"from": ADA})

    async def all_heard():
        return all([heard["edited"], heard["reactions"], heard["standing"], len(heard["migrated"]) == 2])

    await eventually(all_heard)
    assert heard["edited"] == ["other word"] and heard["reactions"] == [["❤"]], heard
    assert heard["standing"] == ["member"], heard
    assert heard["migrated"] == [(None, -1001000000077), (-77, None)], heard


async def speaks_in_a_group_topic(app):
    group = {"id": -1001000000088, "type": "supergroup", "title": "Forum", "is_forum": True}
    await control.do("chat", **group)
    said = await control.do("say", chat=group["id"], **{"from": ADA}, text="in a topic", thread=5)
    last = (await standing(1, group["id"]))[-1]
    assert (last["thread"], last["reply_to"]) == (5, said["message_id"]), last


async def retries_by_itself_after_a_429(app):
    before = await count()
    await control.do("fault", method="sendMessage", fault="too_many_requests", retry_after=1)
    asked = time.monotonic()
    await say("patience")
    last = (await standing(before + 1))[-1]
    assert last["text"] == "you said: patience" and time.monotonic() - asked >= 1
    calls = (await control.see("calls", method="sendMessage"))[-2:]
    assert [c["status"] for c in calls] == [429, 200], calls


async def goes_on_after_strange_updates(app):
    before = await count()
    await control.do("raw_update", hologram={"id": 1})
    await control.do("fault", method="getUpdates", fault="server_error", status=502, html=True)
    await say("still there?")
    assert (await standing(before + 1))[-1]["text"] == "you said: still there?"


async def names_each_refusal(app):
    bot = app.bot
    too_long = await araises(BadRequest, bot.send_message(42, "x" * 4097))
    assert too_long.message == "Message is too long", too_long
    bounds = await araises(BadRequest, bot.send_message(42, "x", entities=[MessageEntity("bold", 0, 2)]))
    assert "ends after the end of the text" in bounds.message, bounds
    assert (await araises(BadRequest, bot.send_message(4711, "x"))).message == "Chat not found"
    sent = await bot.send_message(42, "x")
    assert "not modified" in (await araises(BadRequest, sent.edit_text("x"))).message
    missing = ReplyParameters(999_999)
    gone = await araises(BadRequest, bot.send_message(42, "x", reply_parameters=missing))
    assert gone.message == "Message to be replied not found", gone
    moved = await araises(ChatMigrated, bot.send_message(-77, "x"))
    assert moved.new_chat_id == -1001000000077
    await control.do("block", **{"from": ADA})
    await araises(Forbidden, bot.send_message(42, "x"))
    await control.do("block", **{"from": ADA}, blocked=False)
    await control.do("fault", method="getMe", fault="server_error", status=500)
    await araises(NetworkError, bot.get_me())
    await control.do("fault", method="getMe", fault="cut_before")
    await araises(NetworkError, bot.get_me())
    await control.do("fault", method="getMe", fault="hang")
    await araises(TimedOut, bot.get_me(read_timeout=0.3))


async def a_cut_after_leaves_the_message(app):
    before = await count()
    await control.do("fault", method="sendMessage", fault="cut_after")
    await araises(NetworkError, app.bot.send_message(42, "did it arrive?"))
    assert (await standing(before + 1))[-1]["text"] == "did it arrive?"


async def shows_drafts(app):
    for text in ["one", "one two"]:
        assert await app.bot.send_message_draft(42, 9, text)
    drafts = await control.see("drafts", chat=42)
    assert [(d["draft_id"], d["text"]) for d in drafts] == [(9, "one"), (9, "one two")], drafts


async def two_pollers_conflict(app):
    before = (await control.see("counters"))["conflicts"]

    async def ended():
        # The whole bot pauses after errors; what counts is a moment at which both poll.
        try:
            await other.get_updates(timeout=1)
        except Conflict:
            pass
        return (await control.see("counters"))["conflicts"] > before

    async with bot().bot as other:
        await eventually(ended)
    assert (await control.see("counters"))["most_polls_open"] >= 2


async def still_alive_at_the_end(app):
    assert not await control.see("faults"), "every planned fault must have been played"
    before = await count()
    await say("goodbye")
    assert (await standing(before + 1))[-1]["text"] == "you said: goodbye"


async def confirms_what_it_got(app):
    async def empty():
        return not await control.see("updates")

    await eventually(empty)


async def main():
    app = bot()
    await app.initialize()
    await app.start()
    await app.updater.start_polling(poll_interval=0, timeout=2, allowed_updates=Update.ALL_TYPES)
    for check in [
        knows_itself,
        receives_and_replies,
        formats_with_html,
        edits,
        deletes,
        reacts,
        sends_a_photo,
        downloads_equal_bytes,
        sends_a_file_again_by_id,
        sends_an_album,
        receives_an_album,
        answers_buttons,
        hears_everything_else,
        speaks_in_a_group_topic,
        retries_by_itself_after_a_429,
        goes_on_after_strange_updates,
        names_each_refusal,
        a_cut_after_leaves_the_message,
        shows_drafts,
        two_pollers_conflict,
        still_alive_at_the_end,
        confirms_what_it_got,
    ]:
        await checks.arun(check, app)
    await app.updater.stop()
    await app.stop()
    await app.shutdown()


asyncio.run(main())
checks.end()
