"""Models, queue, workers, maintenance tasks, retention, event streams, webhooks, image URLs."""

import tomllib
from pathlib import Path

from portal.settings.base import EMBEDDED, VAR_DIR, env


def _new_models(path: str) -> list[str]:
    """Return the names of the models that the operator's file adds; `jobs` reports its errors when it is loaded."""
    try:
        tables = tomllib.loads(Path(path).read_text("utf-8")).get("models", {}) if path else {}
        return [name for name, table in tables.items() if "extends" in table or "engine" in table]
    except (OSError, ValueError, AttributeError, TypeError):
        return []


# --- Models
# TOML file with models, presets and changes of shipped models, see docs/models. Its models are offered, too.
MODELS_FILE = env.str("MODELS_FILE", default="")
# Folder of the weights that workers and `manage.py models` fetch. Workers of several machines may share it.
MODELS_DIR = env.str("MODELS_DIR", default=str(VAR_DIR / "models"))
# Where weights of hub repositories are fetched from instead of the hub: a folder, `s3://bucket/prefix`, or the URL of a
# server that speaks the hub's protocol. Empty: the hub.
MODELS_MIRROR = env.location("MODELS_MIRROR")
# Models of this site, separated by commas: `camera`, `i2vgen-xl`.
MODELS_ENABLED = [*dict.fromkeys([*env.list("MODELS_ENABLED", default=["camera"]), *_new_models(MODELS_FILE)])]
# Model of requests without `model`. The default is the first of MODELS_ENABLED.
DEFAULT_MODEL = env.str("DEFAULT_MODEL", default=next(iter(MODELS_ENABLED), ""))
# Aliases of these models, for programs that were written for another service:
# `sora-2=i2vgen-xl,ali-vilab/i2vgen-xl=i2vgen-xl`.
MODEL_ALIASES = env.dict("MODEL_ALIASES", default={})

# --- Queue and workers
# If a worker does not renew its lease for this long, its job is given to another worker.
LEASE_TIMEOUT_SECONDS = env.float("LEASE_TIMEOUT_SECONDS", default=30, minimum=0.1)
# Interval between renewals of a lease. Several intervals must fit into LEASE_TIMEOUT_SECONDS.
HEARTBEAT_INTERVAL_SECONDS = env.float(
    "HEARTBEAT_INTERVAL_SECONDS", default=5, minimum=0.01, maximum=LEASE_TIMEOUT_SECONDS / 2
)
# Number of crashed attempts after which a job fails.
MAX_ATTEMPTS = env.int("MAX_ATTEMPTS", default=3, minimum=1)
# Queueing time that raises a job by one priority level, so that low priorities are delayed but not forever.
PRIORITY_AGING_SECONDS = env.float("PRIORITY_AGING_SECONDS", default=900)
# If an engine reports no progress for this long, it is considered hung.
ENGINE_PROGRESS_TIMEOUT_SECONDS = env.float("ENGINE_PROGRESS_TIMEOUT_SECONDS", default=600)
# Maximum duration of one attempt, regardless of progress.
ATTEMPT_TIMEOUT_SECONDS = env.float("ATTEMPT_TIMEOUT_SECONDS", default=3600)
# Time for which a stopping worker continues its current job.
DRAIN_TIMEOUT_SECONDS = env.float("DRAIN_TIMEOUT_SECONDS", default=8 if EMBEDDED else 120)
# Time to retry while the storage is unavailable, before a finished video returns to the queue.
STORAGE_RETRY_TIMEOUT_SECONDS = env.float("STORAGE_RETRY_TIMEOUT_SECONDS", default=600)
# Folder for the files of running jobs. Use a fast local disk.
SCRATCH_DIR = env.str("SCRATCH_DIR", default=str(VAR_DIR / "scratch"))
# Minimum free space in SCRATCH_DIR. With less space, a worker claims no jobs.
SCRATCH_MIN_FREE_BYTES = env.int("SCRATCH_MIN_FREE_BYTES", default=512_000_000)

# --- Maintenance and retention
# Interval between searches for expired leases, passed deadlines and missed wake-ups.
RECONCILE_INTERVAL_SECONDS = env.float("RECONCILE_INTERVAL_SECONDS", default=5)
# Interval between grants of monthly credits and expirations of credits that are due.
QUOTA_INTERVAL_SECONDS = env.float("QUOTA_INTERVAL_SECONDS", default=60)
# Interval between checks of the wallets against the ledger.
LEDGER_CHECK_INTERVAL_SECONDS = env.float("LEDGER_CHECK_INTERVAL_SECONDS", default=600)
# Interval between deletions of due teams, expired idempotency keys and old entries of the audit log.
MAINTENANCE_INTERVAL_SECONDS = env.float("MAINTENANCE_INTERVAL_SECONDS", default=600)
# Retention of the audit log in days. 0: no limit.
AUDIT_RETENTION_DAYS = env.int("AUDIT_RETENTION_DAYS", default=365)
# Retention of finished videos in days. 0: no limit.
RETENTION_DAYS = env.int("RETENTION_DAYS", default=0)
# Retention of data exports in days.
EXPORT_RETENTION_DAYS = env.int("EXPORT_RETENTION_DAYS", default=7)
# Minimum age at which stored files that no job refers to are deleted. Must be longer than any upload takes.
ORPHAN_MIN_AGE_SECONDS = env.float("ORPHAN_MIN_AGE_SECONDS", default=3600)
# Interval between searches for such files. Must be shorter than a day.
ORPHAN_SWEEP_INTERVAL_SECONDS = env.float("ORPHAN_SWEEP_INTERVAL_SECONDS", default=3600)

# --- Downloads and waiting requests
# Maximum size of a video that `/generate` returns inline.
MAX_INLINE_VIDEO_BYTES = env.int("MAX_INLINE_VIDEO_BYTES", default=25_000_000)
# Validity of a signed download URL in seconds; at most an hour.
DOWNLOAD_URL_MAX_AGE_SECONDS = min(3600, env.int("DOWNLOAD_URL_MAX_AGE_SECONDS", default=3600))
# Maximum time that `/generate` waits for its video. Must be shorter than the timeout of the proxy.
GENERATE_TIMEOUT_SECONDS = env.float("GENERATE_TIMEOUT_SECONDS", default=85)
# Maximum rate of `/generate` requests per key and per IP address.
GENERATE_RATE_LIMIT = env.rate("GENERATE_RATE_LIMIT", default="10/minute")
# Whether this process supports long polling. `portal.asgi` enables it; pre-forked processes must not.
LONG_POLLING_ENABLED = env.bool("LONG_POLLING_ENABLED", default=False)

# --- Event streams
# Maximum number of open event streams per `live` process. Further streams receive 503.
MAX_EVENT_STREAMS = env.int("MAX_EVENT_STREAMS", default=2000)
# Maximum number of them per team.
MAX_EVENT_STREAMS_PER_TEAM = env.int("MAX_EVENT_STREAMS_PER_TEAM", default=500)
# Maximum number of them per API key.
MAX_EVENT_STREAMS_PER_KEY = env.int("MAX_EVENT_STREAMS_PER_KEY", default=200)
# Maximum number of them per person: browsers and keys that the person created, in all teams.
MAX_EVENT_STREAMS_PER_PERSON = env.int("MAX_EVENT_STREAMS_PER_PERSON", default=500)
# Interval between heartbeats of an idle stream. Must be shorter than the timeout of any proxy.
EVENT_HEARTBEAT_INTERVAL_SECONDS = env.float("EVENT_HEARTBEAT_INTERVAL_SECONDS", default=15)
# Maximum duration of a stream. Clients reconnect automatically and are authenticated again.
EVENT_STREAM_MAX_SECONDS = env.float("EVENT_STREAM_MAX_SECONDS", default=900)
# Interval between checks of permissions. Streams of revoked keys and of former members end within this time.
EVENT_REAUTH_INTERVAL_SECONDS = env.float("EVENT_REAUTH_INTERVAL_SECONDS", default=30, minimum=0.1, maximum=60)

# --- Webhooks
# Retention of webhook deliveries and their outbox in days. 0: no limit.
WEBHOOK_LOG_RETENTION_DAYS = env.int("WEBHOOK_LOG_RETENTION_DAYS", default=30)
# Whether webhooks may be sent to private and loopback IP addresses. Enable it only if every team may access the
# network of this host.
WEBHOOKS_ALLOW_PRIVATE_IPS = env.bool("WEBHOOKS_ALLOW_PRIVATE_IPS", default=False)

# --- Image URLs
# Whether requests may contain `image_url`, from which this site downloads the image.
IMAGE_URL_FETCH_ENABLED = env.bool("IMAGE_URL_FETCH_ENABLED", default=False)
# Whether image URLs may use plain HTTP.
IMAGE_URL_FETCH_ALLOW_HTTP = env.bool("IMAGE_URL_FETCH_ALLOW_HTTP", default=False)
# Whether image URLs may resolve to loopback addresses. For tests only. Other private IP addresses are never allowed.
IMAGE_URL_FETCH_ALLOW_LOOPBACK = env.bool("IMAGE_URL_FETCH_ALLOW_LOOPBACK", default=False)
# Maximum duration of an image download.
IMAGE_URL_FETCH_TIMEOUT_SECONDS = env.float("IMAGE_URL_FETCH_TIMEOUT_SECONDS", default=10)
# Maximum number of concurrent image downloads per team in all web processes. Each download occupies one process, so the
# value must be lower than the number of processes.
IMAGE_URL_FETCH_CONCURRENCY_PER_TEAM = env.int("IMAGE_URL_FETCH_CONCURRENCY_PER_TEAM", default=3)

# Maximum number of images that are decoded at once per team in all web processes. Further images of the team wait for
# up to 5 seconds.
IMAGE_DECODING_CONCURRENCY_PER_TEAM = env.int("IMAGE_DECODING_CONCURRENCY_PER_TEAM", default=2)
