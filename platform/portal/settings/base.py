"""What every other room builds on: how the site is deployed, and where it is reached."""

from pathlib import Path

import environ

from portal import __version__

ROOT = Path(__file__).resolve().parents[3]
# Templates and static files: wheels carry them inside the package, a checkout has them at the top.
ASSETS = ROOT if (ROOT / "manage.py").exists() else Path(__file__).resolve().parents[1]
VERSION = __version__

env = environ.FileAwareEnv()

# Where databases, media, logs and scratch files of the embedded mode lie.
VAR_DIR = Path(env.str("VAR_DIR", default=str(ROOT / "var")))
if (VAR_DIR / "embedded.env").exists() and "DATABASE_URL" not in env.ENVIRON:
    env.read_env(VAR_DIR / "embedded.env")

# The embedded mode serves everything from one process on one machine, over plain HTTP.
EMBEDDED = env.bool("EMBEDDED", default=False)
# Django's error pages with source and settings, for developing alone.
DEBUG = env.bool("DEBUG", default=False)
# Signs sessions and download links, encrypts the secrets of authenticator apps. Keep it secret.
SECRET_KEY = env.str("SECRET_KEY")
# Earlier secret keys, separated by commas: what they signed and encrypted stays good. Without them a new key signs
# everybody out and makes authenticator apps and recovery codes useless.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])

# Where the site is reached from outside; links in mails and API answers start with it.
SITE_URL = env.str("SITE_URL", default="http://localhost:8000").rstrip("/")
# Host names that the site answers to; requests for others get 400.
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
# Origins whose pages may send our forms: where the site is reached, when that is another than SITE_URL too.
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[SITE_URL])
# Number of reverse proxies whose X-Forwarded-For entries are to be believed.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
