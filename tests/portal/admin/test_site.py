"""Access to the administration site: only staff whose session has used a second factor."""

from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.support.administrators import record_second_factor, run_action
from tests.support.people import Person

PAGES = ("/admin/", "/admin/accounts/team/", "/admin/quota/plan/add/", "/admin/jobs/job/")


@pytest.mark.parametrize("path", PAGES)
def test_anonymous_visitors_sign_in_first_and_others_are_rejected(path: str, alice: Person) -> None:
    response = Client().get(path)
    assert response.status_code == 302
    assert Client().get(response["Location"])["Location"].startswith("/accounts/login/")
    response = alice.client.get(path, follow=True)
    assert response.status_code == 403


@pytest.mark.parametrize("path", PAGES)
def test_staff_set_up_a_second_factor_first(path: str, alice: Person) -> None:
    User.objects.filter(pk=alice.user.pk).update(is_staff=True, is_superuser=True)
    response = alice.get(path)
    assert (response.status_code, response["Location"]) == (302, reverse("mfa_index"))
    TOTP.activate(alice.user, generate_totp_secret())
    response = alice.get(path)
    assert response["Location"].startswith(reverse("mfa_reauthenticate")), "this session began with a password only"
    record_second_factor(alice)
    assert alice.get(path).status_code == 200


def test_every_action_of_the_site_requires_a_second_factor(alice: Person) -> None:
    User.objects.filter(pk=alice.user.pk).update(is_staff=True, is_superuser=True)
    paths = [
        f"/admin/{model._meta.app_label}/{model._meta.model_name}/1/{action.name}/"
        for model, model_admin in admin.site._registry.items()
        for action in getattr(model_admin, "admin_actions", ())
    ]
    assert len(paths) > 10
    for path in paths:
        assert alice.get(path)["Location"] == reverse("mfa_index"), path


def test_the_content_security_policy_is_relaxed_on_this_site_only(adele: Person) -> None:
    assert "'unsafe-eval'" in adele.get("/admin/")["Content-Security-Policy"]
    assert "unsafe" not in adele.get("/history")["Content-Security-Policy"]


def test_staff_may_do_what_their_permissions_allow(make_staff: Callable[..., Person], alice: Person) -> None:
    stan = make_staff("stan@example.com", "accounts.view_team")
    assert stan.get("/admin/accounts/team/").status_code == 200
    assert stan.get("/admin/jobs/job/").status_code == 403
    path = f"/admin/accounts/team/{alice.team.pk}/grant_credits/"
    assert run_action(stan, path, credits="5", reason="for me").status_code == 403


def test_only_superusers_change_who_is_staff(make_staff: Callable[..., Person], adele: Person, alice: Person) -> None:
    stan = make_staff("stan@example.com", "accounts.view_user", "accounts.change_user")
    path = f"/admin/accounts/user/{alice.user.pk}/make_staff/"
    run_action(stan, path)
    assert not User.objects.get(pk=alice.user.pk).is_staff
    run_action(adele, path)
    assert User.objects.get(pk=alice.user.pk).is_staff
    run_action(stan, f"/admin/accounts/user/{adele.user.pk}/deactivate/")
    assert User.objects.get(pk=adele.user.pk).is_active
