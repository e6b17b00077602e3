"""Bodies of any shape, wherever one is taken: none is a failure of ours, none leaves half of anything behind."""

from django.core.files.storage import default_storage
from django.test import Client
from hypothesis import HealthCheck, given, settings

from jobs.batches.models import Batch
from jobs.compat.uploads import UploadStore
from jobs.galleries.models import Collection, Publication, ShareLink
from jobs.models import Job
from jobs.queue.ledger_check import find_discrepancies
from jobs.queue.wakeup import redis_client
from jobs.webhooks.models import Delivery, Endpoint
from tests.isolation.routes import all_routes
from tests.isolation.test_matrix import of_alice
from tests.isolation.world import World
from tests.schema.bodies import TAKING_BODIES, Call, calls, complaint

MADE = (Job, Batch, Endpoint, Delivery, Publication, Collection, ShareLink)


def test_no_body_is_a_failure_of_ours_and_none_leaves_half_of_anything(world: World, client: Client) -> None:
    things, seen = of_alice(world), set[tuple[str, int]]()
    of_the_world = _drifts()

    @settings(max_examples=400, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(calls())
    def send(call: Call) -> None:
        before, address = _standing(world), call.address(things)
        redis_client().flushdb()
        answer = client.generic(call.method, address, call.filled(things), call.content_type, headers=call.headers)
        told = answer.json()
        seen.add((call.route, answer.status_code))
        assert (wrong := complaint(address, answer.status_code, told)) is None, (call, wrong)
        if 400 <= answer.status_code < 500:
            assert _standing(world) == before

    send()
    assert {route for route, _status in seen} == {route for _method, route in TAKING_BODIES}
    assert {200, 201, 202, 400, 415, 422} <= {status for _route, status in seen}
    assert _drifts() == of_the_world
    for job in Job.objects.all():
        assert default_storage.exists(job.source_key)


def test_every_route_that_may_take_a_body_is_tried() -> None:
    tried = {route for _method, route in TAKING_BODIES}
    assert tried <= set(all_routes())
    assert len(tried) > 20


def _drifts() -> set[tuple[str, str]]:
    """Which rules are broken where: the world is made without its booking."""
    return {(discrepancy.rule, discrepancy.location.partition(":")[0]) for discrepancy in find_discrepancies()}


def _standing(world: World) -> tuple[int, ...]:
    files = sum(1 for _ in UploadStore(world.owner.team, "").list_uploads())
    return files, *(kind.objects.count() for kind in MADE)
