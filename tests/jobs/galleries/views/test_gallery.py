"""The gallery's pages: permissions, filters, publishing, collections and favourites."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.auth.principals import Principal
from accounts.models import User
from accounts.roles import SCOPES_OF_ROLE, Role
from jobs.galleries.models import Collection, Favourite, Publication, PublicPage, ShareLink
from jobs.galleries.services.curation import create_collection, set_in_collection
from jobs.galleries.services.publishing import publish_video
from jobs.galleries.views import gallery
from jobs.models import Job
from jobs.states import State
from tests.support.people import Person

Make = Callable[..., Job]
PAGES = ["/gallery", "/gallery/collections", "/gallery/{pub}", "/gallery?collection={col}"]
CURATOR_PAGES = ["/gallery/collections/{col}/edit", "/gallery/collections/{col}/delete"]
WRITER_PAGES = ["/gallery/sharing", "/gallery/share/{vid}", "/gallery/share/{pub}", "/gallery/share/{col}"]
OWN_ACTIONS = ["/gallery/publish/{unpublished}", "/gallery/{pub}/edit", "/gallery/{pub}/unpublish"]
CURATOR_ACTIONS = [
    "/gallery/collections",
    "/gallery/collections/{col}/edit",
    "/gallery/collections/{col}/delete",
    "/gallery/sharing/public-page",
]


def principal(person: Person, role: Role = Role.OWNER) -> Principal:
    return Principal(person.team, person.user, role, SCOPES_OF_ROLE[role])


def published(person: Person, make_job: Make, words: dict[str, Any] | None = None, **columns: Any) -> Publication:
    job = make_job(person, State.COMPLETED, **columns)
    return publish_video(principal=principal(person), job=job, **(words or {}))


def collected(person: Person, name: str, *publications: Publication) -> Collection:
    collection = create_collection(principal=principal(person), name=name)
    for publication in publications:
        set_in_collection(principal=principal(person), collection=collection, publication=publication, value=True)
    return collection


@pytest.fixture
def ids(alice: Person, make_job: Make) -> dict[str, str]:
    """Ids of Alice's rows for URLs."""
    publication = published(alice, make_job)
    return {
        "pub": publication.public_id,
        "vid": publication.job.public_id,
        "col": collected(alice, "Chosen", publication).public_id,
        "unpublished": make_job(alice, State.COMPLETED).public_id,
    }


def captions(response: Any) -> list[str]:
    assert response.status_code == 200
    return [card["publication"].caption for card in response.context["cards"]]


@pytest.mark.parametrize("path", PAGES)
def test_every_member_opens_the_pages_and_nobody_else(
    path: str, ids: dict[str, str], alice: Person, mia: Person, bob: Person, charlie: Person, anonymous: Client
) -> None:
    path = path.format(**ids)
    assert [person.get(path).status_code for person in (alice, mia, bob)] == [200, 200, 200]
    assert charlie.get(path).status_code == (404 if "_" in path else 200)
    assert b"Chosen" not in charlie.get(path).content
    assert anonymous.get(path).status_code == 302


@pytest.mark.parametrize("path", WRITER_PAGES)
def test_viewers_cannot_share(
    path: str, ids: dict[str, str], alice: Person, mia: Person, bob: Person, charlie: Person, anonymous: Client
) -> None:
    path = path.format(**ids)
    assert [person.get(path).status_code for person in (alice, mia, bob)] == [200, 200, 403]
    assert charlie.get(path).status_code == (404 if "_" in path else 200)
    assert anonymous.get(path).status_code == 302


@pytest.mark.parametrize("path", CURATOR_PAGES)
def test_curators_get_a_dialog_or_a_page(
    path: str, ids: dict[str, str], alice: Person, mia: Person, bob: Person, charlie: Person, anonymous: Client
) -> None:
    path = path.format(**ids)
    page, part = alice.get(path).content.decode(), alice.htmx(path).content.decode()
    assert ("<html" in page, "<html" in part) == (True, False)
    for text in (page, part):
        assert "Chosen" in text
        assert f'action="{path}"' in text
        assert 'href="/gallery/collections" data-closes' in " ".join(text.split())
    for get in (Person.get, Person.htmx):
        assert [get(person, path).status_code for person in (mia, bob, charlie)] == [403, 403, 404]
    assert charlie.htmx(path.replace(ids["col"], "col_1")).status_code == 404
    assert anonymous.get(path).status_code == 302


def test_the_collections_page_has_one_dialog_of_each_kind(alice: Person, mia: Person) -> None:
    for number in range(3):
        collected(alice, f"Number {number}")
    page = alice.get("/gallery/collections").content.decode()
    assert page.count("<dialog") == 3  # new, edit, delete
    assert page.count('data-opens="edit-collection"') == page.count('data-opens="delete-collection"') == 3
    assert "<dialog" not in mia.get("/gallery/collections").content.decode()


@pytest.mark.parametrize("path", [*OWN_ACTIONS, *CURATOR_ACTIONS])
def test_members_cannot_change_rows_of_others_and_outsiders_see_nothing(
    path: str, ids: dict[str, str], alice: Person, mia: Person, bob: Person, charlie: Person, anonymous: Client
) -> None:
    path = path.format(**ids)
    form = {"name": "Stolen", "caption": "stolen", "on": "1"}
    assert [person.post(path, form).status_code for person in (mia, bob)] == [403, 403]
    if "_" in path:
        assert charlie.post(path, form).status_code == 404
    assert anonymous.post(path, form).status_code == 302
    assert alice.get(path).status_code in {200, 405}
    assert not Publication.objects.filter(caption="stolen").exists()
    assert not Collection.objects.filter(team=alice.team, name="Stolen").exists()
    assert not PublicPage.objects.filter(team=alice.team).exists()
    assert alice.post(path, form).status_code == 302


@pytest.mark.parametrize("path", ["/gallery/{pub}/favourite", "/gallery/{pub}/collections", "/gallery/share/{vid}"])
def test_favourites_collections_and_links(
    path: str, ids: dict[str, str], mia: Person, bob: Person, charlie: Person, anonymous: Client
) -> None:
    path = path.format(**ids)
    allowed = {"favourite": (302, 302), "collections": (302, 403), "vid": (201, 403)}
    kind = next(word for word in allowed if word in path)
    assert tuple(person.post(path, {"wanted": "1"}).status_code for person in (mia, bob))[1] == allowed[kind][1]
    assert charlie.post(path, {"wanted": "1"}).status_code == 404
    assert anonymous.post(path).status_code == 302


def test_an_empty_gallery_links_to_the_history(alice: Person) -> None:
    page = alice.get("/gallery").content.decode()
    assert "Nothing is published yet" in page
    assert 'href="/history"' in page


def test_the_gallery_is_in_both_navigations(alice: Person) -> None:
    page = alice.get("/gallery").content.decode()
    assert page.count('href="/gallery"\n') >= 2
    assert page.count('aria-current="page"') == 2


def test_filters(alice: Person, mia: Person, make_job: Make) -> None:
    one = published(alice, make_job, {"caption": "one", "tags": ["sky"]}, prompt="a cat")
    published(mia, make_job, {"caption": "two"}, prompt="a dog", model="i2vgen-xl")
    collection = collected(alice, "Best", one)
    alice.post(f"/gallery/{one.public_id}/favourite", {"wanted": "1"})
    queries = {
        "": ["two", "one"],
        "q=cat": ["one"],
        "q=a%00cat": [],
        "tag=SKY": ["one"],
        "model=i2vgen-xl": ["two"],
        f"who={mia.user.pk}": ["two"],
        "who=99999999999999999999": [],
        "who=nobody": [],
        f"collection={collection.public_id}": ["one"],
        "favourites=1": ["one"],
        f"collection={collection.public_id}&q=dog": [],
    }
    for query, expected in queries.items():
        assert captions(alice.get(f"/gallery?{query}")) == expected, query
    assert captions(mia.get("/gallery?favourites=1")) == []
    for identifier in ("col_1", "nonsense", "col_" + "0" * 32):
        assert alice.get(f"/gallery?collection={identifier}").status_code == 404
    assert "Nothing matches" in alice.get("/gallery?q=elephant").content.decode()


def test_load_more_continues_after_the_last_card(
    alice: Person, make_job: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "PAGE_SIZE", 2)
    rows = [published(alice, make_job, {"caption": f"cat {number}"}) for number in range(5)]
    response = alice.get("/gallery?q=cat")
    assert captions(response) == ["cat 4", "cat 3"]
    assert f"/gallery?q=cat&amp;after={rows[3].public_id}" in response.content.decode()
    more = alice.htmx(f"/gallery?q=cat&after={rows[3].public_id}")
    assert captions(more) == ["cat 2", "cat 1"]
    assert "<html" not in more.content.decode()
    assert "Load more" not in alice.htmx(f"/gallery?q=cat&after={rows[1].public_id}").content.decode()
    assert alice.get("/gallery?after=nonsense").status_code == 404


def test_a_video_is_published_edited_and_removed(mia: Person, bob: Person, make_job: Make) -> None:
    job = make_job(mia, State.COMPLETED)
    assert f"/gallery/publish/{job.public_id}" in mia.get(f"/videos/{job.public_id}").content.decode()
    seen_by_bob = bob.get(f"/videos/{job.public_id}").content.decode()
    assert "/gallery/publish" not in seen_by_bob
    assert "/gallery/share" not in seen_by_bob
    form = {"caption": "Dawn", "tags": "Sky, red sun\uff0cSKY", "is_public": "on"}
    response = mia.htmx(f"/gallery/publish/{job.public_id}", form)
    publication = Publication.objects.get()
    assert (response.status_code, response["HX-Redirect"]) == (204, f"/gallery/{publication.public_id}")
    assert (publication.caption, publication.tags, publication.is_public) == ("Dawn", ["sky", "red sun"], True)
    assert mia.post(f"/gallery/publish/{job.public_id}")["Location"] == f"/gallery/{publication.public_id}"
    assert f"/gallery/{publication.public_id}" in bob.get(f"/videos/{job.public_id}").content.decode()
    page = mia.get(f"/gallery/{publication.public_id}").content.decode()
    for part in ("<video", "Dawn", "?tag=red%20sun", f"/?like={job.public_id}", "download=1", "switched off"):
        assert part in page, part
    mia.post(f"/gallery/{publication.public_id}/edit", {"caption": "Dusk", "tags": ""})
    publication.refresh_from_db()
    assert (publication.caption, publication.tags, publication.is_public) == ("Dusk", [], False)
    response = mia.post(f"/gallery/{publication.public_id}/unpublish")
    assert response["Location"] == f"/videos/{job.public_id}"
    assert not Publication.objects.exists()


def test_an_unfinished_or_expired_video_cannot_be_published(mia: Person, make_job: Make) -> None:
    expired = make_job(mia, State.COMPLETED, expires_at=timezone.now() - timedelta(days=1))
    for job in (make_job(mia), make_job(mia, State.FAILED), expired):
        page = mia.get(f"/videos/{job.public_id}").content.decode()
        assert "/gallery/publish" not in page
        assert mia.post(f"/gallery/publish/{job.public_id}")["Location"] == f"/videos/{job.public_id}"
    assert not Publication.objects.exists()


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"caption": "x" * 10_000}, "caption"),
        ({"caption": "a\0b"}, "caption"),
        ({"tags": "x" * 31}, "tags"),
        ({"tags": ",".join(str(number) for number in range(11))}, "tags"),
        ({"tags": "\0"}, "tags"),
    ],
)
def test_invalid_fields_are_marked(form: dict[str, str], field: str, mia: Person, make_job: Make) -> None:
    job = make_job(mia, State.COMPLETED)
    response = mia.htmx(f"/gallery/publish/{job.public_id}", form)
    assert response.status_code == 422
    assert field in response.context["errors"]
    assert not Publication.objects.exists()
    publication = publish_video(principal=principal(mia), job=job)
    assert mia.htmx(f"/gallery/{publication.public_id}/edit", form).status_code == 422


def test_hostile_texts_are_escaped(alice: Person, make_job: Make) -> None:
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> \u202egnp.exe مرحبا"
    publication = published(alice, make_job, {"caption": hostile, "tags": ["<b>"]}, prompt="</h1><script>")
    collected(alice, "<i>&", publication)
    for path in ("/gallery", f"/gallery/{publication.public_id}", "/gallery/collections", "/gallery?tag=%3Cb%3E"):
        page = alice.get(path).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "</h1><script>" not in page
        assert "<i>&" not in page
    assert 'dir="auto"' in alice.get(f"/gallery/{publication.public_id}").content.decode()


def test_favourites_are_personal(alice: Person, bob: Person, make_job: Make) -> None:
    publication = published(alice, make_job)
    path = f"/gallery/{publication.public_id}/favourite"
    response = bob.htmx(path, {"wanted": "1"})
    assert 'aria-pressed="true"' in response.content.decode()
    marked = 'name="wanted" value="0"'
    assert marked in bob.get(f"/gallery/{publication.public_id}").content.decode()
    assert marked not in alice.get(f"/gallery/{publication.public_id}").content.decode()
    bob.htmx(path, {"wanted": "0"})
    assert not Favourite.objects.exists()


def test_collections_are_created_edited_filled_and_deleted(alice: Person, mia: Person, make_job: Make) -> None:
    publication = published(alice, make_job)
    assert "No collections yet" in mia.get("/gallery/collections").content.decode()
    alice.post("/gallery/collections", {"name": "Best", "description": "of all", "position": "2"})
    alice.post("/gallery/collections", {"name": "First"})
    best = Collection.objects.get(name="Best")
    alice.post(f"/gallery/{publication.public_id}/collections", {"collections": [best.public_id, "col_1"]})
    assert [one["collection"].name for one in mia.get("/gallery/collections").context["collections"]] == [
        "First",
        "Best",
    ]
    page = mia.get("/gallery/collections").content.decode()
    assert "1 video" in page
    assert f"/v1/videos/{publication.job.public_id}/content?variant=thumbnail" in page
    assert "Delete collection" not in page
    taken = alice.htmx("/gallery/collections", {"name": "BEST"})
    assert (taken.status_code, "already" in taken.context["errors"]["name"]) == (422, True)
    for form in ({"name": ""}, {"name": "x" * 81}, {"name": "a\0"}, {"name": "x", "position": "-1"}):
        response = alice.htmx("/gallery/collections", form)
        assert (response.status_code, b"<html" in response.content) == (422, False), form
    edit_path = f"/gallery/collections/{best.public_id}/edit"
    for response in (alice.htmx(edit_path, {"name": ""}), alice.post(edit_path, {"name": ""})):
        assert (response.status_code, "Enter a name for the collection" in response.content.decode()) == (422, True)
    assert b"<html" in response.content  # without scripts: a page
    alice.post(edit_path, {"name": "Better", "position": "0"})
    assert alice.get(f"/gallery?collection={best.public_id}").context["collection"].name == "Better"
    alice.post(f"/gallery/{publication.public_id}/collections", {})
    assert not best.items.exists()
    alice.post(f"/gallery/collections/{best.public_id}/delete")
    assert not Collection.objects.filter(pk=best.pk).exists()
    assert Publication.objects.exists()


def test_the_removal_dialog_counts_links_that_keep_working(alice: Person, make_job: Make) -> None:
    publication = published(alice, make_job)
    page = f"/gallery/{publication.public_id}"
    assert "to people outside" not in alice.get(page).content.decode()
    alice.post(f"/gallery/share/{publication.public_id}", {})
    assert "1 link still shows it to people outside" in alice.get(page).content.decode()
    alice.post(f"{page}/unpublish")
    link = ShareLink.objects.get()
    assert link.state == "live"
    assert Client().get(f"/s/{link.token}").status_code == 200


@pytest.mark.parametrize("count", [1, 6])
def test_pages_need_a_constant_number_of_queries(
    count: int, alice: Person, make_job: Make, django_assert_num_queries: Any
) -> None:
    rows = [published(alice, make_job) for _ in range(count)]
    for number in range(count):
        collected(alice, f"Nr {number}", *rows)
        alice.post(f"/gallery/share/{rows[0].public_id}", {})
    # Each page needs: session, user, membership with team, wallet.
    for path, queries in {
        "/gallery": 4 + 4,  # ids, rows, collections, people
        f"/gallery?collection={Collection.objects.latest('id').public_id}": 4 + 4,
        f"/gallery/{rows[0].public_id}": 4 + 5,  # row, its collections, all collections, live links, public page
        "/gallery/collections": 4 + 1,
        "/gallery/sharing": 4 + 2,  # links, public page
        f"/gallery/share/{rows[0].job.public_id}": 4 + 2,  # the video, its links
    }.items():
        with django_assert_num_queries(queries):
            assert alice.get(path).status_code == 200
    with django_assert_num_queries(3 + 2):  # htmx gets neither filters nor the navigation
        alice.htmx("/gallery?q=zooms")


def test_former_members_are_no_filter_and_their_videos_stay(alice: Person, mia: Person, make_job: Make) -> None:
    publication = published(mia, make_job, {"caption": "hers"})
    User.objects.get(pk=mia.user.pk).memberships.filter(team=alice.team).delete()
    response = alice.get("/gallery")
    assert captions(response) == ["hers"]
    assert f'<option value="{mia.user.pk}"' not in " ".join(response.content.decode().split())
    assert mia.get(f"/gallery/{publication.public_id}").status_code == 404
