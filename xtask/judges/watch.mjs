// The protocol's TypeScript client, which watches a resource: `watch.mjs NODE_FOLDER URL TOKEN URI`. It says `watches` once
// it has subscribed, then the text of the newest message whenever it hears of one, until its input ends.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, url, token, uri] = process.argv.slice(2);
const { resolve } = createRequire(`${folder}/x.js`);
const from = async (name) => import(pathToFileURL(resolve(`@modelcontextprotocol/sdk/${name}`)));
const { Client } = await from("client/index.js");
const { StreamableHTTPClientTransport } = await from("client/streamableHttp.js");
const { ResourceUpdatedNotificationSchema } = await from("types.js");

const client = new Client({ name: "judge", version: "1" });
client.setNotificationHandler(ResourceUpdatedNotificationSchema, async ({ params }) => {
  const { contents } = await client.readResource({ uri: params.uri });
  console.log(JSON.parse(contents[0].text).messages.at(-1).text);
});
const requestInit = { headers: { Authorization: `Bearer ${token}` } };
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
await client.subscribeResource({ uri });
console.log("watches");
process.stdin.on("end", () => process.exit(0)).resume();
