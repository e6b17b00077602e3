"""PostgreSQL and Redis."""

from portal.settings.base import env

# DATABASE_URL: the PostgreSQL database, as postgres://user:password@host/name.
DATABASES = {"default": env.db("DATABASE_URL")}
# Django's PostgreSQL backend with row-level security: a request sees only the rows of its team.
DATABASES["default"]["ENGINE"] = "accounts.tenancy.postgres"
# Database role that the row-level security applies to; `migrate` creates it. Sites in one cluster can share the role.
TENANT_ROLE = env.str("TENANT_ROLE", default="mutoscope_tenant")
_options = DATABASES["default"].setdefault("OPTIONS", {})
# A process that freezes during a transaction holds locks that others wait for. Its session ends after this time, long
# before a lease does.
DATABASE_IDLE_TRANSACTION_TIMEOUT_SECONDS = env.float("DATABASE_IDLE_TRANSACTION_TIMEOUT_SECONDS", default=10)
_options.setdefault(
    "options", f"-c idle_in_transaction_session_timeout={round(DATABASE_IDLE_TRANSACTION_TIMEOUT_SECONDS * 1000)}"
)
# Allow prepared statements, which the claim uses. Django's own cursors never prepare statements.
_options.setdefault("prepare_threshold", 5)
# Detect a dead connection within 30 seconds; the defaults of the kernel take hours.
for _name, _value in {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}.items():
    _options.setdefault(_name, _value)
# Maximum size of the connection pool per process; 0 disables it. ASGI processes need a pool, because each request has
# its own thread. Pre-forked sync workers keep one connection instead.
DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", default=0)
if DATABASE_POOL_SIZE:
    _options["pool"] = {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 5}
else:
    # Seconds for which a process without a pool keeps its connection.
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE_SECONDS", default=60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The Redis server for wake-ups, rate limits and the worker registry. Its data can be lost without losing a job.
REDIS_URL = env.redis_url("REDIS_URL")
# Maximum time that a web request waits for Redis.
REDIS_TIMEOUT_SECONDS = env.float("REDIS_TIMEOUT_SECONDS", default=0.25)

# `default` counts failed sign-ins, `forms` knows the forms that were submitted. In the database, so that all processes
# share them and a Redis outage locks nobody out. Beyond its maximum Django deletes entries that are still needed (the
# default is 300): each has its own table, so that nobody can submit forms until the failed sign-ins are forgotten.
CACHES = {
    name: {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": table,
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
    for name, table in {"default": "cache", "forms": "form_cache"}.items()
}
