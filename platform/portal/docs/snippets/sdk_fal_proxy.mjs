import { createServer } from "node:http";
import { Readable } from "node:stream";

const SITE = "http://localhost:8000";
const HOSTS = {
  "https://queue.fal.run": `${SITE}/fal/queue`,
  "https://fal.run": `${SITE}/fal`,
  "https://rest.fal.ai": `${SITE}/fal/rest`,
};

// In the browser: fal.config({ proxyUrl: "/api/fal" }). Let only your own users reach this server.
createServer(async (request, response) => {
  const target = request.headers["x-fal-target-url"] ?? "";
  const host = Object.keys(HOSTS).find((name) => target.startsWith(`${name}/`));
  if (!host) return response.writeHead(400).end("This is not a URL of fal.");
  const hasBody = request.method !== "GET" && request.method !== "HEAD";
  const answer = await fetch(target.replace(host, HOSTS[host]), {
    method: request.method,
    headers: { Authorization: `Key ${process.env.MUTOSCOPE_API_KEY}`, "Content-Type": "application/json" },
    body: hasBody ? Readable.toWeb(request) : undefined,
    duplex: "half",
  });
  const names = ["content-type", "x-fal-request-id", "x-fal-request-timeout-type", "retry-after"];
  response.writeHead(answer.status, Object.fromEntries([...answer.headers].filter(([name]) => names.includes(name))));
  Readable.fromWeb(answer.body).pipe(response);
}).listen(process.env.PORT ?? 3000, "127.0.0.1");
