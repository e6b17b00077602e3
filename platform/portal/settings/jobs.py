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
LEASE_SECONDS = env.float("LEASE_SECONDS", default=30)
# Between two renewals; several must fit into a lease.
BEAT_SECONDS = env.float("BEAT_SECONDS", default=5)
# Attempts that may end in a crash before a job is failed.
MAX_ATTEMPTS = env.int("MAX_ATTEMPTS", default=3)
# Waiting this long lifts a job by one priority: low ones are late, but not for ever.
AGEING_SECONDS = env.float("AGEING_SECONDS", default=900)
# An engine that reports no step for this long is taken for hung.
ENGINE_SILENCE_SECONDS = env.float("ENGINE_SILENCE_SECONDS", default=600)
# Longest time for one attempt, whatever it reports.
ATTEMPT_SECONDS = env.float("ATTEMPT_SECONDS", default=3600)
# How long a worker that is told to stop may go on with what it holds.
DRAIN_SECONDS = env.float("DRAIN_SECONDS", default=8 if EMBEDDED else 120)
# A storage that is down is waited for so long before a finished video goes back to the queue.
STORAGE_PATIENCE_SECONDS = env.float("STORAGE_PATIENCE_SECONDS", default=600)
# Where workers write films before they are published: a fast local disk.
SCRATCH_DIR = env.str("SCRATCH_DIR", default=str(VAR_DIR / "scratch"))
# With less space than this left for scratch files a worker claims nothing.
SCRATCH_RESERVE_BYTES = env.int("SCRATCH_RESERVE_BYTES", default=512_000_000)

# --- Chores, and how long things are kept
# Between two looks for expired leases, passed deadlines and unheard doorbells.
RECONCILE_SECONDS = env.float("RECONCILE_SECONDS", default=5)
# Between two looks for months that turned and credits that run out.
QUOTA_SECONDS = env.float("QUOTA_SECONDS", default=60)
# Between two audits of wallets against the ledger.
AUDIT_SECONDS = env.float("AUDIT_SECONDS", default=600)
# Days that the audit log is kept; 0 keeps it for good.
AUDIT_DAYS = env.int("AUDIT_DAYS", default=365)
# Days that a finished video is kept; 0 keeps it for good.
RETENTION_DAYS = env.int("RETENTION_DAYS", default=0)
# Days that the file is kept which a person asked for to take their data along.
EXPORT_DAYS = env.int("EXPORT_DAYS", default=7)
# Objects that no job refers to are deleted at this age, and looked for as often. Longer than any upload lasts.
ORPHAN_SECONDS = env.float("ORPHAN_SECONDS", default=3600)

# --- Answers that bring the video
# `/generate` answers with the video inside up to this size.
INLINE_VIDEO_BYTES = env.int("INLINE_VIDEO_BYTES", default=25_000_000)
# Seconds that a signed link to a video's bytes works; an hour at most.
DOWNLOAD_LINK_SECONDS = min(3600, env.int("DOWNLOAD_LINK_SECONDS", default=3600))
# `/generate` waits this long for its video; stay below the proxy's own limit.
GENERATE_WAIT_SECONDS = env.float("GENERATE_WAIT_SECONDS", default=85)
# Calls of `/generate` that one key, and one address, may make.
GENERATE_RATE_LIMIT = env.str("GENERATE_RATE_LIMIT", default="10/minute")
# Whether this process may hold answers back: `portal.asgi` says so, pre-forked processes must not.
HOLDS_ANSWERS = env.bool("HOLDS_ANSWERS", default=False)

# --- Streams of events
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

# --- Webhooks
# Days that deliveries of webhooks and their outbox are kept; 0 keeps them for good.
WEBHOOK_LOG_DAYS = env.int("WEBHOOK_LOG_DAYS", default=30)
# Webhooks may go to private and loopback addresses: only where every team is trusted with the network behind this host.
WEBHOOKS_TO_PRIVATE_ADDRESSES = env.bool("WEBHOOKS_TO_PRIVATE_ADDRESSES", default=False)

# --- Pictures by address
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
