"""Mail server and sender of emails."""

from portal.settings.base import EMBEDDED, VAR_DIR, env

# Embedded mode: emails are printed to the console and stored in var/mail/, because the machine may have no mail server.
if EMBEDDED:
    EMAIL_BACKEND = "portal.embedded.servers.email_backend.ConsoleAndFileBackend"
    EMAIL_FILE_PATH = str(VAR_DIR / "mail")
else:
    # EMAIL_URL: the mail server, as smtp+tls://user:password@host:587.
    vars().update(env.email("EMAIL_URL", default="smtp://localhost:25"))
# Timeout of connections to the mail server.
EMAIL_TIMEOUT = env.float("EMAIL_TIMEOUT_SECONDS", default=10)
# Sender of emails.
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Mutoscope <mutoscope@localhost>")
