"""Links to share, from the API to the last byte: what they open, for whom, how long, and what they tell."""

import re
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, User
from accounts.roles import Scope
from jobs.galleries.models import Publication, ShareLink
from jobs.models import Job
from jobs.queue.cancel import delete_job
from tests.support.galleries import publish
from tests.support.people import Person
from tests.support.videos import VIDEO_BYTES, finished_video


@pytest.fixture
def stranger(db: None) -> Client:
    return Client(raise_request_exception=False)


def share(api, target, **options):
    """The link's body and its path."""
    answer = api.post("/v1/share-links", {"target": target, **options})
    assert answer.status_code == 201, answer.content
    return answer.json(), answer.json()["url"].removeprefix("http://testserver")


def tags_of(page):
    """The page's Open Graph tags."""
    return dict(re.findall(r'<meta\s+property="(og:[a-z:_]+)"\s+content="([^"]*)"', page.content.decode()))


def test_a_link_shows_the_video_without_an_account(alice, as_alice, stranger):
    job = finished_video(alice, prompt="the secret prompt")
    publish(as_alice, job, caption="Dawn & dusk")
    link, path = share(as_alice, job.public_id)
    assert len(path.removeprefix("/s/")) >= 22  # 128 bits in base64
    assert (link["state"], link["has_password"], link["views"], link["target"]) == ("live", False, 0, job.public_id)
    page = stranger.get(path)
    text = page.content.decode()
    assert page.status_code == 200
    assert "Dawn &amp; dusk" in text
    assert alice.team.name in text
    assert "secret prompt" not in text
    assert "alice@example.com" not in text
    assert "Set-Cookie" not in page.headers
    assert page.cookies == {}


def test_the_film_and_its_poster_with_ranges(alice, as_alice, stranger):
    job = finished_video(alice)
    _, path = share(as_alice, job.public_id)
    content = f"{path}/{job.public_id}/content"
    whole = stranger.get(content)
    assert (whole.status_code, whole.content, whole["Content-Type"]) == (200, VIDEO_BYTES, "video/mp4")
    part = stranger.get(content, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, VIDEO_BYTES[100:200])
    assert part["Content-Range"] == "bytes 100-199/2048"
    assert stranger.get(content, headers={"Range": "bytes=5000-"}).status_code == 416
    assert stranger.head(content)["Content-Length"] == "2048"
    assert stranger.get(f"{content}?variant=thumbnail")["Content-Type"] == "image/jpeg"
    assert stranger.get(f"{content}?download=1")["Content-Disposition"].startswith("attachment")
    assert stranger.get(f"{content}?variant=source").status_code == 404


def test_nothing_of_it_is_indexed_cached_or_told_to_other_sites(alice, as_alice, stranger):
    job = finished_video(alice)
    _, path = share(as_alice, job.public_id)
    for address in (path, f"{path}/{job.public_id}", f"{path}/{job.public_id}/content", "/s/nothing"):
        answer = stranger.get(address)
        assert "noindex" in answer["X-Robots-Tag"]
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "no-store" in answer["Cache-Control"]
    page = stranger.get(path).content.decode()
    assert re.search(r'<meta\s+name="robots"\s+content="noindex', page)
    assert re.search(r'<meta\s+name="referrer"\s+content="no-referrer"', page)


def test_the_preview_names_what_a_stranger_may_fetch(alice, as_alice, stranger):
    job = finished_video(alice)
    publish(as_alice, job, caption='A "caption" <b>')
    _, path = share(as_alice, job.public_id)
    found = tags_of(stranger.get(path))
    assert found["og:title"] == "A &quot;caption&quot; &lt;b&gt;"
    assert (found["og:type"], found["og:video:type"], found["og:video:width"]) == ("video.other", "video/mp4", "584")
    assert found["og:url"] == f"http://testserver{path}"
    for name, kind in (("og:image", "image/jpeg"), ("og:video", "video/mp4")):
        assert found[name].startswith("http://testserver/s/")
        answer = stranger.get(found[name].removeprefix("http://testserver"))
        assert (answer.status_code, answer["Content-Type"]) == (200, kind)


def test_a_gif_is_previewed_as_a_picture(alice, as_alice, stranger):
    _, path = share(as_alice, finished_video(alice, output_format="gif").public_id)
    page = stranger.get(path)
    assert "og:video" not in tags_of(page)
    assert "<video" not in page.content.decode()


def test_views_count_pages_not_ranges(alice, as_alice, stranger):
    job = finished_video(alice)
    link, path = share(as_alice, job.public_id)
    content = f"{path}/{job.public_id}/content"
    for _ in range(3):
        stranger.get(content, headers={"Range": "bytes=0-9"})
        stranger.get(f"{content}?variant=thumbnail")
        stranger.head(path)
    assert ShareLink.objects.get().view_count == 0
    stranger.get(path)
    stranger.get(path)
    (shown,) = as_alice.get("/v1/share-links").json()["data"]
    assert (shown["id"], shown["views"]) == (link["id"], 2)


def nothing(stranger, path):
    answer = stranger.get(path)
    return answer.status_code, re.sub(r'nonce="[^"]*"', "", answer.content.decode())


def test_what_ended_looks_exactly_like_what_never_was(alice, as_alice, stranger):
    ended = {}
    for name in ("revoked", "expired", "deleted", "retention", "closed"):
        job = finished_video(alice)
        link, path = share(as_alice, job.public_id)
        ended[name] = (job, link, path)
        assert stranger.get(path).status_code == 200
    assert as_alice.delete(f"/v1/share-links/{ended['revoked'][1]['id']}").json()["state"] == "revoked"
    past = timezone.now() - timedelta(seconds=1)
    ShareLink.objects.filter(pk=ended["expired"][1]["id"].removeprefix("shr_")).update(expires_at=past)
    delete_job(job=ended["deleted"][0])
    Job.objects.filter(pk=ended["retention"][0].pk).update(expires_at=past)
    never = nothing(stranger, f"/s/{'x' * 32}")
    assert never[0] == 404
    assert "This link shows nothing" in never[1]
    for name in ("revoked", "expired", "deleted", "retention"):
        job, _, path = ended[name]
        assert nothing(stranger, path) == never, name
        assert nothing(stranger, f"{path}/{job.public_id}") == never, name
        assert nothing(stranger, f"{path}/{job.public_id}/content") == never, name
    assert stranger.get(ended["closed"][2]).status_code == 200
    alice.team.deleted_at = timezone.now()
    alice.team.save()
    assert nothing(stranger, ended["closed"][2]) == never
    for odd in ("%00", "a" * 5000, "..%2f", "\u202e"):
        assert stranger.get(f"/s/{odd}").status_code == 404


def test_deleting_a_video_ends_its_links_for_good(alice, as_alice):
    job = finished_video(alice)
    share(as_alice, job.public_id)
    delete_job(job=job)
    assert ShareLink.objects.get().state == "revoked"


def test_a_link_opens_only_what_it_covers(alice, charlie, as_alice, stranger):
    job, other = finished_video(alice), finished_video(alice)
    foreign = finished_video(charlie)
    _, path = share(as_alice, job.public_id)
    for video in (other, foreign):
        assert stranger.get(f"{path}/{video.public_id}").status_code == 404
        assert stranger.get(f"{path}/{video.public_id}/content").status_code == 404
    for odd in ("vid_1", "nonsense", "pub_" + "0" * 32):
        assert stranger.get(f"{path}/{odd}/content").status_code == 404


def test_a_link_to_a_collection_follows_the_collection(alice, as_alice, stranger):
    inside, outside = finished_video(alice), finished_video(alice)
    pubs = [publish(as_alice, job, caption=name) for job, name in ((inside, "Inside"), (outside, "Outside"))]
    collection = as_alice.post("/v1/collections", {"name": "Best <i>", "description": "of all"}).json()
    assert as_alice.put(f"/v1/collections/{collection['id']}/publications/{pubs[0]['id']}").status_code == 200
    link, path = share(as_alice, collection["id"])
    assert link["target"] == collection["id"]
    page = stranger.get(path)
    text = page.content.decode()
    assert "Best &lt;i&gt;" in text
    assert "Inside" in text
    assert "Outside" not in text
    assert tags_of(page)["og:image"].endswith(f"{path}/{inside.public_id}/content?variant=thumbnail")
    assert stranger.get(f"{path}/{inside.public_id}").status_code == 200
    assert stranger.get(f"{path}/{inside.public_id}/content").content == VIDEO_BYTES
    assert stranger.get(f"{path}/{outside.public_id}/content").status_code == 404
    assert ShareLink.objects.get().view_count == 2
    as_alice.delete(f"/v1/collections/{collection['id']}/publications/{pubs[0]['id']}")
    assert stranger.get(f"{path}/{inside.public_id}/content").status_code == 404
    assert "Nothing here at the moment" in stranger.get(path).content.decode()
    as_alice.delete(f"/v1/collections/{collection['id']}")
    assert stranger.get(path).status_code == 404


def test_unpublishing_and_leaving_the_team_revoke_nothing(mia, as_alice, as_mia, stranger):
    job = finished_video(mia)
    body = publish(as_mia, job)
    _, path = share(as_mia, body["id"])
    as_mia.delete(f"/v1/gallery/{body['id']}")
    Membership.objects.filter(user=mia.user, team=mia.team).delete()
    assert stranger.get(path).status_code == 200
    User.objects.filter(pk=mia.user.pk).update(is_active=False)
    assert stranger.get(path).status_code == 200
    assert as_alice.get("/v1/share-links").json()["data"][0]["state"] == "live"


def test_a_password_is_asked_for_before_anything_is_told(alice, as_alice, stranger):
    job = finished_video(alice)
    publish(as_alice, job, caption="Dawn")
    link, path = share(as_alice, job.public_id, password="open sesame")
    assert link["has_password"] is True
    assert "sesame" not in ShareLink.objects.get().password
    for address in (path, f"{path}/{job.public_id}", f"{path}/{job.public_id}/content"):
        page = stranger.get(address)
        assert b"Password needed" in page.content
        assert b"Dawn" not in page.content
        assert VIDEO_BYTES[:64] not in page.content
        assert tags_of(page) == {}
        assert "noindex" in page["X-Robots-Tag"]
    wrong = stranger.post(path, {"password": "open"})
    assert (wrong.status_code, b"not the password" in wrong.content) == (403, True)
    assert ShareLink.objects.get().view_count == 0
    right = stranger.post(path, {"password": "open sesame"})
    assert (right.status_code, right["Location"]) == (302, path)
    cookie = right.cookies["share"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (path, True, "Lax")
    assert b"Dawn" in stranger.get(path).content
    assert stranger.get(f"{path}/{job.public_id}/content").content == VIDEO_BYTES
    assert b"Password needed" in Client().get(path).content
    assert ShareLink.objects.get().view_count == 1


def test_the_cookie_of_one_link_opens_no_other(alice, as_alice, stranger):
    first, second = (share(as_alice, finished_video(alice).public_id, password=word)[1] for word in ("one1", "two2"))
    stranger.post(first, {"password": "one1"})
    assert b"Password needed" in stranger.get(second).content
    stranger.cookies["share"] = "forged:cookie:value"
    assert b"Password needed" in stranger.get(second).content


def test_a_browser_that_sends_no_origin_may_send_the_password(alice, as_alice):
    _, path = share(as_alice, finished_video(alice).public_id, password="open sesame")
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(path, {"password": "open sesame"}, headers={"Origin": "null"}).status_code == 302


def test_guessing_a_password_is_slowed(alice, as_alice, stranger):
    _, path = share(as_alice, finished_video(alice).public_id, password="open sesame")
    assert [stranger.post(path, {"password": str(n)}).status_code for n in range(5)] == [403] * 5
    answer = stranger.post(path, {"password": "open sesame"})
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert b"Too many tries" in answer.content
    elsewhere = Client(REMOTE_ADDR="203.0.113.9")
    assert elsewhere.post(path, {"password": "open sesame"}).status_code == 302


def test_members_share_what_is_published_or_theirs_and_curators_all(alice, mia, as_alice, as_mia, as_bob, as_charlie):
    job = finished_video(alice)
    body = {"target": job.public_id}
    assert as_mia.post("/v1/share-links", body).status_code == 403
    assert as_bob.post("/v1/share-links", body).status_code == 403
    assert as_charlie.post("/v1/share-links", body).status_code == 404
    publish(as_alice, job)
    assert as_mia.post("/v1/share-links", body).status_code == 201
    share(as_mia, finished_video(mia).public_id)
    share(as_alice, finished_video(mia).public_id)


def test_links_are_seen_and_revoked_by_their_makers_and_curators(
    alice, mia, as_alice, as_mia, as_bob, as_charlie, as_nobody
):
    job = finished_video(mia)
    hers, _ = share(as_mia, job.public_id)
    curators, _ = share(as_alice, job.public_id)
    listed = [one["id"] for one in as_alice.get("/v1/share-links").json()["data"]]
    assert listed == [curators["id"], hers["id"]]
    assert [one["id"] for one in as_mia.get("/v1/share-links").json()["data"]] == [hers["id"]]
    assert as_bob.get("/v1/share-links").status_code == 403
    assert as_charlie.get("/v1/share-links").json()["data"] == []
    path = f"/v1/share-links/{curators['id']}"
    absent = f"shr_{uuid.uuid4().hex}"
    for api in (as_mia, as_charlie):
        found = []
        for identifier in (curators["id"], absent):
            answer = api.delete(f"/v1/share-links/{identifier}")
            found.append((answer.status_code, answer.json()["error"]["message"].replace(identifier, "…")))
        assert found[0] == found[1] == (404, "No share link with the id '…'.")
    assert as_bob.delete(path).status_code == 403
    assert as_nobody.delete(path).status_code == 401
    for _ in range(2):
        assert as_alice.delete(f"/v1/share-links/{hers['id']}").json()["state"] == "revoked"
    assert as_mia.get(f"/v1/share-links?target={job.public_id}").json()["data"][0]["state"] == "revoked"
    assert [one["id"] for one in as_alice.get("/v1/share-links?limit=1").json()["data"]] == [curators["id"]]
    page = as_alice.get(f"/v1/share-links?after={curators['id']}").json()
    assert ([one["id"] for one in page["data"]], page["has_more"]) == ([hers["id"]], False)


def test_keys_need_the_scope(alice, as_alice, limited_key):
    reader = limited_key(Scope.VIDEOS_READ)
    job = finished_video(alice)
    assert reader.get("/v1/share-links").status_code == 403
    assert reader.post("/v1/share-links", {"target": job.public_id}).status_code == 403
    assert limited_key(Scope.GALLERY_WRITE).post("/v1/share-links", {"target": job.public_id}).status_code == 201


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"expires_at": 1}, 409),
        ({"expires_at": -1}, 422),
        ({"expires_at": 10**30}, 422),
        ({"expires_at": "soon"}, 422),
        ({"password": "abc"}, 422),
        ({"password": "x" * 129}, 422),
        ({"password": "a\0bc"}, 422),
        ({"target": "vid_1"}, 404),
        ({"target": "key_" + "0" * 32}, 404),
        ({"target": "a\0"}, 422),
        ({"colour": "red"}, 422),
    ],
)
def test_what_cannot_be_a_link(changes, status, alice, as_alice):
    answer = as_alice.post("/v1/share-links", {"target": finished_video(alice).public_id, **changes})
    assert answer.status_code == status, answer.content
    assert not ShareLink.objects.exists()


def test_a_video_that_is_not_there_cannot_be_shared(alice, as_alice, submit):
    for job in (submit(), finished_video(alice, expires_at=timezone.now())):
        answer = as_alice.post("/v1/share-links", {"target": job.public_id})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_ready")


def test_an_expiry_holds_to_the_second(alice, as_alice, stranger):
    soon = timezone.now() + timedelta(hours=1)
    link, path = share(as_alice, finished_video(alice).public_id, expires_at=int(soon.timestamp()))
    assert link["expires_at"] == int(soon.timestamp())
    assert stranger.get(path).status_code == 200
    ShareLink.objects.update(expires_at=timezone.now())
    assert stranger.get(path).status_code == 404
    assert as_alice.get("/v1/share-links").json()["data"][0]["state"] == "expired"


def test_the_public_page_shows_what_is_marked_and_only_while_it_is_on(alice: Person, as_alice, stranger):
    shown, hidden = finished_video(alice, prompt="secret"), finished_video(alice)
    publish(as_alice, shown, caption="For all", public=True)
    publish(as_alice, hidden, caption="For us")
    assert stranger.get("/g/alice").status_code == 404
    curator = Client()
    curator.force_login(alice.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    curator.post("/gallery/sharing/public-page", {"on": "1"})
    path = f"/g/{alice.team.public_page.slug}"
    page = stranger.get(path)
    text = page.content.decode()
    assert page.status_code == 200
    assert "For all" in text
    assert "For us" not in text
    assert "secret" not in text
    assert "noindex" not in text
    assert page.cookies == {}
    assert "For all" in stranger.get(f"{path}/{shown.public_id}").content.decode()
    assert stranger.get(f"{path}/{shown.public_id}/content").content == VIDEO_BYTES
    assert stranger.get(f"{path}/{hidden.public_id}").status_code == 404
    assert stranger.get(f"{path}/{hidden.public_id}/content").status_code == 404
    Publication.objects.update(is_public=False)
    assert stranger.get(f"{path}/{shown.public_id}/content").status_code == 404
    Publication.objects.update(is_public=True)
    curator.post("/gallery/sharing/public-page", {"on": "0"})
    for address in (path, f"{path}/{shown.public_id}", f"{path}/{shown.public_id}/content"):
        assert nothing(stranger, address) == nothing(stranger, "/g/never-was")
    curator.post("/gallery/sharing/public-page", {"on": "1"})
    assert stranger.get(path).status_code == 200, "the address stays the same"
