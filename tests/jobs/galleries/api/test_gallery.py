"""/v1/gallery: publishing, viewing, editing, removing and favourites; and who may do what."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.roles import Scope
from jobs.galleries.models import Favourite, Publication
from jobs.galleries.search import PublicationFilter, list_publications
from jobs.models import Job
from jobs.queue.cancel import delete_job
from jobs.videos.cleanup import delete_due_files
from tests.support.api_client import ApiClient
from tests.support.galleries import publication_of, publish
from tests.support.people import Person
from tests.support.videos import finished_video


def captions(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [publication["caption"] for publication in response.json()["data"]]


def test_a_member_publishes_her_own_video(mia: Person, as_mia: ApiClient, as_bob: ApiClient) -> None:
    job = finished_video(mia)
    response = as_mia.post(
        "/v1/gallery", {"video": job.public_id, "caption": "Dawn", "tags": ["Sky ", "sky", "Red  sun"]}
    )
    assert response.status_code == 201
    body = response.json()
    assert response["Location"] == body["urls"]["self"]
    assert (body["video"], body["caption"], body["tags"]) == (job.public_id, "Dawn", ["sky", "red sun"])
    assert (body["publisher"], body["public"], body["favourite"]) == ("mia@example.com", False, False)
    assert as_bob.get(f"/v1/gallery/{body['id']}").json() == body
    assert as_bob.get(body["urls"]["content"].removeprefix("http://testserver")).status_code == 200


def test_members_edit_their_own_publications_and_curators_every_one(
    alice: Person, mia: Person, as_alice: ApiClient, as_mia: ApiClient
) -> None:
    hers, his = finished_video(mia), finished_video(alice)
    refused = as_mia.post("/v1/gallery", {"video": his.public_id})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "role_too_low")
    other = f"/v1/gallery/{publish(as_alice, his)['id']}"
    assert as_mia.patch(other, {"caption": "mine now"}).status_code == 403
    assert as_mia.delete(other).status_code == 403
    own = f"/v1/gallery/{publish(as_mia, hers)['id']}"
    assert as_alice.patch(own, {"caption": "by the curator"}).json()["caption"] == "by the curator"
    assert as_mia.patch(own, {"tags": ["a"], "public": True}).json()["public"] is True
    assert as_mia.get(own).json()["caption"] == "by the curator"
    assert as_alice.delete(own).json() == {"id": own[12:], "object": "publication.deleted", "deleted": True}
    assert as_mia.get(own).status_code == 404
    assert as_mia.get(f"/v1/videos/{hers.public_id}").status_code == 200


def test_a_member_edits_her_video_that_an_admin_published(mia: Person, as_alice: ApiClient, as_mia: ApiClient) -> None:
    body = publish(as_alice, finished_video(mia))
    assert as_mia.patch(f"/v1/gallery/{body['id']}", {"caption": "my words"}).status_code == 200


def test_a_viewer_only_views_and_marks_favourites(
    alice: Person, as_alice: ApiClient, as_bob: ApiClient, bob: Person
) -> None:
    body = publish(as_alice, finished_video(alice))
    path = f"/v1/gallery/{body['id']}"
    assert as_bob.post("/v1/gallery", {"video": finished_video(alice).public_id}).status_code == 403
    assert as_bob.patch(path, {"caption": "x"}).status_code == 403
    assert as_bob.delete(path).status_code == 403
    for _ in range(2):
        assert as_bob.put(f"{path}/favourite").json()["favourite"] is True
    assert Favourite.objects.get().user == bob.user
    assert as_alice.get(path).json()["favourite"] is False
    assert len(as_bob.get("/v1/gallery?favourite=true").json()["data"]) == 1
    assert as_alice.get("/v1/gallery?favourite=true").json()["data"] == []
    for _ in range(2):
        assert as_bob.delete(f"{path}/favourite").json()["favourite"] is False
    assert not Favourite.objects.exists()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/v1/gallery/{pub}"),
        ("patch", "/v1/gallery/{pub}"),
        ("delete", "/v1/gallery/{pub}"),
        ("put", "/v1/gallery/{pub}/favourite"),
        ("delete", "/v1/gallery/{pub}/favourite"),
    ],
)
def test_a_publication_of_another_team_looks_like_an_unknown_one(
    method: str, path: str, alice: Person, as_alice: ApiClient, as_charlie: ApiClient, as_nobody: ApiClient
) -> None:
    body = publish(as_alice, finished_video(alice))
    found = []
    for identifier in (body["id"], f"pub_{uuid.uuid4().hex}"):
        response = as_charlie.client.generic(
            method, path.format(pub=identifier), "{}", "application/json", headers=as_charlie.headers
        )
        error = response.json()["error"]
        found.append((response.status_code, error["code"], error["message"].replace(identifier, "…")))
    assert found[0] == found[1] == (404, "not_found", "No publication with the id '…'.")
    assert as_nobody.client.generic(method, path.format(pub=body["id"])).status_code == 401


def test_a_video_of_another_team_cannot_be_published(alice: Person, as_charlie: ApiClient) -> None:
    assert as_charlie.post("/v1/gallery", {"video": finished_video(alice).public_id}).status_code == 404


@pytest.mark.parametrize("identifier", ["pub_1", "nonsense", "pub_" + "0" * 32, "vid_" + "0" * 32, "pub_%00"])
def test_an_unknown_id(identifier: str, as_alice: ApiClient) -> None:
    assert as_alice.get(f"/v1/gallery/{identifier}").status_code == 404


def test_keys_need_the_scope(alice: Person, as_alice: ApiClient, limited_key: Callable[..., ApiClient]) -> None:
    body = publish(as_alice, finished_video(alice))
    reader, writer = limited_key(Scope.VIDEOS_READ), limited_key(Scope.GALLERY_WRITE)
    assert reader.get("/v1/gallery").status_code == 200
    refused = reader.post("/v1/gallery", {"video": finished_video(alice).public_id})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "missing_scope")
    assert reader.delete(f"/v1/gallery/{body['id']}").status_code == 403
    assert writer.get("/v1/gallery").status_code == 403
    assert writer.delete(f"/v1/gallery/{body['id']}").status_code == 200


def test_only_a_completed_video_is_published_and_only_once(
    alice: Person, as_alice: ApiClient, submit: Callable[..., Job]
) -> None:
    response = as_alice.post("/v1/gallery", {"video": submit().public_id})
    assert (response.status_code, response.json()["error"]["code"]) == (409, "not_ready")
    over = finished_video(alice, expires_at=timezone.now())
    assert as_alice.post("/v1/gallery", {"video": over.public_id}).status_code == 409
    job = finished_video(alice)
    publish(as_alice, job)
    again = as_alice.post("/v1/gallery", {"video": job.public_id})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "already_published")
    assert Publication.objects.count() == 1


@pytest.mark.parametrize(
    ("words", "param"),
    [
        ({"caption": "x" * 10_000}, "caption"),
        ({"caption": "a\0b"}, "caption"),
        ({"caption": "\ud800"}, "caption"),
        ({"caption": 7}, "caption"),
        ({"tags": ["x" * 31]}, "tags"),
        ({"tags": [str(n) for n in range(11)]}, "tags"),
        ({"tags": ["\0"]}, "tags"),
        ({"tags": "sky"}, "tags"),
        ({"public": "perhaps"}, "public"),
        ({"titel": "x"}, "titel"),
    ],
)
def test_invalid_fields_are_refused_by_name(
    words: dict[str, Any], param: str, alice: Person, as_alice: ApiClient
) -> None:
    job = finished_video(alice)
    response = as_alice.post("/v1/gallery", {"video": job.public_id, **words})
    assert (response.status_code, response.json()["error"]["param"]) == (422, param)
    path = f"/v1/gallery/{publish(as_alice, job)['id']}"
    assert as_alice.patch(path, words).status_code == 422


def test_hostile_captions_are_returned_unchanged(alice: Person, as_alice: ApiClient) -> None:
    hostile = '<script>alert(1)</script> \u202egnp.exe\u202c "&" مرحبا %_\\'
    body = publish(as_alice, finished_video(alice), caption=hostile)
    assert as_alice.get(f"/v1/gallery/{body['id']}").json()["caption"] == hostile
    assert captions(as_alice.get("/v1/gallery?q=%25_%5C")) == [hostile]


def test_newest_first_in_pages(alice: Person, as_alice: ApiClient) -> None:
    ids = [publish(as_alice, finished_video(alice))["id"] for _ in range(5)][::-1]
    page = as_alice.get("/v1/gallery?limit=2").json()
    assert ([one["id"] for one in page["data"]], page["has_more"]) == (ids[:2], True)
    rest = as_alice.get(f"/v1/gallery?after={page['last_id']}").json()
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == (ids[2:], False)
    for query in ("limit=0", "limit=101", "limit=x", "after=vid_1", "color=red", "q=%00"):
        assert as_alice.get(f"/v1/gallery?{query}").status_code in {404, 422}, query


def test_search_finds_all_words_in_captions_prompts_and_tags(
    alice: Person, mia: Person, as_alice: ApiClient, as_mia: ApiClient, as_charlie: ApiClient
) -> None:
    publish(as_alice, finished_video(alice, prompt="A cat looks up"), caption="one", tags=["animals"])
    publish(as_alice, finished_video(alice, prompt="a rocket starts"), caption="two 100%")
    publish(as_mia, finished_video(mia, prompt="ＣＡＦÉ, 猫在看雪", model="scripted"), caption="three")
    search = {
        "q=CAT": ["one"],
        "q=up+cat": ["one"],
        "q=cat+rocket": [],
        "q=animals": ["one"],
        "q=100%25": ["two 100%"],
        "q=1_0": [],
        "q=café": ["three"],
        "q=看雪": ["three"],
        "tag=Animals": ["one"],
        "tag=anim": [],
        "model=scripted": ["three"],
        "model=none": [],
        "q=%5C": [],
    }
    for query, expected in search.items():
        assert captions(as_alice.get(f"/v1/gallery?{query}")) == expected, query
    assert captions(as_mia.get("/v1/gallery?mine=true")) == ["three"]
    assert as_charlie.get("/v1/gallery?q=cat").json()["data"] == []


def test_edited_words_are_searched(alice: Person, as_alice: ApiClient) -> None:
    path = f"/v1/gallery/{publish(as_alice, finished_video(alice), caption='old')['id']}"
    as_alice.patch(path, {"caption": "new"})
    assert captions(as_alice.get("/v1/gallery?q=old")) == []
    assert captions(as_alice.get("/v1/gallery?q=new+zooms")) == ["new"]


def test_a_deleted_video_leaves_the_gallery_immediately(alice: Person, as_alice: ApiClient) -> None:
    job = finished_video(alice)
    body = publish(as_alice, job)
    delete_job(job=job)
    assert not Publication.objects.exists()
    assert as_alice.get(f"/v1/gallery/{body['id']}").status_code == 404
    assert as_alice.get("/v1/gallery").json()["data"] == []


def test_a_video_past_its_retention_leaves_the_gallery_immediately(alice: Person, as_alice: ApiClient) -> None:
    job = finished_video(alice)
    body = publish(as_alice, job)
    Job.objects.filter(pk=job.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert as_alice.get("/v1/gallery").json()["data"] == []
    assert as_alice.get(f"/v1/gallery/{body['id']}").status_code == 404
    assert delete_due_files() == 1
    assert not Publication.objects.exists()


def test_a_video_deleted_while_it_is_published_is_not_published(
    alice: Person, as_alice: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = finished_video(alice)
    stale = Job.objects.get(pk=job.pk)
    delete_job(job=job)
    monkeypatch.setattr("jobs.galleries.api.gallery.find_video", lambda team, identifier: stale)
    assert as_alice.post("/v1/gallery", {"video": job.public_id}).status_code == 409
    assert not Publication.objects.exists()


@pytest.mark.parametrize("count", [1, 6])
def test_a_page_needs_a_constant_number_of_queries(
    count: int, alice: Person, as_alice: ApiClient, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        publish(as_alice, finished_video(alice))
    with django_assert_num_queries(3):  # key with team and role; ids; rows with video, publisher and favourite
        assert len(as_alice.get("/v1/gallery").json()["data"]) == count


def test_the_search_works_for_a_role_that_sees_only_its_teams_rows(
    alice: Person, charlie: Person, as_alice: ApiClient, as_charlie: ApiClient
) -> None:
    """As for web requests: a plain role, and a policy that filters rows."""
    mine = publication_of(publish(as_alice, finished_video(alice, prompt="an okapi drinks")))
    publish(as_charlie, finished_video(charlie, prompt="another okapi"))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # tables with pending constraint checks cannot be altered
        cursor.execute("CREATE ROLE plain_web")
        cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain_web")
        for table in ("galleries_publication", "jobs_job"):
            cursor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            cursor.execute(f"CREATE POLICY of_team ON {table} USING (team_id = {alice.team.pk})")
        cursor.execute("SET LOCAL ROLE plain_web")
        assert Publication.objects.count() == 1
        for team, expected in ((alice.team, [mine.pk]), (charlie.team, [])):
            page = list_publications(
                team=team, filters=PublicationFilter(terms="okapi"), viewer=None, after=None, limit=5
            )
            assert [publication.pk for publication in page.rows] == expected
        cursor.execute("RESET ROLE")
