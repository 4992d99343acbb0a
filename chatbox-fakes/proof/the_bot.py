"""The bot under the checks of whole_bot.py: an ordinary python-telegram-bot application."""

import hashlib
import os

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, InputMediaPhoto, MessageEntity, ReactionTypeEmoji, Update
from telegram.constants import ChatAction, ParseMode
from telegram.ext import AIORateLimiter, Application, CallbackQueryHandler, ChatMemberHandler
from telegram.ext import CommandHandler, MessageHandler, MessageReactionHandler, filters

from support import picture

URL, TOKEN = os.environ["TELEGRAM_URL"], os.environ["TELEGRAM_TOKEN"]
# What came in, for the checks to look at.
heard = {"edited": [], "reactions": [], "standing": [], "migrated": [], "albums": {}}


async def start(update: Update, context):
    await update.message.reply_text("Hello <b>you</b> &amp; <i>all</i>", parse_mode=ParseMode.HTML)


async def on_words(update: Update, context):
    message = update.message
    words = message.text
    if words == "edit":
        sent = await message.reply_text("a draft of the answer")
        await sent.edit_text("the answer", entities=[MessageEntity("bold", 4, 6)])
    elif words == "delete":
        sent = await message.reply_text("gone soon")
        await sent.delete()
    elif words == "react":
        await message.set_reaction(ReactionTypeEmoji("👍"))
    elif words == "photo":
        await message.reply_photo(picture(320, 200, 7), caption="a picture")
    elif words == "album":
        parts = [InputMediaPhoto(picture(100, 100, n), caption=f"part {n}") for n in range(3)]
        await message.reply_media_group(parts)
    elif words == "buttons":
        keys = InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="yes")]])
        await message.reply_text("sure?", reply_markup=keys)
    elif words == "again":
        await message.reply_document(await file_id_of(message.reply_to_message), caption="again")
    else:
        await context.bot.send_chat_action(message.chat_id, ChatAction.TYPING)
        await message.reply_text(f"you said: {words}", do_quote=True)


async def file_id_of(message):
    return message.document.file_id


async def on_file(update: Update, context):
    message = update.message
    if message.media_group_id:
        heard["albums"].setdefault(message.media_group_id, []).append(message.message_id)
        return
    source = message.photo[-1] if message.photo else message.document
    data = bytes(await (await source.get_file()).download_as_bytearray())
    await message.reply_document(data, filename="back.bin", caption=hashlib.sha256(data).hexdigest())


async def on_button(update: Update, context):
    await update.callback_query.answer("noted")
    await update.callback_query.edit_message_text(f"pressed {update.callback_query.data}")


async def on_edit(update: Update, context):
    heard["edited"].append(update.edited_message.text)


async def on_reaction(update: Update, context):
    heard["reactions"].append([r.emoji for r in update.message_reaction.new_reaction])


async def on_standing(update: Update, context):
    heard["standing"].append(update.my_chat_member.new_chat_member.status)


async def on_migration(update: Update, context):
    heard["migrated"].append((update.message.migrate_from_chat_id, update.message.migrate_to_chat_id))


def bot() -> Application:
    app = (
        Application.builder()
        .token(TOKEN)
        .base_url(f"{URL}/bot")
        .base_file_url(f"{URL}/file/bot")
        .rate_limiter(AIORateLimiter(max_retries=2))
        .build()
    )
    app.add_handler(CommandHandler("start", start))
    app.add_handler(MessageHandler(filters.UpdateType.EDITED_MESSAGE, on_edit))
    app.add_handler(MessageHandler(filters.StatusUpdate.MIGRATE, on_migration))
    app.add_handler(MessageHandler(filters.PHOTO | filters.Document.ALL, on_file))
    app.add_handler(MessageHandler(filters.TEXT & ~filters.COMMAND, on_words))
    app.add_handler(CallbackQueryHandler(on_button))
    app.add_handler(MessageReactionHandler(on_reaction))
    app.add_handler(ChatMemberHandler(on_standing, ChatMemberHandler.MY_CHAT_MEMBER))
    return app
