"""Many submits at once spend no credit twice."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from accounts.quota.models import LedgerEntry, Wallet
from jobs.models import Job


def test_200_parallel_submits_against_credit_for_50(live_server, alice, body):
    Wallet.objects.filter(team=alice.team).update(balance=50)
    client = httpx.Client(base_url=live_server.url, headers=alice.headers, timeout=60)
    with client, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.post("/v1/videos", json=body()), range(200)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(202), statuses.count(429)) == (50, 150)
    assert Job.objects.count() == LedgerEntry.objects.filter(kind="reserve").count() == 50
    assert (alice.wallet.balance, alice.wallet.reserved) == (0, 50)
