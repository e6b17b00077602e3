"""The user's own pages: profile, language, sessions, closing the account."""

from typing import cast

from allauth.account.decorators import reauthentication_required
from allauth.usersessions.internal.flows.sessions import end_sessions
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from django.views.i18n import set_language as choose_language

from accounts.models import User
from accounts.people.account_deletion import delete_account, teams_without_another_owner
from accounts.people.forms import AccountDeletionForm, ProfileForm
from common.errors import Conflict


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Show and change name and language."""
    user = cast("User", request.user)
    form = ProfileForm(request.POST or None, instance=user, initial={"language": user.language or get_language()})
    if request.method == "POST" and form.is_valid():
        form.save()
        with override(user.language):
            messages.success(request, _("Saved."))
        response: HttpResponse = redirect("account")
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            user.language,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            samesite="Lax",
        )
        return response
    return render(request, "accounts/profile.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
def set_language(request: HttpRequest) -> HttpResponseBase:
    """Set the language of the pages, and for a signed-in user also of emails."""
    language = request.POST.get("language", "")
    if request.user.is_authenticated and language in dict(settings.LANGUAGES):
        User.objects.filter(pk=request.user.pk).update(language=language)
    return choose_language(request)


@require_POST
@login_required
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """Sign out one of the user's other browsers."""
    session = get_object_or_404(UserSession, pk=session_id, user=request.user)
    end_sessions(request, [session])
    messages.success(request, _("The browser was signed out."))
    return redirect("usersessions_list")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]
def delete(request: HttpRequest) -> HttpResponse:
    """Close the account, if the typed email address is correct."""
    user = cast("User", request.user)
    form = AccountDeletionForm(request.POST if request.method == "POST" else None, user=user)
    if not form.is_valid():
        context = {"form": form, "teams": teams_without_another_owner(user)}
        return render(request, "accounts/delete.html", context, status=422 if form.errors else 200)
    try:
        delete_account(user=user)
    except Conflict as error:
        messages.error(request, error.localized())
        return redirect("close_account")
    logout(request)
    return redirect("account_deleted")


@require_http_methods(["GET", "HEAD"])
def deleted(request: HttpRequest) -> HttpResponse:
    """Confirm that the account was closed."""
    return render(request, "accounts/deleted.html")
