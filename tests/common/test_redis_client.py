"""Commands that are sent to Redis without depending on it."""

from structlog.testing import capture_logs

from common.redis_client import redis_breaker, redis_client, try_redis
from portal.embedded.servers import Valkey


def test_without_redis_a_command_fails_once_and_is_then_skipped(own_valkey: Valkey) -> None:
    def ping() -> bool | None:
        return try_redis("test_ping_failed", redis_client().ping, queue="mail")

    with capture_logs() as logs:
        assert (ping(), redis_breaker.is_open, logs) == (True, False, [])
        own_valkey.stop()
        assert (ping(), redis_breaker.is_open, ping()) == (None, True, None)
    [log] = logs
    assert (log["event"], log["log_level"], log["queue"]) == ("test_ping_failed", "warning", "mail")
    assert log["reason"]
