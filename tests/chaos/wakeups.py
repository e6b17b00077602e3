"""Faults of wake-ups: they are lost, they come without a reason, they are forged."""

import os
import pickle
from collections.abc import Callable

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.chaos.injector import Injector

QUEUES = ("rq:queue:pool.cpu", "rq:queue:maintenance")


def wakeups_lost(injector: Injector) -> str:
    _redis(injector, lambda client: client.delete(*QUEUES))
    return "all queues"


def wakeups_doubled(injector: Injector) -> str:
    entries = [injector.rng.randbytes(16).hex() for _ in range(20)]
    _redis(injector, lambda client: [client.rpush(queue, *entries) for queue in QUEUES])
    return "all queues"


class _Payload:
    def __init__(self, proof: str) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.proof}",)


def wakeups_forged(injector: Injector) -> str:
    """Add entries that name a function or contain a pickle. They may wake a worker, but must not be executed."""
    proof = injector.world.folder / "owned"

    def forge(client: redis.Redis) -> None:
        named = b'["os.system", null, ["touch %s"], {}]' % str(proof).encode()
        for number, data in enumerate((named, pickle.dumps(_Payload(str(proof))), b"\x80\x05.")):
            client.hset(f"rq:job:forged{number}", mapping={"data": data, "origin": "pool.cpu", "status": "queued"})
            for queue in QUEUES:
                client.lpush(queue, f"forged{number}", pickle.dumps(_Payload(str(proof))))

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
