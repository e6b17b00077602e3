"""/v1/collections: curators create, fill, edit and delete them; every member sees them."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from accounts.roles import Scope
from jobs.galleries.models import Collection, Publication
from jobs.galleries.services import curation
from tests.support.api_client import ApiClient
from tests.support.galleries import publish
from tests.support.people import Person
from tests.support.videos import finished_video


@pytest.fixture
def best(as_alice: ApiClient) -> Any:
    return as_alice.post("/v1/collections", {"name": "Best", "description": "of all", "order": 3}).json()


def test_the_life_of_a_collection(best: dict[str, Any], alice: Person, as_alice: ApiClient, as_bob: ApiClient) -> None:
    path = f"/v1/collections/{best['id']}"
    assert (best["object"], best["name"], best["description"], best["order"]) == ("collection", "Best", "of all", 3)
    assert as_bob.get(path).json() == best
    assert as_alice.patch(path, {"name": "Better", "order": 0}).json()["name"] == "Better"
    assert as_alice.patch(path, {}).json()["order"] == 0
    publication = publish(as_alice, finished_video(alice))
    item_path = f"{path}/publications/{publication['id']}"
    for _ in range(2):
        assert as_alice.put(item_path).status_code == 200
    found = as_bob.get(f"/v1/gallery?collection={best['id']}").json()["data"]
    assert [one["id"] for one in found] == [publication["id"]]
    for _ in range(2):
        assert as_alice.delete(item_path).status_code == 200
    assert as_bob.get(f"/v1/gallery?collection={best['id']}").json()["data"] == []
    assert as_alice.delete(path).json() == {"id": best["id"], "object": "collection.deleted", "deleted": True}
    assert as_alice.get(path).status_code == 404
    assert Publication.objects.exists()


def test_only_curators_change_collections(
    best: dict[str, Any],
    alice: Person,
    mia: Person,
    as_alice: ApiClient,
    as_mia: ApiClient,
    as_bob: ApiClient,
    limited_key: Callable[..., ApiClient],
) -> None:
    path = f"/v1/collections/{best['id']}"
    item_path = f"{path}/publications/{publish(as_mia, finished_video(mia))['id']}"
    for api in (as_mia, as_bob):
        assert api.get("/v1/collections").status_code == 200
        assert api.post("/v1/collections", {"name": "Mine"}).status_code == 403
        assert api.patch(path, {"name": "Mine"}).status_code == 403
        assert api.delete(path).status_code == 403
        assert api.put(item_path).status_code == 403
        assert api.delete(item_path).status_code == 403
    assert limited_key(Scope.VIDEOS_READ).post("/v1/collections", {"name": "Mine"}).status_code == 403
    assert Collection.objects.get().name == "Best"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/v1/collections/{col}"),
        ("patch", "/v1/collections/{col}"),
        ("delete", "/v1/collections/{col}"),
        ("put", "/v1/collections/{col}/publications/{pub}"),
        ("delete", "/v1/collections/{col}/publications/{pub}"),
        ("get", "/v1/gallery?collection={col}"),
    ],
)
def test_a_collection_of_another_team_looks_like_an_unknown_one(
    method: str,
    path: str,
    best: dict[str, Any],
    alice: Person,
    as_alice: ApiClient,
    as_charlie: ApiClient,
    as_nobody: ApiClient,
) -> None:
    publication = publish(as_alice, finished_video(alice))["id"]
    found = []
    for identifier in (best["id"], f"col_{uuid.uuid4().hex}"):
        url = path.format(col=identifier, pub=publication)
        response = as_charlie.client.generic(method, url, "{}", "application/json", headers=as_charlie.headers)
        found.append((response.status_code, response.json()["error"]["message"].replace(identifier, "…")))
    assert found[0] == found[1] == (404, "No collection with the id '…'.")
    assert as_nobody.client.generic(method, path.format(col=best["id"], pub=publication)).status_code == 401


def test_a_publication_of_another_team_cannot_be_collected(
    charlie: Person, as_charlie: ApiClient, best: dict[str, Any], as_alice: ApiClient
) -> None:
    theirs = publish(as_charlie, finished_video(charlie))["id"]
    assert as_alice.put(f"/v1/collections/{best['id']}/publications/{theirs}").status_code == 404


def test_names_are_unique_within_the_team(best: dict[str, Any], as_alice: ApiClient, as_charlie: ApiClient) -> None:
    taken = as_alice.post("/v1/collections", {"name": "bEST"})
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "name_taken")
    other = as_alice.post("/v1/collections", {"name": "Other"}).json()
    assert as_alice.patch(f"/v1/collections/{other['id']}", {"name": "best"}).status_code == 409
    assert as_charlie.post("/v1/collections", {"name": "Best"}).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 81},
        {"name": "a\0"},
        {"name": "x", "description": "x" * 501},
        {"name": "x", "order": -1},
        {"name": "x", "order": 10**30},
        {"name": "x", "color": "red"},
    ],
)
def test_invalid_bodies(body: dict[str, Any], as_alice: ApiClient) -> None:
    assert as_alice.post("/v1/collections", body).status_code == 422


def test_pages_and_the_limit_of_collections(
    as_alice: ApiClient, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(curation, "MAX_COLLECTIONS", 3)
    ids = [as_alice.post("/v1/collections", {"name": str(n)}).json()["id"] for n in range(3)][::-1]
    full = as_alice.post("/v1/collections", {"name": "one more"})
    assert (full.status_code, full.json()["error"]["code"]) == (409, "too_many")
    with django_assert_num_queries(2):  # key, collections
        page = as_alice.get("/v1/collections?limit=2").json()
    assert ([one["id"] for one in page["data"]], page["has_more"]) == (ids[:2], True)
    rest = as_alice.get(f"/v1/collections?after={page['last_id']}").json()
    assert [one["id"] for one in rest["data"]] == ids[2:]


def test_the_openapi_schema_describes_every_endpoint(as_nobody: ApiClient) -> None:
    paths = as_nobody.get("/v1/openapi.json").json()["paths"]
    methods = {path: set(paths[path]) for path in paths if is_gallery_path(path)}
    assert methods == {
        "/v1/gallery": {"get", "post"},
        "/v1/gallery/{publication_id}": {"get", "patch", "delete"},
        "/v1/gallery/{publication_id}/favourite": {"put", "delete"},
        "/v1/collections": {"get", "post"},
        "/v1/collections/{collection_id}": {"get", "patch", "delete"},
        "/v1/collections/{collection_id}/publications/{publication_id}": {"put", "delete"},
        "/v1/share-links": {"get", "post"},
        "/v1/share-links/{link_id}": {"delete"},
    }


def is_gallery_path(path: str) -> bool:
    return path.startswith(("/v1/gallery", "/v1/collections", "/v1/share-links"))
