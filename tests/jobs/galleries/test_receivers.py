"""A member who loses access loses the share links that they created, and no others."""

from collections.abc import Callable

from accounts.models import Membership
from accounts.roles import Role
from accounts.teams.members import change_member, remove_member
from jobs.galleries.models import Collection, ShareLink
from tests.support.people import Person


def link_of(person: Person, name: str) -> ShareLink:
    collection = Collection.objects.create(team=person.team, name=name)
    return ShareLink.objects.create(team=person.team, collection=collection, creator=person.user, token=f"token-{name}")


def is_open(link: ShareLink, person: Person) -> bool:
    status: int = person.new_browser().get(f"/s/{link.token}").status_code
    return status == 200


def test_links_of_a_removed_member_are_revoked(alice: Person, mia: Person) -> None:
    theirs, others = link_of(mia, "theirs"), link_of(alice, "others")
    assert is_open(theirs, alice)
    remove_member(team=alice.team, actor=alice.user, user_id=mia.user.pk)
    assert not is_open(theirs, alice)
    assert is_open(others, alice)


def test_links_of_a_new_viewer_are_revoked(alice: Person, mia: Person) -> None:
    links = [link_of(mia, "one"), link_of(mia, "two")]
    change: Callable[[Role], None] = lambda role: change_member(  # noqa: E731
        team=alice.team,
        actor=alice.user,
        user_id=mia.user.pk,
        role=role,
        credits_per_month=None,
        videos_per_day=None,
    )
    change(Role.ADMIN)
    change(Role.MEMBER)
    assert all(is_open(link, alice) for link in links)
    change(Role.VIEWER)
    assert not any(is_open(link, alice) for link in links)
    assert Membership.objects.get(team=alice.team, user=mia.user).role == Role.VIEWER
