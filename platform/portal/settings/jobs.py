"""Making videos: models, leases, chores, streams, webhooks, pictures by address."""

from portal.settings.base import EMBEDDED, VAR_DIR, env

# --- Models
# Models that this deployment serves, separated by commas: `camera`, `i2vgen-xl`.
MODELS_ENABLED = env.list("MODELS_ENABLED", default=["camera"])
# The one that a request without `model` gets.
DEFAULT_MODEL = env.str("DEFAULT_MODEL", default=next(iter(MODELS_ENABLED), ""))
# Other names that requests may use for these models, for programs that were written for another service:
# `sora-2=i2vgen-xl,ali-vilab/i2vgen-xl=i2vgen-xl`.
MODEL_ALIASES = env.dict("MODEL_ALIASES", default={})

# --- Queue and workers
# A worker that renews its lease for this long no more is taken for dead, and its job goes to another.
LEASE_TIMEOUT_SECONDS = env.float("LEASE_TIMEOUT_SECONDS", default=30)
# Between two renewals; several must fit into a lease.
HEARTBEAT_INTERVAL_SECONDS = env.float("HEARTBEAT_INTERVAL_SECONDS", default=5)
# Attempts that may end in a crash before a job is failed.
MAX_ATTEMPTS = env.int("MAX_ATTEMPTS", default=3)
# Waiting this long lifts a job by one priority: low ones are late, but not for ever.
PRIORITY_AGING_SECONDS = env.float("PRIORITY_AGING_SECONDS", default=900)
# An engine that reports no step for this long is taken for hung.
ENGINE_PROGRESS_TIMEOUT_SECONDS = env.float("ENGINE_PROGRESS_TIMEOUT_SECONDS", default=600)
# Longest time for one attempt, whatever it reports.
ATTEMPT_TIMEOUT_SECONDS = env.float("ATTEMPT_TIMEOUT_SECONDS", default=3600)
# How long a worker that is told to stop may go on with what it holds.
DRAIN_TIMEOUT_SECONDS = env.float("DRAIN_TIMEOUT_SECONDS", default=8 if EMBEDDED else 120)
# A storage that is down is waited for so long before a finished video goes back to the queue.
STORAGE_RETRY_TIMEOUT_SECONDS = env.float("STORAGE_RETRY_TIMEOUT_SECONDS", default=600)
# Where workers write films before they are published: a fast local disk.
SCRATCH_DIR = env.str("SCRATCH_DIR", default=str(VAR_DIR / "scratch"))
# With less space than this left for scratch files a worker claims nothing.
SCRATCH_MIN_FREE_BYTES = env.int("SCRATCH_MIN_FREE_BYTES", default=512_000_000)

# --- Chores, and how long things are kept
# Between two looks for expired leases, passed deadlines and unheard doorbells.
RECONCILE_INTERVAL_SECONDS = env.float("RECONCILE_INTERVAL_SECONDS", default=5)
# Between two looks for months that turned and credits that run out.
QUOTA_INTERVAL_SECONDS = env.float("QUOTA_INTERVAL_SECONDS", default=60)
# Between two audits of wallets against the ledger.
LEDGER_CHECK_INTERVAL_SECONDS = env.float("LEDGER_CHECK_INTERVAL_SECONDS", default=600)
# Days that the audit log is kept; 0 keeps it for good.
AUDIT_RETENTION_DAYS = env.int("AUDIT_RETENTION_DAYS", default=365)
# Days that a finished video is kept; 0 keeps it for good.
RETENTION_DAYS = env.int("RETENTION_DAYS", default=0)
# Days that the file is kept which a person asked for to take their data along.
EXPORT_RETENTION_DAYS = env.int("EXPORT_RETENTION_DAYS", default=7)
# Minimum age at which stored files that no job refers to are deleted. Must be longer than any upload takes.
ORPHAN_MIN_AGE_SECONDS = env.float("ORPHAN_MIN_AGE_SECONDS", default=3600)
# Interval between searches for such files.
ORPHAN_SWEEP_INTERVAL_SECONDS = env.float("ORPHAN_SWEEP_INTERVAL_SECONDS", default=3600)

# --- Answers that bring the video
# `/generate` answers with the video inside up to this size.
MAX_INLINE_VIDEO_BYTES = env.int("MAX_INLINE_VIDEO_BYTES", default=25_000_000)
# Seconds that a signed link to a video's bytes works; an hour at most.
DOWNLOAD_URL_MAX_AGE_SECONDS = min(3600, env.int("DOWNLOAD_URL_MAX_AGE_SECONDS", default=3600))
# `/generate` waits this long for its video; stay below the proxy's own limit.
GENERATE_TIMEOUT_SECONDS = env.float("GENERATE_TIMEOUT_SECONDS", default=85)
# Calls of `/generate` that one key, and one address, may make.
GENERATE_RATE_LIMIT = env.str("GENERATE_RATE_LIMIT", default="10/minute")
# Whether this process may hold answers back: `portal.asgi` says so, pre-forked processes must not.
LONG_POLLING_ENABLED = env.bool("LONG_POLLING_ENABLED", default=False)

# --- Streams of events
# Streams of events that one process of `live` holds open; beyond that it answers 503.
MAX_EVENT_STREAMS = env.int("MAX_EVENT_STREAMS", default=2000)
# Of these, streams of one team.
MAX_EVENT_STREAMS_PER_TEAM = env.int("MAX_EVENT_STREAMS_PER_TEAM", default=500)
# Of these, streams of one key.
MAX_EVENT_STREAMS_PER_KEY = env.int("MAX_EVENT_STREAMS_PER_KEY", default=200)
# Of these, streams of one person: browsers and keys that the person made, in whichever team.
MAX_EVENT_STREAMS_PER_PERSON = env.int("MAX_EVENT_STREAMS_PER_PERSON", default=500)
# A stream in which nothing happens shows this often that it still stands. Below the patience of any proxy.
EVENT_HEARTBEAT_INTERVAL_SECONDS = env.float("EVENT_HEARTBEAT_INTERVAL_SECONDS", default=15)
# The longest that a stream lasts: its client comes back by itself, and is asked anew who it is.
EVENT_STREAM_MAX_SECONDS = env.float("EVENT_STREAM_MAX_SECONDS", default=900)
# Streams of revoked keys, and of people who left their team, end within this time.
EVENT_REAUTH_INTERVAL_SECONDS = env.float("EVENT_REAUTH_INTERVAL_SECONDS", default=30)

# --- Webhooks
# Days that deliveries of webhooks and their outbox are kept; 0 keeps them for good.
WEBHOOK_LOG_RETENTION_DAYS = env.int("WEBHOOK_LOG_RETENTION_DAYS", default=30)
# Webhooks may go to private and loopback addresses: only where every team is trusted with the network behind this host.
WEBHOOKS_ALLOW_PRIVATE_IPS = env.bool("WEBHOOKS_ALLOW_PRIVATE_IPS", default=False)

# --- Pictures by address
# Whether a submit may name its picture by an address (`image_url`), which this site then fetches.
IMAGE_URL_FETCH_ENABLED = env.bool("IMAGE_URL_FETCH_ENABLED", default=False)
# Whether such addresses may be plain http.
IMAGE_URL_FETCH_ALLOW_HTTP = env.bool("IMAGE_URL_FETCH_ALLOW_HTTP", default=False)
# Whether they may lead to this machine itself: for tests alone. Other private addresses are never fetched.
IMAGE_URL_FETCH_ALLOW_LOOPBACK = env.bool("IMAGE_URL_FETCH_ALLOW_LOOPBACK", default=False)
# Longest time that such a picture may take to arrive.
IMAGE_URL_FETCH_TIMEOUT_SECONDS = env.float("IMAGE_URL_FETCH_TIMEOUT_SECONDS", default=10)
# Pictures of one team that all web processes together fetch at a time, each of which keeps a process waiting: fewer
# than there are processes.
IMAGE_URL_FETCH_CONCURRENCY_PER_TEAM = env.int("IMAGE_URL_FETCH_CONCURRENCY_PER_TEAM", default=3)
