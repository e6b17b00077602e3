"""Every list of the API is a ListView: the same parameters, the same page."""

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from accounts.quota.services import grant
from jobs.api.pagination import ListView
from jobs.galleries.services.curation import create_collection
from jobs.webhooks.services import create_endpoint
from tests.support.api_client import ApiClient
from tests.support.people import Person
from tests.support.videos import claim_next, complete

pytestmark = pytest.mark.django_db

LISTS = {
    "/v1/videos": "vid",
    "/v1/batches": "batch",
    "/v1/batches/{batch}/items": "item",
    "/v1/gallery": "pub",
    "/v1/collections": "col",
    "/v1/share-links": "shr",
    "/v1/webhooks": "whk",
    "/v1/webhooks/{webhook}/deliveries": "dlv",
}


@pytest.fixture
def urls(alice: Person, as_alice: ApiClient, body: Callable[..., dict[str, Any]]) -> dict[str, str]:
    """The URL of each list, which has three rows."""
    from accounts.auth.principals import Principal
    from accounts.roles import SCOPES_OF_ROLE, Role

    principal = Principal(team=alice.team, user=alice.user, role=Role.OWNER, scopes=SCOPES_OF_ROLE[Role.OWNER])
    grant(team=alice.team, credits=1000, reason="test")
    for number in range(3):
        requests = [body(custom_id=f"{number}-{index}") for index in range(3)]
        batch = as_alice.post("/v1/batches", {"requests": requests}).json()
        create_collection(principal=principal, name=f"Collection {number}")
        endpoint = create_endpoint(
            team=alice.team, creator=alice.user, url="https://hooks.example/x", kinds=["completed"], description=""
        )
    for _ in range(3):
        job = complete(claim_next())
        as_alice.post("/v1/gallery", {"video": job.public_id})
        as_alice.post("/v1/share-links", {"target": job.public_id})
    for _ in range(3):
        as_alice.post(f"/v1/webhooks/{endpoint.public_id}/ping")
    return {url: url.format(batch=batch["id"], webhook=endpoint.public_id) for url in LISTS}


def test_each_list_is_complete_in_pages(urls: dict[str, str], as_alice: ApiClient) -> None:
    for name, url in urls.items():
        complete = as_alice.get(url).json()["data"]
        assert len(complete) >= 3, name
        collected: list[Any] = []
        after = ""
        while True:
            page = as_alice.get(f"{url}?limit=2{after}").json()
            assert page["object"] == "list"
            assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][-1]["id"])
            assert page["last_id"].startswith(f"{LISTS[name]}_")
            collected += page["data"]
            after = f"&after={page['last_id']}"
            if not page["has_more"]:
                break
        assert [row["id"] for row in collected] == [row["id"] for row in complete], name


def test_each_list_rejects_the_same_parameters(urls: dict[str, str], as_alice: ApiClient) -> None:
    for name, url in urls.items():
        for query in ("limit=0", "limit=101", "limit=x", "typo=1", "limit=1&limit=2"):
            assert as_alice.get(f"{url}?{query}").status_code == 422, (name, query)
        for after in ("x", "vid", "other_" + "0" * 32):
            assert as_alice.get(f"{url}?after={after}").status_code == 404, (name, after)
        last = as_alice.get(f"{url}?after={LISTS[name]}_{'0' * 32}").json()
        if name.endswith("/items"):
            assert last["first_id"]
        else:
            assert (last["data"], last["first_id"], last["last_id"], last["has_more"]) == ([], None, None, False)


def test_no_other_view_of_the_api_builds_a_page() -> None:
    lists = {view for view in _api_views(get_resolver()) if issubclass(view, ListView)}
    assert {view.id_prefix for view in lists} == set(LISTS.values())
    assert len(lists) == len(LISTS)
    others = {view for view in _api_views(get_resolver()) if not issubclass(view, ListView)}
    assert len(others) > 20
    assert not {view.__name__ for view in others if hasattr(view, "id_prefix")}


def _api_views(resolver: URLResolver) -> "list[type[APIView]]":
    found = []
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            found += _api_views(pattern)
        elif isinstance(pattern, URLPattern) and hasattr(pattern.callback, "cls"):
            found.append(pattern.callback.cls)
    return [view for view in found if issubclass(view, APIView)]
