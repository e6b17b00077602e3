import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["MUTOSCOPE_WEBHOOK_SECRET"])  # whsec_…
seen = set()  # event ids; use a database table in production


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        # Verify the raw bytes: parsed and serialized JSON has another signature.
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            event = webhook.verify(body, dict(self.headers))
        except WebhookVerificationError:
            self.send_error(400, "Invalid signature")
            return
        if self.headers["webhook-id"] not in seen:  # the same event can be delivered more than once
            seen.add(self.headers["webhook-id"])
            print(event["type"], event["data"].get("id", "-"), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer(("", int(os.environ.get("PORT", "8090"))), Receiver).serve_forever()
