"""Who carries mails, and whom they come from."""

from portal.settings.base import EMBEDDED, VAR_DIR, env

# Embedded: printed to the console and kept in var/mail/, since a fresh machine has no mail server.
if EMBEDDED:
    EMAIL_BACKEND = "portal.embedded.servers.email_backend.ConsoleAndFileBackend"
    EMAIL_FILE_PATH = str(VAR_DIR / "mail")
else:
    # EMAIL_URL: the mail server, as smtp+tls://user:password@host:587.
    vars().update(env.email("EMAIL_URL", default="smtp://localhost:25"))
# A mail server that takes longer to answer is taken for away.
EMAIL_TIMEOUT = env.float("EMAIL_TIMEOUT_SECONDS", default=10)
# Who the mails come from.
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Mutoscope <mutoscope@localhost>")
