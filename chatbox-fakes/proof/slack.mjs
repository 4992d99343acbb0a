// The fake Slack with the clients that Slack itself publishes: `slack.mjs NODE_FOLDER URL TOKEN APP_TOKEN`. Prints `ok NAME` or
// `FAIL NAME why` for each check and ends with 1 if any failed.
import { createRequire } from "node:module";

const [folder, url, token, appToken] = process.argv.slice(2);
const require = createRequire(`${folder}/x.js`);
const { WebClient } = require("@slack/web-api");
const { SocketModeClient, LogLevel } = require("@slack/socket-mode");

const ROOM = "C0ROOM", IM = "DU0ADA", ADA = "U0ADA";
const slackApiUrl = `${url}/api/`;
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
const refused = async (word, promise) => {
  try {
    await promise;
  } catch (error) {
    return same(error.data?.error, word);
  }
  throw new Error(`not refused with ${word}`);
};
let failed = false;
const check = async (name, run) => {
  try {
    await run();
    console.log(`ok slack.${name}`);
  } catch (error) {
    failed = true;
    console.log(`FAIL slack.${name} ${error.message}`);
  }
};

const web = new WebClient(token, { slackApiUrl, retryConfig: { retries: 0 } });
const socket = new SocketModeClient({ appToken, logLevel: LogLevel.ERROR, clientOptions: { slackApiUrl } });
const next = (event, what) => soon(what, new Promise((yes) => socket.once(event, yes)));
const heard = async (say) => {
  const coming = next("message", "a message");
  const { ts } = await control("say", say);
  const { event, ack } = await coming;
  await ack();
  same(event.ts, ts);
  return event;
};

await check("knows_who_asks", async () => {
  const me = await web.auth.test();
  same([me.user_id, me.team_id, me.user], ["U0BOT", "T0TEAM", "test_bot"]);
  await refused("invalid_auth", new WebClient("xoxb-other", { slackApiUrl }).auth.test());
  await refused("not_allowed_token_type", new WebClient(token, { slackApiUrl }).apps.connections.open());
});
await check("connects", async () => {
  const connected = next("connected", "a hello");
  await socket.start();
  await connected;
  same((await control("counters")).open, 1);
});
await check("hears_a_direct_message", async () => {
  const event = await heard({ channel: IM, from: ADA, text: "a < b" });
  same([event.text, event.user, event.channel, event.channel_type], ["a &lt; b", ADA, IM, "im"]);
});
let said;
await check("hears_and_answers_in_a_room", async () => {
  const event = await heard({ channel: ROOM, from: ADA, text: "to the room", mention: true });
  same([event.text, event.channel_type], ["<@U0BOT> to the room", "channel"]);
  const blocks = [{ type: "markdown", text: "**yes**" }];
  const echo = next("message", "our own words");
  said = await web.chat.postMessage({ channel: ROOM, text: "yes", blocks, thread_ts: event.ts, unfurl_links: false });
  same([said.message.thread_ts, said.message.bot_id], [event.ts, "B0BOT"]);
  await (await echo).ack();
});
await check("edits_reacts_and_deletes", async () => {
  const changed = next("message", "a change");
  await web.chat.update({ channel: ROOM, ts: said.ts, text: "no" });
  const { event, ack } = await changed;
  await ack();
  same([event.subtype, event.message.text], ["message_changed", "no"]);
  const added = next("reaction_added", "a reaction");
  await web.reactions.add({ channel: ROOM, timestamp: said.ts, name: "thumbsup" });
  await (await added).ack();
  await refused("already_reacted", web.reactions.add({ channel: ROOM, timestamp: said.ts, name: "thumbsup" }));
  const { message } = await web.reactions.get({ channel: ROOM, timestamp: said.ts });
  same(message.reactions.map((it) => [it.count, it.name, it.users]), [[1, "thumbsup", ["U0BOT"]]]);
  const gone = next("message", "a deletion");
  await web.chat.delete({ channel: ROOM, ts: said.ts });
  const deletion = await gone;
  await deletion.ack();
  same([deletion.event.subtype, deletion.event.deleted_ts], ["message_deleted", said.ts]);
});
await check("carries_files", async () => {
  const coming = next("message", "a message with a file");
  await web.filesUploadV2({ channel_id: ROOM, file: Buffer.from("bytes"), filename: "a.txt" });
  const { event, ack } = await coming;
  await ack();
  const [file] = event.files;
  same([event.subtype, file.name, file.size], ["file_share", "a.txt", 5]);
  const fetched = await fetch(file.url_private_download, { headers: { authorization: `Bearer ${token}` } });
  same(await fetched.text(), "bytes");
  same((await fetch(file.url_private_download, { redirect: "manual" })).status, 302);
});
await check("reads_history_and_threads", async () => {
  const { ts } = await control("say", { channel: IM, from: ADA, text: "a question" });
  await (await next("message", "a question")).ack();
  const coming = next("message", "a reply");
  await control("say", { channel: IM, from: ADA, text: "in the thread", thread: ts });
  await (await coming).ack();
  const page = await web.conversations.history({ channel: IM, limit: 1 });
  same([page.messages.length, page.messages[0].ts, page.messages[0].reply_count, page.has_more], [1, ts, 1, true]);
  const replies = await web.conversations.replies({ channel: IM, ts });
  same(replies.messages.map((it) => it.text), ["a question", "in the thread"]);
  const { channels } = await web.users.conversations({ types: "public_channel,im" });
  same(channels.map((it) => it.id), [ROOM, IM]);
});
await check("hears_buttons_and_commands", async () => {
  const pressed = next("interactive", "a button");
  const [ours] = await control("messages");
  await control("press", { channel: ROOM, from: ADA, ts: ours.ts, button: "yes" });
  const { body, ack } = await pressed;
  same([body.type, body.actions[0].value], ["block_actions", "yes"]);
  await ack();
  await fetch(body.response_url, { method: "POST", body: JSON.stringify({ text: "thanks" }) });
  const given = next("slash_commands", "a command");
  await control("command", { channel: IM, from: ADA, word: "/ask", text: "why" });
  const command = await given;
  same([command.body.command, command.body.text], ["/ask", "why"]);
  await command.ack({ text: "because" });
  const answers = async () => (await control("presses")).map((it) => [it.acked, it.answers.map((one) => one.text)]);
  for (let left = 50; left > 0 && (await answers())[1][0] === false; left--) await new Promise((yes) => setTimeout(yes, 20));
  same(await answers(), [[true, ["thanks"]], [true, ["because"]]]);
});
await check("moves_to_a_new_socket_when_asked", async () => {
  const again = next("connected", "a new socket");
  await control("disconnect", { reason: "refresh_requested" });
  await again;
  const event = await heard({ channel: IM, from: ADA, text: "over the new one" });
  same(event.text, "over the new one");
  // A client calls an acknowledgement done once it is sent: the last one may still be on its way.
  const counters = async () => {
    const { connects, envelopes, acked } = await control("counters");
    return [connects, envelopes - acked];
  };
  for (let left = 100; left > 0 && (await counters())[1] > 0; left--) await new Promise((yes) => setTimeout(yes, 20));
  same(await counters(), [2, 0]);
});
await check("limits_name_their_wait", async () => {
  await refused("channel_not_found", web.chat.postMessage({ channel: "C404", text: "x" }));
  await refused("no_text", web.chat.postMessage({ channel: ROOM, text: "" }));
  const markdown = (length) => [{ type: "markdown", text: "a".repeat(length) }];
  await web.chat.postMessage({ channel: ROOM, text: "long", blocks: markdown(12000) });
  await refused("msg_blocks_too_long", web.chat.postMessage({ channel: ROOM, text: "long", blocks: markdown(12001) }));
});
await soon("the end", socket.disconnect()).catch(() => {});
process.exit(failed ? 1 : 0);
