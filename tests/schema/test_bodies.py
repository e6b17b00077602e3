"""Arbitrary bodies at every endpoint: none causes a server error, and none leaves partial data."""

from django.core.files.storage import default_storage
from django.test import Client
from hypothesis import HealthCheck, given, settings

from common.redis_client import redis_client
from jobs.batches.models import Batch
from jobs.compat.uploads import UploadStore
from jobs.galleries.models import Collection, Publication, ShareLink
from jobs.models import Job
from jobs.queue.ledger_check import find_discrepancies
from jobs.webhooks.models import Delivery, Endpoint
from tests.isolation.routes import all_routes
from tests.isolation.test_matrix import ids_of_owner
from tests.isolation.world import World
from tests.schema.bodies import BODY_ENDPOINTS, BodyCase, body_cases, response_problem

CREATED_MODELS = (Job, Batch, Endpoint, Delivery, Publication, Collection, ShareLink)


def test_no_body_causes_a_server_error_or_partial_data(world: World, client: Client) -> None:
    ids, seen = ids_of_owner(world), set[tuple[str, int]]()
    initial_discrepancies = _discrepancies()

    @settings(max_examples=500, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(body_cases())
    def send(case: BodyCase) -> None:
        before, url = _counts(world), case.url(ids)
        redis_client().flushdb()
        response = client.generic(case.method, url, case.filled(ids), case.content_type, headers=case.headers)
        problem = response.json()
        seen.add((case.route, response.status_code))
        assert (wrong := response_problem(url, response.status_code, problem)) is None, (case, wrong)
        if 400 <= response.status_code < 500:
            assert _counts(world) == before

    send()
    assert {route for route, _status in seen} == {route for _method, route in BODY_ENDPOINTS}
    assert {200, 201, 202, 400, 415, 422} <= {status for _route, status in seen}
    assert _discrepancies() == initial_discrepancies
    for job in Job.objects.all():
        assert default_storage.exists(job.source_key)


def test_every_route_that_accepts_a_body_is_tested() -> None:
    tried = {route for _method, route in BODY_ENDPOINTS}
    assert tried <= set(all_routes())
    assert len(tried) > 20


def _discrepancies() -> set[tuple[str, str]]:
    """Return the violated rules and their location: the test data has no ledger entries."""
    return {(discrepancy.rule, discrepancy.location.partition(":")[0]) for discrepancy in find_discrepancies()}


def _counts(world: World) -> tuple[int, ...]:
    files = sum(1 for _ in UploadStore(world.owner.team, "").list_uploads())
    return files, *(kind.objects.count() for kind in CREATED_MODELS)
