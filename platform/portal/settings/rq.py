"""The queues of RQ. django-rq reads these settings."""

from urllib.parse import parse_qsl, urlencode

from portal.settings.base import env
from portal.settings.databases import REDIS_URL

# Pools of GPU workers, separated by commas. Each model belongs to one, and each worker serves one.
WORKER_POOLS = env.list("WORKER_POOLS", default=["gpu", "cpu"])
# Maximum time that a worker or a page of the administration waits for Redis.
_REDIS_TIMEOUT_SECONDS = 3


def _with_timeouts(url: str, seconds: float) -> str:
    """Return the URL with timeouts in its query, where redis-py reads them. Those that it has stay."""
    url, _, query = url.partition("?")
    timeouts = {"socket_timeout": str(seconds), "socket_connect_timeout": str(seconds)}
    return f"{url}?{urlencode(timeouts | dict(parse_qsl(query)))}"


# Tasks have no timeout: it would be a signal in the middle of a statement.
_QUEUE = {"URL": _with_timeouts(REDIS_URL, _REDIS_TIMEOUT_SECONDS), "SERIALIZER": "json", "DEFAULT_TIMEOUT": -1}
RQ_QUEUES = {
    # Wake-ups of the GPU workers, one queue for each pool.
    **{f"pool.{pool}": _QUEUE for pool in WORKER_POOLS},
    # The outbox, webhook deliveries, and the end of batches, which webhooks report.
    "webhooks": _QUEUE,
    # Emails and monthly credits: short tasks that people wait for.
    "mail": _QUEUE,
    # Deletion of files and of old rows, and other tasks that nobody waits for.
    "files": _QUEUE,
    "exports": _QUEUE,
}
# For all queues: django-rq's pages would not use the class of a single queue.
RQ = {"JOB_CLASS": "common.tasks.job.TaskJob", "QUEUE_CLASS": "common.tasks.queues.TaskQueue"}
# Our own class registers the pages: see portal/admin/queues.py.
RQ_SHOW_ADMIN_LINK = False
