"""aiogram reads every answer and update into typed models, so a missing or mistyped field shows."""

import asyncio
import base64
import os

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramBadRequest, TelegramMigrateToChat, TelegramRetryAfter
from aiogram.types import BotCommand, BufferedInputFile, InputMediaDocument, MessageEntity, ReactionTypeEmoji

from support import Checks, Control, araises, picture

URL, TOKEN = os.environ["TELEGRAM_URL"], "7000002:STRICT"
control = Control(URL, f"bot={TOKEN}")
checks = Checks("strict")
ADA = {"id": 42, "first_name": "Ada"}


async def reads_every_kind_of_update(bot: Bot):
    await bot.get_updates(allowed_updates=["message", "edited_message", "message_reaction", "callback_query", "my_chat_member"])
    said = await control.do("say", **{"from": ADA}, text="/go@strict see https://example.org @someone #tag")
    data = base64.b64encode(picture(200, 100, 1)).decode()
    for kind in ["photo", "document", "audio", "video", "voice"]:
        await control.do("upload", **{"from": ADA}, kind=kind, name="a.x", mime="a/b", data=data)
    await control.do("edit", chat=42, message_id=said["message_id"], text="changed")
    await control.do("react", chat=42, message_id=said["message_id"], **{"from": ADA}, emoji=["❤"])
    await control.do("press", chat=42, message_id=said["message_id"], **{"from": ADA}, data="x")
    await control.do("block", **{"from": ADA})
    await control.do("block", **{"from": ADA}, blocked=False)
    updates = await bot.get_updates()
    kinds = [update.event_type for update in updates]
    assert kinds == ["message"] * 6 + ["edited_message", "message_reaction", "callback_query"] + ["my_chat_member"] * 2, kinds
    found = [e.type for e in updates[0].message.entities]
    assert found == ["bot_command", "url", "mention", "hashtag"], found
    media = [update.message for update in updates[1:6]]
    assert media[0].photo and media[1].document and media[2].audio and media[3].video and media[4].voice
    assert not await bot.get_updates(offset=updates[-1].update_id + 1)


async def reads_every_answer(bot: Bot):
    me = await bot.get_me()
    assert me.username == "proof_bot2" and me.has_main_web_app is False
    sent = await bot.send_message(42, "bold link", entities=[
        MessageEntity(type="bold", offset=0, length=4),
        MessageEntity(type="text_link", offset=5, length=4, url="https://example.org/?a=1&b=2"),
    ])
    assert sent.entities[1].url == "https://example.org/?a=1&b=2"
    assert (await sent.edit_text("changed")).text == "changed"
    assert await sent.react([ReactionTypeEmoji(emoji="🔥")])
    album = await bot.send_media_group(42, [
        InputMediaDocument(media=BufferedInputFile(bytes([n]) * 1000, f"{n}.bin")) for n in range(2)
    ])
    assert [m.document.file_name for m in album] == ["0.bin", "1.bin"]
    back = await bot.download(album[1].document.file_id)
    assert back.read() == b"\1" * 1000
    assert (await album[0].edit_caption(caption="seen")).caption == "seen"
    for send in [bot.send_audio, bot.send_video, bot.send_voice, bot.send_document]:
        await send(42, BufferedInputFile(b"bytes", "a.bin"), caption="c")
    assert (await bot.get_chat(42)).type == "private"
    assert (await bot.get_chat_member(42, 42)).status == "member"
    assert await bot.set_my_commands([BotCommand(command="new", description="Begin anew")])
    assert (await bot.get_my_commands())[0].command == "new"
    assert (await bot.get_webhook_info()).pending_update_count == 0
    assert await bot.delete_messages(42, [sent.message_id, 999])
    assert await bot.delete_webhook()


async def names_refusals(bot: Bot):
    await araises(TelegramBadRequest, bot.send_message(42, "x", entities=[MessageEntity(type="bold", offset=-1, length=1)]))
    await control.do("fault", method="sendMessage", fault="too_many_requests", retry_after=3)
    assert (await araises(TelegramRetryAfter, bot.send_message(42, "x"))).retry_after == 3
    await control.do("fault", method="sendMessage", fault="migrate", to=-1001)
    assert (await araises(TelegramMigrateToChat, bot.send_message(42, "x"))).migrate_to_chat_id == -1001


async def main():
    session = AiohttpSession(api=TelegramAPIServer.from_base(URL))
    async with Bot(TOKEN, session=session) as bot:
        for check in [reads_every_kind_of_update, reads_every_answer, names_refusals]:
            await checks.arun(check, bot)


asyncio.run(main())
checks.end()
