"""The marks of views: what they allow while their user is impersonated."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from rest_framework.views import APIView

from accounts.audit.models import AuditEntry, Verb
from accounts.auth.decorators import team_action, team_member_required
from accounts.auth.impersonation import (
    Access,
    access_of,
    deny,
    impersonation,
    impersonator_of,
    is_marked,
    record_act,
)
from accounts.auth.principals import Principal
from tests.support.people import Person


def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def page(request: HttpRequest, principal: Principal) -> HttpResponse:
    return HttpResponse()


class PlainView(View):
    pass


@impersonation(Access.READ)
class MarkedView(APIView):
    pass


class InheritingView(MarkedView):
    pass


@impersonation(Access.WRITE)
class OtherView(MarkedView):
    pass


VIEWS: dict[str, tuple[Any, Access]] = {
    "function": (view, Access.NONE),
    "class": (PlainView.as_view(), Access.NONE),
    "API class": (APIView.as_view(), Access.NONE),
    "marked class": (MarkedView.as_view(), Access.READ),
    "subclass": (InheritingView.as_view(), Access.READ),
    "subclass with its own mark": (OtherView.as_view(), Access.WRITE),
    "marked class below a decorator": (csrf_exempt(MarkedView.as_view()), Access.READ),
    "class marked in the URL configuration": (impersonation(Access.READ)(PlainView.as_view()), Access.READ),
    "marked class with another mark in the URL configuration": (
        impersonation(Access.NONE)(MarkedView.as_view()),
        Access.NONE,
    ),
    "page": (team_member_required()(page), Access.READ),
    "page below a decorator": (require_POST(team_member_required()(page)), Access.READ),
    "button": (team_action("create")(page), Access.READ),
    "marked button": (impersonation(Access.WRITE)(team_action("create")(page)), Access.WRITE),
    "marked page": (impersonation(Access.NONE)(require_POST(team_member_required()(page))), Access.NONE),
}


@pytest.mark.parametrize("kind", VIEWS)
def test_the_mark_of_a_view(kind: str) -> None:
    decorated, access = VIEWS[kind]
    assert access_of(decorated) is access


@pytest.mark.parametrize("access", list(Access))
def test_a_mark_below_other_decorators_counts(access: Access) -> None:
    def marked(request: HttpRequest, principal: Principal) -> HttpResponse:
        return HttpResponse()

    marked = impersonation(access)(marked)
    assert is_marked(marked)
    assert access_of(team_member_required()(marked)) is access
    assert access_of(team_action("create")(marked)) is access
    assert not is_marked(page)  # decorating it above did not change it


def test_only_an_impersonated_request_has_an_impersonator(alice: Person) -> None:
    request: Any = RequestFactory().get("/")
    assert impersonator_of(request) is None
    request.impersonator = alice.user
    assert impersonator_of(request) == alice.user


def test_requests_are_recorded_with_method_and_path(alice: Person) -> None:
    request = RequestFactory().post("/videos/vid_1/cancel")
    request.user, request.resolver_match = alice.user, None
    record_act(request, team=alice.team)
    error = deny(request)
    assert (error.status, error.code) == (403, "impersonation_denied")
    assert "POST /desk/stop-viewing" in error.message
    changes = {"method": [None, "POST"], "path": [None, "/videos/vid_1/cancel"]}
    assert [
        (row.verb, row.actor, row.team, row.changes) for row in AuditEntry.objects.order_by("id").reverse()[:2]
    ] == [
        (Verb.IMPERSONATION_DENIED, alice.user, None, changes),
        (Verb.IMPERSONATION_ACT, alice.user, alice.team, changes),
    ]
