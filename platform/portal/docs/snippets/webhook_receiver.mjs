import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = Buffer.from(process.env.MUTOSCOPE_WEBHOOK_SECRET.replace("whsec_", ""), "base64");
const seen = new Set(); // event ids; use a database table in production

function isSigned(headers, body) {
  const id = headers["webhook-id"];
  const sentAt = Number(headers["webhook-timestamp"]);
  if (!(Math.abs(Date.now() / 1000 - sentAt) < 300)) return false; // reject replays of old deliveries
  const expected = createHmac("sha256", secret).update(`${id}.${sentAt}.`).update(body).digest();
  // During a rotation there are two signatures, separated by a space. One of them must match.
  return String(headers["webhook-signature"]).split(" ").some((entry) => {
    const given = Buffer.from(entry.replace("v1,", ""), "base64");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks); // the raw bytes: parsed and serialized JSON has another signature
  if (!isSigned(request.headers, body)) {
    response.writeHead(400).end("Invalid signature");
    return;
  }
  const id = request.headers["webhook-id"];
  if (!seen.has(id)) {
    seen.add(id); // the same event can be delivered more than once
    const event = JSON.parse(body);
    console.log(event.type, event.data.id ?? "-");
  }
  response.writeHead(204).end();
}).listen(Number(process.env.PORT ?? 8090));
