"""Share links, from the API to the video file: what they show, to whom, for how long, and what they disclose."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.roles import Scope
from accounts.teams.members import remove_member
from jobs.galleries.models import Publication, ShareLink
from jobs.models import Job
from jobs.queue.cancel import delete_job
from tests.support.api_client import ApiClient
from tests.support.galleries import publish
from tests.support.people import Person
from tests.support.videos import VIDEO_BYTES, finished_video


@pytest.fixture
def visitor(db: None) -> Client:
    return Client(raise_request_exception=False)


def share(api: ApiClient, target: str, **options: Any) -> tuple[dict[str, Any], str]:
    """Create a link; return its body and its path."""
    response = api.post("/v1/share-links", {"target": target, **options})
    assert response.status_code == 201, response.content
    return response.json(), response.json()["url"].removeprefix(settings.SITE_URL)


def tags_of(page: Any) -> dict[str, str]:
    """Return the page's Open Graph tags."""
    return dict(re.findall(r'<meta\s+property="(og:[a-z:_]+)"\s+content="([^"]*)"', page.content.decode()))


def test_a_link_shows_the_video_without_an_account(alice: Person, as_alice: ApiClient, visitor: Client) -> None:
    job = finished_video(alice, prompt="the secret prompt")
    publish(as_alice, job, caption="Dawn & dusk")
    link, path = share(as_alice, job.public_id)
    assert len(path.removeprefix("/s/")) >= 22  # 128 bits in base64
    assert (link["state"], link["has_password"], link["views"], link["target"]) == ("live", False, 0, job.public_id)
    page = visitor.get(path)
    text = page.content.decode()
    assert page.status_code == 200
    assert "Dawn &amp; dusk" in text
    assert alice.team.name in text
    assert "secret prompt" not in text
    assert "alice@example.com" not in text
    assert "Set-Cookie" not in page.headers
    assert page.cookies == {}


def test_the_video_and_its_poster_with_ranges(alice: Person, as_alice: ApiClient, visitor: Client) -> None:
    job = finished_video(alice)
    _, path = share(as_alice, job.public_id)
    content = f"{path}/{job.public_id}/content"
    whole = visitor.get(content)
    assert (whole.status_code, whole.content, whole["Content-Type"]) == (200, VIDEO_BYTES, "video/mp4")
    part = visitor.get(content, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, VIDEO_BYTES[100:200])
    assert part["Content-Range"] == "bytes 100-199/2048"
    assert visitor.get(content, headers={"Range": "bytes=5000-"}).status_code == 416
    assert visitor.head(content)["Content-Length"] == "2048"
    assert visitor.get(f"{content}?variant=thumbnail")["Content-Type"] == "image/jpeg"
    assert visitor.get(f"{content}?download=1")["Content-Disposition"].startswith("attachment")
    assert visitor.get(f"{content}?variant=source").status_code == 404


def test_pages_are_not_indexed_cached_or_disclosed_to_other_sites(
    alice: Person, as_alice: ApiClient, visitor: Client
) -> None:
    job = finished_video(alice)
    _, path = share(as_alice, job.public_id)
    for url in (path, f"{path}/{job.public_id}", f"{path}/{job.public_id}/content", "/s/nothing"):
        response = visitor.get(url)
        assert "noindex" in response["X-Robots-Tag"]
        assert response["Referrer-Policy"] == "no-referrer"
        assert "no-store" in response["Cache-Control"]
    page = visitor.get(path).content.decode()
    assert re.search(r'<meta\s+name="robots"\s+content="noindex', page)
    assert re.search(r'<meta\s+name="referrer"\s+content="no-referrer"', page)


def test_the_preview_names_files_that_visitors_can_fetch(alice: Person, as_alice: ApiClient, visitor: Client) -> None:
    job = finished_video(alice)
    publish(as_alice, job, caption='A "caption" <b>')
    _, path = share(as_alice, job.public_id)
    found = tags_of(visitor.get(path))
    assert found["og:title"] == "A &quot;caption&quot; &lt;b&gt;"
    assert (found["og:type"], found["og:video:type"], found["og:video:width"]) == ("video.other", "video/mp4", "584")
    assert found["og:url"] == f"{settings.SITE_URL}{path}"
    for name, kind in (("og:image", "image/jpeg"), ("og:video", "video/mp4")):
        assert found[name].startswith(f"{settings.SITE_URL}/s/")
        response = visitor.get(found[name].removeprefix(settings.SITE_URL))
        assert (response.status_code, response["Content-Type"]) == (200, kind)


def test_a_gif_is_previewed_as_an_image(alice: Person, as_alice: ApiClient, visitor: Client) -> None:
    _, path = share(as_alice, finished_video(alice, output_format="gif").public_id)
    page = visitor.get(path)
    assert "og:video" not in tags_of(page)
    assert "<video" not in page.content.decode()


def test_views_count_pages_not_ranges(alice: Person, as_alice: ApiClient, visitor: Client) -> None:
    job = finished_video(alice)
    link, path = share(as_alice, job.public_id)
    content = f"{path}/{job.public_id}/content"
    for _ in range(3):
        visitor.get(content, headers={"Range": "bytes=0-9"})
        visitor.get(f"{content}?variant=thumbnail")
        visitor.head(path)
    assert ShareLink.objects.get().view_count == 0
    visitor.get(path)
    visitor.get(path)
    (shown,) = as_alice.get("/v1/share-links").json()["data"]
    assert (shown["id"], shown["views"]) == (link["id"], 2)


def missing_page(visitor: Client, path: str) -> tuple[int, str]:
    response = visitor.get(path)
    return response.status_code, re.sub(r'nonce="[^"]*"', "", response.content.decode())


def test_an_ended_link_looks_exactly_like_an_unknown_one(alice: Person, as_alice: ApiClient, visitor: Client) -> None:
    ended = {}
    for name in ("revoked", "expired", "deleted", "retention", "closed"):
        job = finished_video(alice)
        link, path = share(as_alice, job.public_id)
        ended[name] = (job, link, path)
        assert visitor.get(path).status_code == 200
    assert as_alice.delete(f"/v1/share-links/{ended['revoked'][1]['id']}").json()["state"] == "revoked"
    past = timezone.now() - timedelta(seconds=1)
    ShareLink.objects.filter(pk=ended["expired"][1]["id"].removeprefix("shr_")).update(expires_at=past)
    delete_job(job=ended["deleted"][0])
    Job.objects.filter(pk=ended["retention"][0].pk).update(expires_at=past)
    unknown = missing_page(visitor, f"/s/{'x' * 32}")
    assert unknown[0] == 404
    assert "This link does not work" in unknown[1]
    for name in ("revoked", "expired", "deleted", "retention"):
        job, _, path = ended[name]
        assert missing_page(visitor, path) == unknown, name
        assert missing_page(visitor, f"{path}/{job.public_id}") == unknown, name
        assert missing_page(visitor, f"{path}/{job.public_id}/content") == unknown, name
    assert visitor.get(ended["closed"][2]).status_code == 200
    alice.team.deleted_at = timezone.now()
    alice.team.save()
    assert missing_page(visitor, ended["closed"][2]) == unknown
    for odd in ("%00", "a" * 5000, "..%2f", "\u202e"):
        assert visitor.get(f"/s/{odd}").status_code == 404


def test_deleting_a_video_revokes_its_links(alice: Person, as_alice: ApiClient) -> None:
    job = finished_video(alice)
    share(as_alice, job.public_id)
    delete_job(job=job)
    assert ShareLink.objects.get().state == "revoked"


def test_a_link_opens_only_the_video_it_shares(
    alice: Person, charlie: Person, as_alice: ApiClient, visitor: Client
) -> None:
    job, other = finished_video(alice), finished_video(alice)
    foreign = finished_video(charlie)
    _, path = share(as_alice, job.public_id)
    for video in (other, foreign):
        assert visitor.get(f"{path}/{video.public_id}").status_code == 404
        assert visitor.get(f"{path}/{video.public_id}/content").status_code == 404
    for odd in ("vid_1", "nonsense", "pub_" + "0" * 32):
        assert visitor.get(f"{path}/{odd}/content").status_code == 404


def test_a_link_to_a_collection_follows_the_collection(alice: Person, as_alice: ApiClient, visitor: Client) -> None:
    inside, outside = finished_video(alice), finished_video(alice)
    pubs = [publish(as_alice, job, caption=name) for job, name in ((inside, "Inside"), (outside, "Outside"))]
    collection = as_alice.post("/v1/collections", {"name": "Best <i>", "description": "of all"}).json()
    assert as_alice.put(f"/v1/collections/{collection['id']}/publications/{pubs[0]['id']}").status_code == 200
    link, path = share(as_alice, collection["id"])
    assert link["target"] == collection["id"]
    page = visitor.get(path)
    text = page.content.decode()
    assert "Best &lt;i&gt;" in text
    assert "Inside" in text
    assert "Outside" not in text
    assert tags_of(page)["og:image"].endswith(f"{path}/{inside.public_id}/content?variant=thumbnail")
    assert visitor.get(f"{path}/{inside.public_id}").status_code == 200
    assert visitor.get(f"{path}/{inside.public_id}/content").content == VIDEO_BYTES
    assert visitor.get(f"{path}/{outside.public_id}/content").status_code == 404
    assert ShareLink.objects.get().view_count == 2
    as_alice.delete(f"/v1/collections/{collection['id']}/publications/{pubs[0]['id']}")
    assert visitor.get(f"{path}/{inside.public_id}/content").status_code == 404
    assert "Nothing here at the moment" in visitor.get(path).content.decode()
    as_alice.delete(f"/v1/collections/{collection['id']}")
    assert visitor.get(path).status_code == 404


def test_a_link_ends_with_its_creators_membership_and_not_with_the_publication(
    mia: Person, alice: Person, as_alice: ApiClient, as_mia: ApiClient, visitor: Client
) -> None:
    job = finished_video(mia)
    body = publish(as_mia, job)
    _, path = share(as_mia, body["id"])
    as_mia.delete(f"/v1/gallery/{body['id']}")
    assert visitor.get(path).status_code == 200
    assert as_alice.get("/v1/share-links").json()["data"][0]["state"] == "live"
    remove_member(team=alice.team, actor=alice.user, user_id=mia.user.pk)
    assert visitor.get(path).status_code == 404
    assert as_alice.get("/v1/share-links").json()["data"][0]["state"] == "revoked"


def test_nothing_is_disclosed_before_the_password(alice: Person, as_alice: ApiClient, visitor: Client) -> None:
    job = finished_video(alice)
    publish(as_alice, job, caption="Dawn")
    link, path = share(as_alice, job.public_id, password="open sesame")
    assert link["has_password"] is True
    assert "sesame" not in ShareLink.objects.get().password
    for url in (path, f"{path}/{job.public_id}", f"{path}/{job.public_id}/content"):
        page = visitor.get(url)
        assert b"Password needed" in page.content
        assert b"Dawn" not in page.content
        assert VIDEO_BYTES[:64] not in page.content
        assert tags_of(page) == {}
        assert "noindex" in page["X-Robots-Tag"]
    wrong = visitor.post(path, {"password": "open"})
    assert (wrong.status_code, b"The password is wrong" in wrong.content) == (403, True)
    assert ShareLink.objects.get().view_count == 0
    right = visitor.post(path, {"password": "open sesame"})
    assert (right.status_code, right["Location"]) == (302, path)
    cookie = right.cookies["share"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (path, True, "Lax")
    assert b"Dawn" in visitor.get(path).content
    assert visitor.get(f"{path}/{job.public_id}/content").content == VIDEO_BYTES
    assert b"Password needed" in Client().get(path).content
    assert ShareLink.objects.get().view_count == 1


def test_the_cookie_of_a_link_does_not_open_another(alice: Person, as_alice: ApiClient, visitor: Client) -> None:
    first, second = (share(as_alice, finished_video(alice).public_id, password=word)[1] for word in ("one1", "two2"))
    visitor.post(first, {"password": "one1"})
    assert b"Password needed" in visitor.get(second).content
    visitor.cookies["share"] = "forged:cookie:value"
    assert b"Password needed" in visitor.get(second).content


def test_a_browser_that_sends_no_origin_may_send_the_password(alice: Person, as_alice: ApiClient) -> None:
    _, path = share(as_alice, finished_video(alice).public_id, password="open sesame")
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(path, {"password": "open sesame"}, headers={"Origin": "null"}).status_code == 302


def test_password_attempts_are_limited(alice: Person, as_alice: ApiClient, visitor: Client) -> None:
    _, path = share(as_alice, finished_video(alice).public_id, password="open sesame")
    assert [visitor.post(path, {"password": str(n)}).status_code for n in range(5)] == [403] * 5
    response = visitor.post(path, {"password": "open sesame"})
    assert response.status_code == 429
    assert 1 <= int(response["Retry-After"]) <= 60
    assert b"Too many attempts" in response.content
    other_address = Client(REMOTE_ADDR="203.0.113.9")
    assert other_address.post(path, {"password": "open sesame"}).status_code == 302


def test_members_share_published_and_own_videos_and_curators_every_one(
    alice: Person, mia: Person, as_alice: ApiClient, as_mia: ApiClient, as_bob: ApiClient, as_charlie: ApiClient
) -> None:
    job = finished_video(alice)
    body = {"target": job.public_id}
    assert as_mia.post("/v1/share-links", body).status_code == 403
    assert as_bob.post("/v1/share-links", body).status_code == 403
    assert as_charlie.post("/v1/share-links", body).status_code == 404
    publish(as_alice, job)
    assert as_mia.post("/v1/share-links", body).status_code == 201
    share(as_mia, finished_video(mia).public_id)
    share(as_alice, finished_video(mia).public_id)


def test_links_are_seen_and_revoked_by_their_creators_and_curators(
    alice: Person,
    mia: Person,
    as_alice: ApiClient,
    as_mia: ApiClient,
    as_bob: ApiClient,
    as_charlie: ApiClient,
    as_nobody: ApiClient,
) -> None:
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
            response = api.delete(f"/v1/share-links/{identifier}")
            found.append((response.status_code, response.json()["error"]["message"].replace(identifier, "…")))
        assert found[0] == found[1] == (404, "No share link with the id '…'.")
    assert as_bob.delete(path).status_code == 403
    assert as_nobody.delete(path).status_code == 401
    for _ in range(2):
        assert as_alice.delete(f"/v1/share-links/{hers['id']}").json()["state"] == "revoked"
    assert as_mia.get(f"/v1/share-links?target={job.public_id}").json()["data"][0]["state"] == "revoked"
    assert [one["id"] for one in as_alice.get("/v1/share-links?limit=1").json()["data"]] == [curators["id"]]
    page = as_alice.get(f"/v1/share-links?after={curators['id']}").json()
    assert ([one["id"] for one in page["data"]], page["has_more"]) == ([hers["id"]], False)


def test_keys_need_the_scope(alice: Person, as_alice: ApiClient, limited_key: Callable[..., ApiClient]) -> None:
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
        ({"color": "red"}, 422),
    ],
)
def test_invalid_links(changes: dict[str, Any], status: int, alice: Person, as_alice: ApiClient) -> None:
    response = as_alice.post("/v1/share-links", {"target": finished_video(alice).public_id, **changes})
    assert response.status_code == status, response.content
    assert not ShareLink.objects.exists()


def test_a_video_without_a_file_cannot_be_shared(
    alice: Person, as_alice: ApiClient, submit: Callable[..., Job]
) -> None:
    for job in (submit(), finished_video(alice, expires_at=timezone.now())):
        response = as_alice.post("/v1/share-links", {"target": job.public_id})
        assert (response.status_code, response.json()["error"]["code"]) == (409, "not_ready")


def test_an_expiry_holds_to_the_second(alice: Person, as_alice: ApiClient, visitor: Client) -> None:
    soon = timezone.now() + timedelta(hours=1)
    link, path = share(as_alice, finished_video(alice).public_id, expires_at=int(soon.timestamp()))
    assert link["expires_at"] == int(soon.timestamp())
    assert visitor.get(path).status_code == 200
    ShareLink.objects.update(expires_at=timezone.now())
    assert visitor.get(path).status_code == 404
    assert as_alice.get("/v1/share-links").json()["data"][0]["state"] == "expired"


def test_the_public_page_shows_public_videos_while_it_is_on(
    alice: Person, as_alice: ApiClient, visitor: Client
) -> None:
    shown, hidden = finished_video(alice, prompt="secret"), finished_video(alice)
    publish(as_alice, shown, caption="For all", public=True)
    publish(as_alice, hidden, caption="For us")
    assert visitor.get("/g/alice").status_code == 404
    curator = Client()
    curator.force_login(alice.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    curator.post("/gallery/sharing/public-page", {"on": "1"})
    path = f"/g/{alice.team.public_page.slug}"
    page = visitor.get(path)
    text = page.content.decode()
    assert page.status_code == 200
    assert "For all" in text
    assert "For us" not in text
    assert "secret" not in text
    assert "noindex" not in text
    assert page.cookies == {}
    assert "For all" in visitor.get(f"{path}/{shown.public_id}").content.decode()
    assert visitor.get(f"{path}/{shown.public_id}/content").content == VIDEO_BYTES
    assert visitor.get(f"{path}/{hidden.public_id}").status_code == 404
    assert visitor.get(f"{path}/{hidden.public_id}/content").status_code == 404
    Publication.objects.update(is_public=False)
    assert visitor.get(f"{path}/{shown.public_id}/content").status_code == 404
    Publication.objects.update(is_public=True)
    curator.post("/gallery/sharing/public-page", {"on": "0"})
    for url in (path, f"{path}/{shown.public_id}", f"{path}/{shown.public_id}/content"):
        assert missing_page(visitor, url) == missing_page(visitor, "/g/unknown")
    curator.post("/gallery/sharing/public-page", {"on": "1"})
    assert visitor.get(path).status_code == 200, "the URL stays the same"
