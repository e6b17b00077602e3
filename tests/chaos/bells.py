"""What can happen to doorbells: they are lost, they ring for nothing, they are forged."""

import os
import pickle
from collections.abc import Callable

import redis

from tests.chaos.injector import Injector

QUEUES = ("rq:queue:pool.cpu", "rq:queue:maintenance")


def bells_lost(injector: Injector) -> str:
    _redis(injector, lambda client: client.delete(*QUEUES))
    return "all queues"


def bells_doubled(injector: Injector) -> str:
    words = [injector.dice.randbytes(16).hex() for _ in range(20)]
    _redis(injector, lambda client: [client.rpush(queue, *words) for queue in QUEUES])
    return "all queues"


class _Bomb:
    def __init__(self, proof: str) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.proof}",)


def bells_forged(injector: Injector) -> str:
    """Entries that name a function or hold a pickle: they ring, and that is all."""
    proof = injector.world.folder / "owned"

    def forge(client: redis.Redis) -> None:
        named = b'["os.system", null, ["touch %s"], {}]' % str(proof).encode()
        for number, data in enumerate((named, pickle.dumps(_Bomb(str(proof))), b"\x80\x05.")):
            client.hset(f"rq:job:forged{number}", mapping={"data": data, "origin": "pool.cpu", "status": "queued"})
            for queue in QUEUES:
                client.lpush(queue, f"forged{number}", pickle.dumps(_Bomb(str(proof))))

    _redis(injector, forge)
    return "all queues"


def _redis(injector: Injector, use: Callable[[redis.Redis], object]) -> None:
    client = redis.Redis(unix_socket_path=str(injector.world.valkey.socket), socket_timeout=0.5, retry=None)
    try:
        use(client)
    except redis.RedisError:
        injector.skipped["a bell while Valkey was away"] += 1
    finally:
        client.close()
