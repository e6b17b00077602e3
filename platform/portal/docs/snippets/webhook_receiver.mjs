import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = Buffer.from(process.env.MUTOSCOPE_WEBHOOK_SECRET.replace("whsec_", ""), "base64");
const seen = new Set(); // of event ids; a database table in a real program

function verified(headers, body) {
  const id = headers["webhook-id"];
  const sentAt = Number(headers["webhook-timestamp"]);
  if (!(Math.abs(Date.now() / 1000 - sentAt) < 300)) return false; // an old one, sent again by a stranger
  const expected = createHmac("sha256", secret).update(`${id}.${sentAt}.`).update(body).digest();
  // During a rotation there are two signatures, separated by a space: one has to fit.
  return String(headers["webhook-signature"]).split(" ").some((entry) => {
    const given = Buffer.from(entry.replace("v1,", ""), "base64");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

createServer(async (request, response) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const body = Buffer.concat(pieces); // the very bytes that came
  if (!verified(request.headers, body)) {
    response.writeHead(400).end("The signature is not ours");
    return;
  }
  const id = request.headers["webhook-id"];
  if (!seen.has(id)) {
    seen.add(id); // the same event may come more than once
    const event = JSON.parse(body);
    console.log(event.type, event.data.id ?? "-");
  }
  response.writeHead(204).end();
}).listen(Number(process.env.PORT ?? 8090));
