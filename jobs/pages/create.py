"""The Create page: a picture and a sentence go in, a job comes out."""

from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.pages import is_htmx, team_page
from accounts.principals import Principal
from accounts.roles import Scope
from common.errors import MutoscopeError, NotFound
from inference import limits
from inference.presets import PRESETS
from inference.sizes import ASPECT_RATIOS, AUTO_ASPECT_RATIO, RESOLUTIONS
from jobs.models import Job
from jobs.pages import form
from jobs.pages.offer import FORMATS, Offer, offer_to
from jobs.pages.videos import with_looks
from jobs.pages.words import PRESET_TITLES
from jobs.requests import default_model
from jobs.services.lookups import find_video
from jobs.services.submit import submit_job

_RECENT = 3


@require_http_methods(["GET", "HEAD", "POST"])
@team_page()
def create(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """The form; with `?like=vid_…` filled in from that video. POST submits it."""
    if request.method == "POST":
        return _submit(request, principal)
    if Scope.VIDEOS_WRITE not in principal.scopes:
        return render(request, "jobs/create_viewer.html")
    like = _like(principal, request.GET.get("like", ""))
    return _page(request, principal, values=form.initial_values(principal.team, like), like=like, is_fresh=True)


@require_safe
@team_page(Scope.VIDEOS_WRITE)
def price(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """A fragment: what the present settings cost, and which of them are out of range."""
    found, errors = form.price_of(principal, form.typed_values(request.GET), form.picture_size(request.GET))
    # Settings are checked while one types; the words and the picture only when they are sent.
    places = [name for name in form.PLACES if name not in {"prompt", "negative_prompt", "image", "form"}]
    offered = {preset.name for preset in offer_to(principal.team).presets}
    # Presets that the plan does not allow show what it allows in place of a price.
    prices = {name: cost for name, cost in found.presets.items() if name in offered} if found else {}
    marks = [(name, errors.get(name, "")) for name in places]
    context = {"price": found, "preset_prices": prices, "marks": marks}
    return render(request, "jobs/create_price_answer.html", context)


def _submit(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    principal.require(Scope.VIDEOS_WRITE)
    like = _like(principal, request.POST.get("like", ""))
    values = form.typed_values(request.POST)
    picture: File[bytes] | None = form.uploaded(request.FILES) or _source_picture(like)
    wanted, errors = form.checked_request(values, picture, principal.team)
    if wanted is not None:
        try:
            job = submit_job(principal=principal, request=wanted)
        except MutoscopeError as error:
            errors = form.errors_of(error)
        else:
            return _go(request, reverse("video", args=[job.public_id]))
    if is_htmx(request):
        # Messages alone are swapped in: the chosen picture and what was typed stay where they are.
        marks = [(name, errors.get(name, "")) for name in form.PLACES]
        return render(request, "jobs/create_errors.html", {"marks": marks}, status=422)
    return _page(request, principal, values=values, like=like, errors=errors, status=422)


def _go(request: HttpRequest, address: str) -> HttpResponse:
    if not is_htmx(request):
        return redirect(address)
    response = HttpResponse(status=204)
    response["HX-Redirect"] = address
    return response


def _like(principal: Principal, identifier: str) -> Job | None:
    """The video to resemble. One that is gone is no reason to lose what was typed."""
    try:
        return find_video(principal.team, identifier) if identifier else None
    except NotFound:
        return None


def _source_picture(like: Job | None) -> "File[bytes] | None":
    if like is None or like.files_deleted_at is not None:
        return None
    try:
        with default_storage.open(like.source_key) as file:
            return ContentFile(file.read(), name="source.png")
    except FileNotFoundError:
        return None


def _page(
    request: HttpRequest,
    principal: Principal,
    *,
    values: form.Values,
    like: Job | None,
    errors: form.Errors | None = None,
    is_fresh: bool = False,
    status: int = 200,
) -> HttpResponse:
    offer = offer_to(principal.team)
    if is_fresh:
        values = offer.clamped(values)
    size = (like.width, like.height) if like else form.picture_size(request.POST)
    found, wrong = form.price_of(principal, values, size)
    recent = Job.objects.for_team(principal.team).order_by("-id")[:_RECENT]
    context = {
        "values": values,
        "errors": wrong | (errors or {}),
        "price": found,
        "like": like,
        "like_has_picture": like is not None and like.files_deleted_at is None,
        "recent": with_looks(recent),
        **_choices(principal, offer, values, found),
    }
    return render(request, "jobs/create.html", context, status=status)


def _choices(principal: Principal, offer: Offer, values: form.Values, found: form.Price | None) -> dict[str, Any]:
    """What there is to choose from, and the limits, which the page's script checks before anything is sent."""
    words = {
        "fast": (PRESET_TITLES["fast"], _("A quick draft to try the words."), "zap"),
        "standard": (PRESET_TITLES["standard"], _("Two seconds, for most things."), "clapperboard"),
        "high": (PRESET_TITLES["high"], _("Finer and longer, for the final cut."), "gem"),
        "batch": (PRESET_TITLES["batch"], _("Like standard, after urgent work."), "layers"),
    }
    presets = []
    for preset in PRESETS.values():
        title, text, icon = words[preset.name]
        cost, beyond = found.presets[preset.name] if found else None, offer.beyond[preset.name]
        presets.append(
            {"preset": preset, "title": title, "text": text, "icon": icon, "credits": cost, "beyond": beyond}
        )
    return {
        "presets": presets,
        "offer": offer,
        "models": form.enabled_models(),
        "resolutions": list(RESOLUTIONS),
        "formats": FORMATS,
        "model": next((spec for spec in form.enabled_models() if spec.name == values.get("model")), None),
        "default_model": default_model(principal.team),
        "aspect_ratios": [AUTO_ASPECT_RATIO, *ASPECT_RATIOS],
        "limits": limits,
        "picture_bytes": form.PICTURE_BYTES,
        "picture_megabytes": form.PICTURE_BYTES // 1024**2,
        "picture_megapixels": limits.PICTURE_PIXELS // 10**6,
        # Shown in the reader's language, inserted in the one that the models read.
        "ideas": [
            (_("slowly zooms in"), "slowly zooms in"),
            (_("pans from left to right"), "pans from left to right"),
            (_("drifts closer, with depth"), "drifts closer, with depth"),
            (_("tilts up and turns a little"), "tilts up and turns a little"),
        ],
    }
