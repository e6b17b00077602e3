"""PostgreSQL and Redis."""

from portal.settings.base import env

# DATABASE_URL: the PostgreSQL that keeps everything, as postgres://user:password@host/name.
DATABASES = {"default": env.db("DATABASE_URL")}
# Django's PostgreSQL backend, with each team's requests behind a wall of their own.
DATABASES["default"]["ENGINE"] = "accounts.tenancy.postgres"
# The database role behind that wall: `migrate` makes it. Roles are the whole cluster's; its sites may share this one.
TENANT_ROLE = env.str("TENANT_ROLE", default="mutoscope_tenant")
_options = DATABASES["default"].setdefault("OPTIONS", {})
# A process that is frozen in mid-transaction holds locks that others wait for: its session ends long before a lease.
DATABASE_IDLE_TRANSACTION_TIMEOUT_SECONDS = env.float("DATABASE_IDLE_TRANSACTION_TIMEOUT_SECONDS", default=10)
_options.setdefault(
    "options", f"-c idle_in_transaction_session_timeout={round(DATABASE_IDLE_TRANSACTION_TIMEOUT_SECONDS * 1000)}"
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
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE_SECONDS", default=60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Doorbells, rate limits, worker registry: all of it may be lost without losing a job.
REDIS_URL = env.str("REDIS_URL")
# A web request never waits longer than this for Redis.
REDIS_TIMEOUT_SECONDS = env.float("REDIS_TIMEOUT_SECONDS", default=0.25)

# Counts failed logins. In the database, so that all processes count together and an absent Redis locks nobody out.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}
