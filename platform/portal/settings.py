"""All settings of the site, read from the environment by typed readers.

Every variable may also be given as a file (`SECRET_KEY_FILE=/run/secrets/key`), as container secrets are.
`manage.py up` writes what it started to `var/embedded.env`; other commands on the same machine pick it up from there.
"""

import os
from functools import partial
from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF
from django.utils.translation import gettext_lazy as _

from portal import __version__
from portal.desk.look import UNFOLD  # noqa: F401 (Unfold reads it as a setting)
from portal.logs import structlog_configuration
from portal.oidc import oidc_origins, oidc_providers

ROOT = Path(__file__).resolve().parents[2]
# Wheels carry templates and static files inside the package; a checkout has them at the top.
_ASSETS = ROOT if (ROOT / "manage.py").exists() else Path(__file__).resolve().parent

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

INSTALLED_APPS = [
    # First: the first catalogue that translates a word wins.
    "portal",
    "accounts",
    "accounts.audit",
    "accounts.people",
    "accounts.quota",
    "accounts.quota.pages",
    "accounts.teams",
    "accounts.keys",
    "jobs",
    "jobs.webhooks",
    "jobs.galleries",
    "jobs.batches",
    "jobs.exports",
    "jobs.dialects",
    "portal.docs.apps.DocsConfig",
    "portal.desk.apps.DeskConfig",
    # Its templates replace those of Django's admin.
    "unfold.apps.BasicAppConfig",
    "portal.desk.apps.DeskAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "lucide",
    "pgtrigger",
    "rest_framework",
]

MIDDLEWARE = [
    "portal.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "jobs.api.poll.PollMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "portal.desk.impersonation.ImpersonationMiddleware",
    "portal.faults.NotAPageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"
WSGI_APPLICATION = "portal.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_ASSETS / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["portal.templatetags.icons"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "accounts.context.team",
                "accounts.context.mail_folder",
                "accounts.context.signup",
                "accounts.quota.context.purse",
                "portal.desk.context.desk",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- Servers
# DATABASE_URL: the PostgreSQL that keeps everything, as postgres://user:password@host/name.
DATABASES = {"default": env.db("DATABASE_URL")}
# Django's PostgreSQL backend, with each team's requests behind a wall of their own.
DATABASES["default"]["ENGINE"] = "accounts.tenancy.postgres"
# The database role behind that wall: `migrate` makes it. Roles are the whole cluster's; its sites may share this one.
TENANT_ROLE = env.str("TENANT_ROLE", default="mutoscope_tenant")
_options = DATABASES["default"].setdefault("OPTIONS", {})
# A process that is frozen in mid-transaction holds locks that others wait for: its session ends long before a lease.
DATABASE_IDLE_TRANSACTION_SECONDS = env.float("DATABASE_IDLE_TRANSACTION_SECONDS", default=10)
_options.setdefault(
    "options", f"-c idle_in_transaction_session_timeout={round(DATABASE_IDLE_TRANSACTION_SECONDS * 1000)}"
)
# Statements may be prepared (the claim's is); Django's own cursors never do.
_options.setdefault("prepare_threshold", 5)
# A route that has died is noticed within half a minute; the kernel's own patience is hours.
for _name, _value in {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}.items():
    _options.setdefault(_name, _value)
# Under ASGI every request runs in a thread of its own: connections come from a pool. Pre-forked sync workers keep one.
DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", default=0)
if DATABASE_POOL_SIZE:
    _options["pool"] = {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 5}
else:
    # Seconds that a process keeps its connection.
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE", default=60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Doorbells, rate limits, worker registry: all of it may be lost without losing a job.
REDIS_URL = env.str("REDIS_URL")
# A web request never waits longer than this for Redis.
REDIS_TIMEOUT_SECONDS = env.float("REDIS_TIMEOUT_SECONDS", default=0.25)

# Counts failed logins. In the database, so that all processes count together and an absent Redis locks nobody out.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}

STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        # Where pictures and videos lie; web and workers have to share it.
        "OPTIONS": {"location": env.str("MEDIA_ROOT", default=str(VAR_DIR / "media")), "allow_overwrite": True},
    },
    "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
}
# Pictures and videos lie in this bucket instead of MEDIA_ROOT: no disk is shared then. Needs the extra `s3`.
if MEDIA_S3_BUCKET := env.str("MEDIA_S3_BUCKET", default=""):
    STORAGES["default"] = {
        "BACKEND": "common.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": MEDIA_S3_BUCKET,
            # Where the server is; empty for Amazon's own.
            "endpoint_url": env.str("MEDIA_S3_ENDPOINT", default="") or None,
            # Where clients reach the bucket, as https://s3.example.com: downloads are then answered with redirects
            # to addresses that the storage itself checks. Empty: all bytes go through the site.
            "public_endpoint": env.str("MEDIA_S3_PUBLIC_ENDPOINT", default="") or None,
            # Needed by Amazon; other servers take any.
            "region_name": env.str("MEDIA_S3_REGION", default="us-east-1"),
            # Who reads, writes, lists and deletes in the bucket; empty takes what the machine's role gives.
            "access_key": env.str("MEDIA_S3_ACCESS_KEY", default="") or None,
            # The other half of it. Keep it secret.
            "secret_key": env.str("MEDIA_S3_SECRET_KEY", default="") or None,
        },
    }
STATIC_URL = "/static/"
# Where collectstatic puts style sheets and scripts, and the web processes find them.
STATIC_ROOT = env.str("STATIC_ROOT", default=str(VAR_DIR / "static"))
STATICFILES_DIRS = [_ASSETS / "static"]
# Names with a content hash never change what they stand for.
STATIC_SERVER = {
    "root": STATIC_ROOT,
    "prefix": STATIC_URL,
    "immutable_file_test": r"\.[0-9a-f]{12}\.",
    "allow_all_origins": False,
    # It answers around Django, whose SecurityMiddleware says the same for pages.
    "add_headers_function": lambda headers, _path, _url: headers.add_header("X-Content-Type-Options", "nosniff"),
}

# --- Accounts
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "create"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_FORMS = {"login": "accounts.forms.SignInForm", "signup": "accounts.forms.SignUpForm"}
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
# The adapter's key is address and account: five wrong passwords lock out the address that sent them, and its owner can
# sign in from any other. Guessing from many addresses is thereby slowed only per address; the rules for passwords have
# to withstand it. The limit per address alone is wide enough for an office behind one.
ACCOUNT_RATE_LIMITS = {"login_failed": "30/m/ip,5/5m/key"}
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if SITE_URL.startswith("https") else "http"
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# Whoever changes a password, an address or a second factor is told so by mail.
ACCOUNT_EMAIL_NOTIFICATIONS = True
# Who may make an account: `open` anybody, `invite` who was invited, `domains` addresses of SIGNUP_DOMAINS, `closed`
# nobody.
SIGNUP_MODE = env.str("SIGNUP_MODE", default="open")
# Domains of the addresses that may make an account with SIGNUP_MODE=domains, separated by commas.
SIGNUP_DOMAINS = [domain.lower() for domain in env.list("SIGNUP_DOMAINS", default=[])]

# --- Second factors
MFA_ADAPTER = "accounts.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_FORMS = {
    "add_webauthn": "accounts.people.passkeys.AddForm",
    "edit_webauthn": "accounts.people.passkeys.EditForm",
    "login_webauthn": "accounts.people.passkeys.SignInForm",
    "authenticate_webauthn": "accounts.people.passkeys.AuthenticateForm",
    "reauthenticate_webauthn": "accounts.people.passkeys.ReauthenticateForm",
}
MFA_TOTP_ISSUER = "Mutoscope"
# A clock may be wrong by half a minute.
MFA_TOTP_TOLERANCE = 1
# Browsers offer passkeys over HTTPS alone, and on localhost; the library knows only the first.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = EMBEDDED and not SITE_URL.startswith("https")

# --- Signing in with the company's accounts (OpenID Connect)
# Address of the identity provider, where /.well-known/openid-configuration is found. Empty: nothing is offered.
OIDC_ISSUER = env.str("OIDC_ISSUER", default="")
# What the button calls it: "Sign in with …".
OIDC_NAME = env.str("OIDC_NAME", default="OpenID Connect")
# What the provider knows this site by; its redirect address is SITE_URL/accounts/oidc/company/login/callback/.
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default="")
# The secret that belongs to it.
OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", default="")
# Whether addresses that the provider calls verified open the account that has them already. Only for a provider whose
# word about addresses you trust as much as your own.
OIDC_TRUST_EMAIL = env.bool("OIDC_TRUST_EMAIL", default=False)
SOCIALACCOUNT_FORMS = {"signup": "accounts.forms.SocialSignUpForm"}
SOCIALACCOUNT_ADAPTER = "accounts.adapter.SocialAccountAdapter"
SOCIALACCOUNT_PROVIDERS = oidc_providers(
    issuer=OIDC_ISSUER, name=OIDC_NAME, client_id=OIDC_CLIENT_ID, secret=OIDC_CLIENT_SECRET
)
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = OIDC_TRUST_EMAIL
# Days in which an owner may still keep a team that is to be closed; it makes no videos meanwhile.
TEAM_GRACE_DAYS = env.int("TEAM_GRACE_DAYS", default=14)
# Teams that one person may own, the personal one among them: each begins with the credits below.
MAX_TEAMS_OWNED = env.int("MAX_TEAMS_OWNED", default=5)
# Days that an invitation to a team can be accepted.
INVITATION_DAYS = env.int("INVITATION_DAYS", default=7)
# Invitations of a team that may be open at a time.
MAX_OPEN_INVITATIONS = env.int("MAX_OPEN_INVITATIONS", default=100)
# Mails with invitations that one team may send.
INVITATION_RATE_LIMIT = env.str("INVITATION_RATE_LIMIT", default="30/hour")
# Such mails that one address may get from all teams together.
INVITATION_RATE_LIMIT_PER_ADDRESS = env.str("INVITATION_RATE_LIMIT_PER_ADDRESS", default="5/hour")
# Credits that a new team finds in its wallet.
STARTING_CREDITS = env.int("STARTING_CREDITS", default=1000)

# --- Mail
# Embedded: printed to the console and kept in var/mail/, since a fresh machine has no mail server.
if EMBEDDED:
    EMAIL_BACKEND = "portal.mail.ConsoleAndFileBackend"
    EMAIL_FILE_PATH = str(VAR_DIR / "mail")
else:
    # EMAIL_URL: the mail server, as smtp+tls://user:password@host:587.
    vars().update(env.email("EMAIL_URL", default="smtp://localhost:25"))
# A mail server that takes longer to answer is taken for away.
EMAIL_TIMEOUT = env.float("EMAIL_TIMEOUT_SECONDS", default=10)
# Who the mails come from.
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Mutoscope <mutoscope@localhost>")

# --- Jobs
# Models that this deployment serves, separated by commas: `camera`, `i2vgen-xl`.
MODELS_ENABLED = env.list("MODELS_ENABLED", default=["camera"])
# The one that a request without `model` gets.
DEFAULT_MODEL = env.str("DEFAULT_MODEL", default=next(iter(MODELS_ENABLED), ""))
# Other names that requests may use for these models, for programs that were written for another service:
# `sora-2=i2vgen-xl,ali-vilab/i2vgen-xl=i2vgen-xl`.
MODEL_ALIASES = env.dict("MODEL_ALIASES", default={})
# A worker that renews its lease for this long no more is taken for dead, and its job goes to another.
LEASE_SECONDS = env.float("LEASE_SECONDS", default=30)
# Between two renewals; several must fit into a lease.
BEAT_SECONDS = env.float("BEAT_SECONDS", default=5)
# Attempts that may end in a crash before a job is failed.
MAX_ATTEMPTS = env.int("MAX_ATTEMPTS", default=3)
# An engine that reports no step for this long is taken for hung.
ENGINE_SILENCE_SECONDS = env.float("ENGINE_SILENCE_SECONDS", default=600)
# Longest time for one attempt, whatever it reports.
ATTEMPT_SECONDS = env.float("ATTEMPT_SECONDS", default=3600)
# How long a worker that is told to stop may go on with what it holds.
DRAIN_SECONDS = env.float("DRAIN_SECONDS", default=8 if EMBEDDED else 120)
# A storage that is down is waited for so long before a finished video goes back to the queue.
STORAGE_PATIENCE_SECONDS = env.float("STORAGE_PATIENCE_SECONDS", default=600)
# With less space than this left for scratch files a worker claims nothing.
SCRATCH_RESERVE_BYTES = env.int("SCRATCH_RESERVE_BYTES", default=512_000_000)
# Between two looks for expired leases, passed deadlines and unheard doorbells.
RECONCILE_SECONDS = env.float("RECONCILE_SECONDS", default=5)
# Between two looks for months that turned and credits that run out.
QUOTA_SECONDS = env.float("QUOTA_SECONDS", default=60)
# Between two audits of wallets against the ledger.
AUDIT_SECONDS = env.float("AUDIT_SECONDS", default=600)
# Days that the audit log is kept; 0 keeps it for good.
AUDIT_DAYS = env.int("AUDIT_DAYS", default=365)
# Waiting this long lifts a job by one priority: low ones are late, but not for ever.
AGEING_SECONDS = env.float("AGEING_SECONDS", default=900)
# Days that a finished video is kept; 0 keeps it for good.
RETENTION_DAYS = env.int("RETENTION_DAYS", default=0)
# Days that the file is kept which a person asked for to take their data along.
EXPORT_DAYS = env.int("EXPORT_DAYS", default=7)
# Objects that no job refers to are deleted at this age, and looked for as often. Longer than any upload lasts.
ORPHAN_SECONDS = env.float("ORPHAN_SECONDS", default=3600)
# Where workers write films before they are published: a fast local disk.
SCRATCH_DIR = env.str("SCRATCH_DIR", default=str(VAR_DIR / "scratch"))
# `/generate` answers with the video inside up to this size.
INLINE_VIDEO_BYTES = env.int("INLINE_VIDEO_BYTES", default=25_000_000)
# `/generate` waits this long for its video; stay below the proxy's own limit.
GENERATE_WAIT_SECONDS = env.float("GENERATE_WAIT_SECONDS", default=85)
# Whether this process may hold answers back: `portal.asgi` says so, pre-forked processes must not.
HOLDS_ANSWERS = env.bool("HOLDS_ANSWERS", default=False)
# Streams of events that one process of `live` holds open; beyond that it answers 503.
EVENT_STREAMS = env.int("EVENT_STREAMS", default=2000)
# Of these, streams of one team.
EVENT_STREAMS_PER_TEAM = env.int("EVENT_STREAMS_PER_TEAM", default=500)
# Of these, streams of one key.
EVENT_STREAMS_PER_KEY = env.int("EVENT_STREAMS_PER_KEY", default=200)
# Of these, streams of one person: browsers and keys that the person made, in whichever team.
EVENT_STREAMS_PER_PERSON = env.int("EVENT_STREAMS_PER_PERSON", default=500)
# A stream in which nothing happens shows this often that it still stands. Below the patience of any proxy.
EVENT_HEARTBEAT_SECONDS = env.float("EVENT_HEARTBEAT_SECONDS", default=15)
# The longest that a stream lasts: its client comes back by itself, and is asked anew who it is.
EVENT_STREAM_SECONDS = env.float("EVENT_STREAM_SECONDS", default=900)
# Streams of revoked keys, and of people who left their team, end within this time.
EVENT_RECHECK_SECONDS = env.float("EVENT_RECHECK_SECONDS", default=30)
# Calls of `/generate` that one key, and one address, may make.
GENERATE_RATE_LIMIT = env.str("GENERATE_RATE_LIMIT", default="10/minute")
# Seconds that a signed link to a video's bytes works; an hour at most.
DOWNLOAD_LINK_SECONDS = min(3600, env.int("DOWNLOAD_LINK_SECONDS", default=3600))

# Days that deliveries of webhooks and their outbox are kept; 0 keeps them for good.
WEBHOOK_LOG_DAYS = env.int("WEBHOOK_LOG_DAYS", default=30)
# Webhooks may go to private and loopback addresses: only where every team is trusted with the network behind this host.
WEBHOOKS_TO_PRIVATE_ADDRESSES = env.bool("WEBHOOKS_TO_PRIVATE_ADDRESSES", default=False)

# Whether a submit may name its picture by an address (`image_url`), which this site then fetches.
IMAGE_URLS = env.bool("IMAGE_URLS", default=False)
# Whether such addresses may be plain http.
IMAGE_URLS_OVER_HTTP = env.bool("IMAGE_URLS_OVER_HTTP", default=False)
# Whether they may lead to this machine itself: for tests alone. Other private addresses are never fetched.
IMAGE_URLS_FROM_LOOPBACK = env.bool("IMAGE_URLS_FROM_LOOPBACK", default=False)
# Longest time that such a picture may take to arrive.
IMAGE_URL_SECONDS = env.float("IMAGE_URL_SECONDS", default=10)
# Pictures of one team that all web processes together fetch at a time, each of which keeps a process waiting: fewer
# than there are processes.
IMAGE_URLS_AT_ONCE_PER_TEAM = env.int("IMAGE_URLS_AT_ONCE_PER_TEAM", default=3)

# --- Requests
# MAX_BODY_BYTES: larger requests are refused. A 25 megapixel PNG in base64 fits.
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("MAX_BODY_BYTES", default=48_000_000)
# The same for a batch that comes as a file of JSON Lines, which is read from disk line by line.
BATCH_BODY_BYTES = env.int("MAX_BATCH_BODY_BYTES", default=256_000_000)
# Longest time for a body of MAX_BODY_BYTES to arrive, longer ones in proportion; `live` keeps it on its disk meanwhile.
BODY_SECONDS = env.float("BODY_SECONDS", default=120)
FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
if EMBEDDED:
    # On a shared machine the files are the owner's alone. In production the containers that share them may have
    # different users.
    FILE_UPLOAD_PERMISSIONS = 0o600
    FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
DATA_UPLOAD_MAX_NUMBER_FIELDS = 100
# A batch with the pictures that its requests share.
DATA_UPLOAD_MAX_NUMBER_FILES = 21

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "jobs.api.authentication.ApiKeyAuthentication",
        "jobs.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["jobs.api.permissions.HasScope"],
    # Views that take a picture take it as a file, too.
    "DEFAULT_PARSER_CLASSES": ["jobs.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "jobs.api.errors.exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Mutoscope",
    "DESCRIPTION": "Turns a still picture and a sentence into a short video.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SORT_OPERATIONS": "jobs.api.openapi.order",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SERVERS": [{"url": SITE_URL}],
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "jobs.api.openapi.complete"],
    # Every list says `"object": "list"`: one name for it in the description. The same for what several answers show.
    "ENUM_NAME_OVERRIDES": {
        "ListObjectEnum": ["list"],
        "VideoObjectEnum": ["video"],
        "BatchObjectEnum": ["batch"],
        "VideoStatusEnum": ["queued", "in_progress", "completed", "failed", "canceled", "expired"],
        "BatchStatusEnum": ["in_progress", "completed", "canceled"],
    },
}

# --- Language and time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
USE_TZ = True
TIME_ZONE = "UTC"

# --- Security
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_ENGINE = "portal.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "media-src": [SELF, "blob:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        # The button that leads to the identity provider is a form, and browsers follow the redirect by this rule.
        "form-action": [SELF, *oidc_origins(OIDC_ISSUER)],
        "frame-ancestors": [NONE],
    }
}
if SITE_URL.startswith("https"):
    # Sends plain HTTP to HTTPS; the probes below excepted.
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$", r"^health$", r"^metrics$"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
    # Browsers keep to HTTPS for this long after a visit.
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

# --- Metrics
# Whoever sends it as `Authorization: Bearer …` may read /metrics. Keep it secret; empty lets nobody in by a token.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Networks, separated by commas, whose addresses may read it without a token, never through a proxy.
METRICS_NETWORKS = env.list("METRICS_NETWORKS", default=["127.0.0.0/8", "::1/128"])
# Where the web processes of one machine, or of one container, keep their counts of requests.
METRICS_DIR = env.str("METRICS_DIR", default=str(VAR_DIR / "metrics"))
# Prometheus' library asks once, when it is loaded, whether it counts for one process or for many.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = METRICS_DIR

# --- Logs
# One JSON object a line, or columns for a person's eye.
LOG_JSON = env.bool("LOG_JSON", default=not EMBEDDED)
# The least severe lines that are written: DEBUG, INFO, WARNING, ERROR.
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING_CONFIG = None
# Engine children call it, too.
CONFIGURE_LOGS = partial(structlog_configuration, json_lines=LOG_JSON, level=LOG_LEVEL)
CONFIGURE_LOGS()
