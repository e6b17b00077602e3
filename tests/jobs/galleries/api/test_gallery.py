"""/v1/gallery: publishing, looking, editing, withdrawing, favourites; and whose hands may do it."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.roles import Scope
from jobs.galleries.models import Favourite, Publication
from jobs.galleries.search import PublicationFilter, list_publications
from jobs.models import Job
from jobs.queue.cancel import delete_job
from jobs.videos.cleanup import delete_due_files
from tests.support.galleries import publish, row
from tests.support.videos import finished_video


def captions(answer):
    assert answer.status_code == 200, answer.content
    return [publication["caption"] for publication in answer.json()["data"]]


def test_a_member_publishes_what_she_made(mia, as_mia, as_bob):
    job = finished_video(mia)
    answer = as_mia.post(
        "/v1/gallery", {"video": job.public_id, "caption": "Dawn", "tags": ["Sky ", "sky", "Red  sun"]}
    )
    assert answer.status_code == 201
    body = answer.json()
    assert answer["Location"] == body["urls"]["self"]
    assert (body["video"], body["caption"], body["tags"]) == (job.public_id, "Dawn", ["sky", "red sun"])
    assert (body["publisher"], body["public"], body["favourite"]) == ("mia@example.com", False, False)
    assert as_bob.get(f"/v1/gallery/{body['id']}").json() == body
    assert as_bob.get(body["urls"]["content"].removeprefix("http://testserver")).status_code == 200


def test_members_touch_only_their_own_and_curators_everything(alice, mia, as_alice, as_mia):
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


def test_what_an_admin_published_of_hers_is_hers_to_change(mia, as_alice, as_mia):
    body = publish(as_alice, finished_video(mia))
    assert as_mia.patch(f"/v1/gallery/{body['id']}", {"caption": "my words"}).status_code == 200


def test_a_viewer_looks_and_keeps_favourites_and_no_more(alice, as_alice, as_bob, bob):
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
def test_a_foreign_publication_is_as_absent_as_an_absent_one(method, path, alice, as_alice, as_charlie, as_nobody):
    body = publish(as_alice, finished_video(alice))
    found = []
    for identifier in (body["id"], f"pub_{uuid.uuid4().hex}"):
        answer = as_charlie.client.generic(
            method, path.format(pub=identifier), "{}", "application/json", headers=as_charlie.headers
        )
        error = answer.json()["error"]
        found.append((answer.status_code, error["code"], error["message"].replace(identifier, "…")))
    assert found[0] == found[1] == (404, "not_found", "No publication with the id '…'.")
    assert as_nobody.client.generic(method, path.format(pub=body["id"])).status_code == 401


def test_a_foreign_video_cannot_be_published(alice, as_charlie):
    assert as_charlie.post("/v1/gallery", {"video": finished_video(alice).public_id}).status_code == 404


@pytest.mark.parametrize("identifier", ["pub_1", "nonsense", "pub_" + "0" * 32, "vid_" + "0" * 32, "pub_%00"])
def test_an_absent_id(identifier, as_alice):
    assert as_alice.get(f"/v1/gallery/{identifier}").status_code == 404


def test_keys_need_the_scope(alice, as_alice, limited_key):
    body = publish(as_alice, finished_video(alice))
    reader, writer = limited_key(Scope.VIDEOS_READ), limited_key(Scope.GALLERY_WRITE)
    assert reader.get("/v1/gallery").status_code == 200
    refused = reader.post("/v1/gallery", {"video": finished_video(alice).public_id})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "missing_scope")
    assert reader.delete(f"/v1/gallery/{body['id']}").status_code == 403
    assert writer.get("/v1/gallery").status_code == 403
    assert writer.delete(f"/v1/gallery/{body['id']}").status_code == 200


def test_only_what_is_finished_and_kept_and_only_once(alice, as_alice, submit):
    answer = as_alice.post("/v1/gallery", {"video": submit().public_id})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_ready")
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
def test_words_that_do_not_fit_are_refused_by_name(words, param, alice, as_alice):
    job = finished_video(alice)
    answer = as_alice.post("/v1/gallery", {"video": job.public_id, **words})
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, param)
    path = f"/v1/gallery/{publish(as_alice, job)['id']}"
    assert as_alice.patch(path, words).status_code == 422


def test_hostile_captions_come_back_as_they_are(alice, as_alice):
    hostile = '<script>alert(1)</script> \u202egnp.exe\u202c "&" مرحبا %_\\'
    body = publish(as_alice, finished_video(alice), caption=hostile)
    assert as_alice.get(f"/v1/gallery/{body['id']}").json()["caption"] == hostile
    assert captions(as_alice.get("/v1/gallery?q=%25_%5C")) == [hostile]


def test_newest_first_in_pages(alice, as_alice):
    ids = [publish(as_alice, finished_video(alice))["id"] for _ in range(5)][::-1]
    page = as_alice.get("/v1/gallery?limit=2").json()
    assert ([one["id"] for one in page["data"]], page["has_more"]) == (ids[:2], True)
    rest = as_alice.get(f"/v1/gallery?after={page['last_id']}").json()
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == (ids[2:], False)
    for query in ("limit=0", "limit=101", "limit=x", "after=vid_1", "color=red", "q=%00"):
        assert as_alice.get(f"/v1/gallery?{query}").status_code in {404, 422}, query


def test_search_finds_all_words_in_captions_prompts_and_tags(alice, mia, as_alice, as_mia, as_charlie):
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


def test_edited_words_are_searched_anew(alice, as_alice):
    path = f"/v1/gallery/{publish(as_alice, finished_video(alice), caption='old')['id']}"
    as_alice.patch(path, {"caption": "new"})
    assert captions(as_alice.get("/v1/gallery?q=old")) == []
    assert captions(as_alice.get("/v1/gallery?q=new+zooms")) == ["new"]


def test_a_deleted_video_leaves_the_gallery_at_once(alice, as_alice):
    job = finished_video(alice)
    body = publish(as_alice, job)
    delete_job(job=job)
    assert not Publication.objects.exists()
    assert as_alice.get(f"/v1/gallery/{body['id']}").status_code == 404
    assert as_alice.get("/v1/gallery").json()["data"] == []


def test_a_video_past_its_retention_leaves_the_gallery_at_once(alice, as_alice):
    job = finished_video(alice)
    body = publish(as_alice, job)
    Job.objects.filter(pk=job.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert as_alice.get("/v1/gallery").json()["data"] == []
    assert as_alice.get(f"/v1/gallery/{body['id']}").status_code == 404
    assert delete_due_files() == 1
    assert not Publication.objects.exists()


def test_a_video_deleted_while_it_is_published_is_not_published(alice, as_alice, monkeypatch):
    job = finished_video(alice)
    stale = Job.objects.get(pk=job.pk)
    delete_job(job=job)
    monkeypatch.setattr("jobs.galleries.api.gallery.find_video", lambda team, identifier: stale)
    assert as_alice.post("/v1/gallery", {"video": job.public_id}).status_code == 409
    assert not Publication.objects.exists()


@pytest.mark.parametrize("count", [1, 6])
def test_a_page_costs_the_same_for_any_number(count, alice, as_alice, django_assert_num_queries):
    for _ in range(count):
        publish(as_alice, finished_video(alice))
    with django_assert_num_queries(3):  # key with team and role; ids; rows with video, publisher and mark
        assert len(as_alice.get("/v1/gallery").json()["data"]) == count


def test_the_search_works_for_a_role_that_sees_only_its_teams_rows(alice, charlie, as_alice, as_charlie):
    """As web requests run: a plain role, rows filtered by a policy."""
    mine = row(publish(as_alice, finished_video(alice, prompt="an okapi drinks")))
    publish(as_charlie, finished_video(charlie, prompt="another okapi"))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # or tables with fresh rows may not be altered
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
