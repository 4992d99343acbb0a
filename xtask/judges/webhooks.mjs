// Verifies deliveries with the standard's library for JavaScript: a question a line, `true` or `false` for each.
import { createPublicKey, verify } from "node:crypto";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const { Webhook } = createRequire(`${process.argv[2]}/x.js`)("standardwebhooks");
const now = Date.now;

function verifies({ secret, body, headers, later }) {
  Date.now = () => now() + later * 1000;
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

// What the library does not know: `v1a`, an ed25519 signature over the same text.
function verifiesWithKey({ key, body, headers }) {
  const x = Buffer.from(key, "base64").toString("base64url");
  const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  const text = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`);
  const signatures = headers["webhook-signature"].split(" ").map((one) => one.split(","));
  return signatures.some(([kind, it]) => kind === "v1a" && verify(null, text, publicKey, Buffer.from(it, "base64")));
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  console.log(asked.key ? verifiesWithKey(asked) : verifies(asked));
}
