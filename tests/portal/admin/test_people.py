"""Actions on users: who may do them to whom, and that they cannot be done twice."""

from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

from accounts.models import User
from portal.admin.impersonation import can_be_impersonated
from tests.support.administrators import run_action
from tests.support.people import Person

URL = "/admin/accounts/user/"
PERMISSIONS = ("accounts.view_user", "accounts.change_user")


def act(administrator: Person, person: Person, action: str, **data: str) -> User:
    run_action(administrator, f"{URL}{person.user.pk}/{action}/", **data)
    return User.objects.get(pk=person.user.pk)


@pytest.mark.parametrize(
    ("values", "is_allowed"),
    [({}, True), ({"is_active": False}, False), ({"is_staff": True}, False), ({"is_superuser": True}, False)],
)
def test_who_can_be_impersonated(values: dict[str, bool], is_allowed: bool) -> None:
    assert can_be_impersonated(User(email="a@example.com", **values)) is is_allowed


def test_deactivating_and_activating(adele: Person, alice: Person) -> None:
    assert not act(adele, alice, "deactivate").is_active
    assert act(adele, alice, "activate").is_active


@pytest.mark.parametrize("action", ["deactivate", "reset_second_factor"])
def test_staff_may_do_it_to_users_but_not_to_staff(
    action: str, make_staff: Callable[..., Person], alice: Person
) -> None:
    stan, other = make_staff("stan@example.com", *PERMISSIONS), make_staff("sara@example.com")
    TOTP.activate(alice.user, generate_totp_secret())

    def state(person: Person) -> tuple[bool, bool]:
        factors = Authenticator.objects.filter(user=person.user)
        return User.objects.get(pk=person.user.pk).is_active, factors.exists()

    for person, changes in ((alice, True), (other, False), (stan, False)):
        before = state(person)
        act(stan, person, action)
        assert (state(person) != before) is changes, person.user


def test_a_superuser_resets_the_second_factor_of_staff(adele: Person, make_staff: Callable[..., Person]) -> None:
    stan = make_staff("stan@example.com")
    act(adele, stan, "reset_second_factor")
    assert not Authenticator.objects.filter(user=stan.user).exists()


@pytest.mark.parametrize("action", ["make_staff", "end_staff"])
def test_only_a_superuser_changes_who_is_staff(
    action: str, adele: Person, alice: Person, make_staff: Callable[..., Person]
) -> None:
    stan = make_staff("stan@example.com", *PERMISSIONS)
    User.objects.filter(pk=alice.user.pk).update(is_staff=action == "end_staff")
    assert act(stan, alice, action).is_staff is (action == "end_staff")
    assert act(adele, alice, action).is_staff is (action == "make_staff")


def test_nobody_ends_their_own_status(adele: Person) -> None:
    assert act(adele, adele, "end_staff").is_staff
    assert act(adele, adele, "deactivate").is_active


@pytest.mark.parametrize("action", ["view_as", "deactivate", "make_staff"])
def test_without_the_permission_an_action_is_forbidden(
    action: str, make_staff: Callable[..., Person], alice: Person
) -> None:
    stan = make_staff("stan@example.com", "accounts.view_user")
    response = run_action(stan, f"{URL}{alice.user.pk}/{action}/", reason="a ticket")
    assert response.status_code == 403
    assert User.objects.get(pk=alice.user.pk) == alice.user


@pytest.mark.parametrize(("is_superuser", "status"), [(True, 200), (False, 403)])
def test_only_superusers_see_the_groups(is_superuser: bool, status: int, make_staff: Callable[..., Person]) -> None:
    stan = make_staff("stan@example.com", "auth.view_group", "auth.add_group", superuser=is_superuser)
    assert stan.get("/admin/auth/group/add/").status_code == status


def test_only_a_superuser_activates_staff(adele: Person, make_staff: Callable[..., Person]) -> None:
    stan, root = make_staff("stan@example.com", *PERMISSIONS), make_staff("root@example.com", superuser=True)
    User.objects.filter(pk=root.user.pk).update(is_active=False)
    assert not act(stan, root, "activate").is_active
    assert act(adele, root, "activate").is_active


def test_a_list_is_filtered_by_its_filters_only(make_staff: Callable[..., Person]) -> None:
    stan = make_staff("stan@example.com", "accounts.view_user")
    for query in ("is_active__exact=1", "date_joined__gte=2026-01-01+00:00:00%2B00:00", "q=alice"):
        assert stan.get(f"{URL}?{query}").status_code == 200
    for query in (
        "password__startswith=a",
        "password=a",
        "email__startswith=a",
        "is_active__password=1",
        "memberships__team__name=a",
        "date_joined__exact__password=1",
    ):
        assert stan.get(f"{URL}?{query}").status_code == 400, query
