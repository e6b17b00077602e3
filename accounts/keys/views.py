"""The API key pages: list, create, change, rotate, revoke. A clear text is in one response and nowhere else."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.auth.decorators import team_member_required
from accounts.auth.form_nonce import refused
from accounts.auth.htmx import htmx_redirect, is_htmx
from accounts.auth.impersonation import Access, impersonation
from accounts.auth.principals import Principal, is_in_networks
from accounts.keys.forms import DEFAULT_SCOPES, KeyForm, ManagedKeyForm, NewKeyForm, RotateForm
from accounts.keys.services import create_api_key, revoke_api_key, rotate_api_key, update_api_key
from accounts.models import ApiKey
from accounts.roles import Right
from common.errors import Conflict, NotFound


@require_http_methods(["GET", "HEAD", "POST"])
@team_member_required()
def api_keys(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """List the member's own keys, with the form for a new one. POST creates it."""
    if request.method != "POST":
        return _list(request, principal, form=_empty_form(principal))
    principal.require_right(Right.MAKE_KEYS)
    form = NewKeyForm(request.POST, scopes=principal.scopes)
    if not form.is_valid():
        return _list(request, principal, form=form, status=422)
    chosen = {name: form.cleaned_data[name] for name in (*ManagedKeyForm.base_fields, "scopes")}
    key, clear_text = create_api_key(
        team=principal.team, creator=principal.user, expires_at=form.expires_at(), **chosen
    )
    _warn_if_ip_not_allowed(request, key)
    return _list(request, principal, form=_empty_form(principal), new_key=key, clear_text=clear_text, status=201)


@impersonation(Access.NONE)
@require_safe
@team_member_required()
def team_keys(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """List all keys of the team with their creators, for members who manage them."""
    principal.require_right(Right.MANAGE_KEYS)
    return render(request, "accounts/api_keys_team.html", {"keys": _sorted(_visible(principal)), "sees_all": True})


@impersonation(Access.NONE)
@require_http_methods(["GET", "HEAD", "POST"])
@team_member_required()
def api_key(request: HttpRequest, principal: Principal, prefix: str) -> HttpResponseBase:
    """Show a key. Its creator may change name and allowed networks; members who manage keys also the caps."""
    key = _find(principal, prefix)
    form_class = ManagedKeyForm if principal.may(Right.MANAGE_KEYS) else KeyForm
    if request.method != "POST":
        return _key_page(request, principal, key, form=form_class(initial=ManagedKeyForm.of(key)))
    form = form_class(request.POST)
    if not form.is_valid():
        return _key_page(request, principal, key, form=form, status=422)
    if update_api_key(key=key, **form.cleaned_data):
        messages.success(request, _("Saved."))
        _warn_if_ip_not_allowed(request, key)
    return redirect("api_key", prefix)


@impersonation(Access.NONE)
@require_POST
@team_member_required()
def rotate(request: HttpRequest, principal: Principal, prefix: str) -> HttpResponseBase:
    """Rotate an own key. Nobody may see a secret of another member's key."""
    principal.require_right(Right.MAKE_KEYS)
    key = _find(principal, prefix)
    if key.creator_id != principal.user.pk:
        raise NotFound("No such key.")
    rotation = RotateForm(request.POST)
    form = KeyForm(initial=ManagedKeyForm.of(key))
    if not rotation.is_valid():
        return _key_page(request, principal, key, form=form, rotation=rotation, status=422)
    try:
        new_key, clear_text = rotate_api_key(key=key, overlap=rotation.cleaned_data["overlap"])
    except Conflict:
        messages.error(request, _("This key was already rotated, or is no longer valid."))
        return refused(redirect("api_key", prefix))
    context = {"key": key, "new_key": new_key, "clear_text": clear_text}
    return render(request, "accounts/api_key_rotated.html", context, status=201)


@impersonation(Access.NONE)
@require_POST
@team_member_required()
def revoke(request: HttpRequest, principal: Principal, prefix: str) -> HttpResponseBase:
    """Revoke an own key, or any key of the team for members who manage them."""
    key = _find(principal, prefix)
    if revoke_api_key(key=key):
        messages.success(request, _("The key “%(name)s” was revoked.") % {"name": key.name})
    url_name = "api_keys" if key.creator_id == principal.user.pk else "team_api_keys"
    return htmx_redirect(request, reverse(url_name))


def _visible(principal: Principal) -> QuerySet[ApiKey]:
    keys: QuerySet[ApiKey] = ApiKey.objects.for_team(principal.team).select_related("creator")
    return keys if principal.may(Right.MANAGE_KEYS) else keys.filter(creator=principal.user)


def _find(principal: Principal, prefix: str) -> ApiKey:
    key = _visible(principal).filter(prefix=prefix).first()
    if key is None:
        raise NotFound("No such key.")
    return key


def _sorted(keys: QuerySet[ApiKey]) -> list[ApiKey]:
    """Return the valid keys first; within each group the newest first."""
    return sorted(keys.order_by("-id"), key=lambda key: key.state != "live")


def _empty_form(principal: Principal) -> NewKeyForm:
    return NewKeyForm(scopes=principal.scopes, initial={"scopes": DEFAULT_SCOPES, "expires": "90"})


def _client_ip(request: HttpRequest) -> str:
    """Return the client IP address for the hint; empty if unknown."""
    client_ip: str = request.client_ip  # type: ignore[attr-defined]
    return "" if client_ip == "unknown" else client_ip


def _warn_if_ip_not_allowed(request: HttpRequest, key: ApiKey) -> None:
    client_ip = _client_ip(request)
    if client_ip and key.allowed_networks and not is_in_networks(client_ip, key.allowed_networks):
        text = _("Your IP address %(ip)s is not among the allowed ones. The key does not work from here.")
        messages.warning(request, text % {"ip": client_ip})


def _list(request: HttpRequest, principal: Principal, *, status: int = 200, **context: Any) -> HttpResponse:
    context |= {
        "keys": _sorted(_visible(principal).filter(creator=principal.user)),
        "may_create": principal.may(Right.MAKE_KEYS),
        "client_ip": _client_ip(request),
    }
    template = "accounts/api_keys_response.html" if is_htmx(request) else "accounts/api_keys.html"
    return render(request, template, context, status=status)


def _key_page(
    request: HttpRequest, principal: Principal, key: ApiKey, *, status: int = 200, **context: Any
) -> HttpResponse:
    own = key.creator_id == principal.user.pk
    context = {
        "key": key,
        "own": own,
        "may_rotate": own and principal.may(Right.MAKE_KEYS),
        "rotation": RotateForm(initial={"overlap": "24"}),
        "client_ip": _client_ip(request),
        **context,
    }
    return render(request, "accounts/api_key.html", context, status=status)
