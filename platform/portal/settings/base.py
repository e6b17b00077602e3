"""Settings that the other modules depend on: deployment mode, URLs, secrets."""

from pathlib import Path

from portal import __version__
from portal.settings.environment import Environment

ROOT = Path(__file__).resolve().parents[3]
# Folder of templates and static files: inside the package in a wheel, at the top in a checkout.
ASSETS = ROOT if (ROOT / "manage.py").exists() else Path(__file__).resolve().parents[1]
VERSION = __version__

env = Environment()

# Folder for the databases, media, logs and scratch files of the embedded mode.
VAR_DIR = Path(env.str("VAR_DIR", default=str(ROOT / "var")))
if (VAR_DIR / "embedded.env").exists() and "DATABASE_URL" not in env:
    env.read_file(str(VAR_DIR / "embedded.env"))

# Embedded mode: one process on one machine serves everything over plain HTTP.
EMBEDDED = env.bool("EMBEDDED", default=False)
# Show Django's error pages with source code and settings. For development only.
DEBUG = env.bool("DEBUG", default=False)
# Signs sessions and download URLs, and encrypts the secrets of authenticator apps. Keep it secret.
SECRET_KEY = env.str("SECRET_KEY")
# Previous secret keys, separated by commas. Their signatures and encrypted values remain valid. Without them, a new
# SECRET_KEY signs all users out and invalidates authenticator apps and recovery codes.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])

# Public URL of the site. Links in emails and in API responses start with it.
SITE_URL = env.http_url("SITE_URL", default="http://localhost:8000")
# Host names of the site, separated by commas. Requests for other hosts receive 400.
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
# Origins that may submit forms. Change it if the site is also reached by a URL other than SITE_URL.
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS", default=[SITE_URL])
# Number of reverse proxies whose X-Forwarded-For entries are trusted.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
