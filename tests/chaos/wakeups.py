"""Faults of the queues in Redis: entries are lost, come without a reason, or are forged."""

import pickle
from collections.abc import Callable
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.chaos.injector import Injector
from tests.support.forged_pickle import ForgedPickle

_TASK_QUEUES = ("webhooks", "mail", "files", "exports")
QUEUES = ("rq:queue:pool.cpu", *(f"rq:queue:{name}" for name in _TASK_QUEUES))


def wakeups_lost(injector: Injector) -> str:
    _redis(injector, lambda client: client.delete(*QUEUES))
    return "all queues"


def wakeups_doubled(injector: Injector) -> str:
    entries = [injector.rng.randbytes(16).hex() for _ in range(20)]
    _redis(injector, lambda client: [client.rpush(queue, *entries) for queue in QUEUES])
    return "all queues"


def wakeups_forged(injector: Injector) -> str:
    """Add entries with a function name, a pickle, a callback or a webhook. None may be executed."""
    proof = injector.world.folder / "owned"

    def forge(client: redis.Redis) -> None:
        pickled = pickle.dumps(ForgedPickle(proof))
        named = b'["os.system", null, ["touch %s"], {}]' % str(proof).encode()
        task = b'["delete_due_files", null, [], {}]'
        fields: tuple[dict[str, bytes], ...] = (
            {"data": named},
            {"data": pickled},
            {"data": b"\x80\x05."},
            {"data": b'["nothing", null, [], {}]'},
            {"data": task, "meta": pickled},
            {"data": task, "success_callback_name": b"os.abort"},
            {"data": task, "webhooks": b'[{"url": "http://127.0.0.1:9/", "job_status": "finished"}]'},
        )
        for queue in QUEUES:
            for number, stored in enumerate(fields):
                job = f"forged-{queue.rpartition(':')[2].replace('.', '-')}-{number}"
                origin = queue.removeprefix("rq:queue:")
                values: Any = {"origin": origin, "status": "queued", **stored}
                client.hset(f"rq:job:{job}", mapping=values)
                client.lpush(queue, job, pickled)

    _redis(injector, forge)
    return "all queues"


def _redis(injector: Injector, use: Callable[[redis.Redis], object]) -> None:
    client = redis.Redis(
        unix_socket_path=str(injector.world.valkey.socket), socket_timeout=0.5, retry=Retry(NoBackoff(), 0)
    )
    try:
        use(client)
    except redis.RedisError:
        injector.skipped["a wake-up while Valkey was unreachable"] += 1
    finally:
        client.close()
