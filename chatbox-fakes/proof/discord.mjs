// The fake Discord with the client that most bots are made of: `discord.mjs NODE_FOLDER URL TOKEN`. Prints `ok NAME` or
// `FAIL NAME why` for each check and ends with 1 if any failed.
import { createRequire } from "node:module";

const [folder, url, token] = process.argv.slice(2);
const { Client, GatewayIntentBits, Partials, Events } = createRequire(`${folder}/x.js`)("discord.js");

const ROOM = 200, DM = 1000000042, ADA = 42;
const soon = (what, promise) =>
  Promise.race([promise, new Promise((_, no) => setTimeout(() => no(new Error(`not soon: ${what}`)), 10000))]);
const control = async (act, body) => {
  const answer = await fetch(`${url}/_control/${act}`, body && {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  });
  return answer.json();
};
const same = (is, should) => {
  if (JSON.stringify(is) !== JSON.stringify(should)) {
    throw new Error(`is ${JSON.stringify(is)}, should be ${JSON.stringify(should)}`);
  }
};
let failed = false;
const check = async (name, run) => {
  try {
    await run();
    console.log(`ok discord.${name}`);
  } catch (error) {
    failed = true;
    console.log(`FAIL discord.${name} ${error.message}`);
  }
};

const { Guilds, GuildMessages, DirectMessages, MessageContent, GuildMessageReactions, DirectMessageReactions } = GatewayIntentBits;
const client = new Client({
  intents: [Guilds, GuildMessages, DirectMessages, MessageContent, GuildMessageReactions, DirectMessageReactions],
  partials: [Partials.Channel],
  rest: { api: `${url}/api` },
});
const next = (event, what) => soon(what, new Promise((yes) => client.once(event, yes)));
const heard = async (say) => {
  const coming = next(Events.MessageCreate, "a message");
  await control("say", say);
  return coming;
};

await check("logs_in", async () => {
  const ready = next(Events.ClientReady, "ready");
  await client.login(token);
  await ready;
  same(client.user.username, "test_bot");
  same(client.guilds.cache.size, 1);
});
await check("hears_a_direct_message", async () => {
  const message = await heard({ channel: DM, from: ADA, text: "hello" });
  same([message.content, message.author.username, message.inGuild()], ["hello", "ada", false]);
});
let said;
await check("hears_and_answers_in_a_room", async () => {
  const message = await heard({ channel: ROOM, from: ADA, text: "to the room", mentions: [Number(client.user.id)] });
  same([message.content, message.mentions.has(client.user)], ["to the room", true]);
  said = await message.reply({ content: "**yes**", allowedMentions: { parse: [] } });
  same([said.content, said.reference.messageId], ["**yes**", message.id]);
});
await check("edits_reacts_types_and_deletes", async () => {
  same((await said.edit("no")).content, "no");
  await said.react("👍");
  same((await said.fetch()).reactions.cache.get("👍").me, true);
  await said.channel.sendTyping();
  await said.delete();
  same((await control("messages")).length, 1);
});
await check("recognises_a_repetition_by_its_key", async () => {
  const channel = await client.channels.fetch(String(ROOM));
  const send = () => channel.send({ content: "once", nonce: "key-1", enforceNonce: true });
  same((await send()).id, (await send()).id);
});
await check("carries_files", async () => {
  const channel = await client.channels.fetch(String(ROOM));
  const sent = await channel.send({ files: [{ attachment: Buffer.from("bytes"), name: "a.txt" }] });
  const file = sent.attachments.first();
  same([file.name, file.size], ["a.txt", 5]);
  same(await (await fetch(file.url)).text(), "bytes");
});
await check("reads_history", async () => {
  const channel = await client.channels.fetch(String(ROOM));
  const page = await channel.messages.fetch({ limit: 2 });
  same(page.size, 2);
});
await check("resumes_after_a_cut", async () => {
  const resumed = next(Events.ShardResume, "a resumption");
  await control("cut", {});
  const missed = next(Events.MessageCreate, "what was said meanwhile");
  await control("say", { channel: DM, from: ADA, text: "meanwhile" });
  await resumed;
  same((await missed).content, "meanwhile");
  same(await control("counters"), { identifies: 1, resumes: 1 });
});
await client.destroy();
process.exit(failed ? 1 : 0);
