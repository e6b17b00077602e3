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

from accounts.auth.decorators import is_htmx, team_member_required
from accounts.auth.principals import Principal
from accounts.roles import Scope
from common.errors import MutoscopeError, NotFound
from inference import limits
from inference.presets import PRESETS
from inference.sizes import ASPECT_RATIOS, AUTO_ASPECT_RATIO, RESOLUTIONS
from jobs.models import Job
from jobs.videos.selectors import find_video
from jobs.videos.services import submit_job
from jobs.videos.submission import default_model
from jobs.videos.views import forms
from jobs.videos.views.plan_options import OUTPUT_FORMATS, PlanOptions, options_for
from jobs.videos.views.presets import PRESET_TITLES
from jobs.videos.views.video import card_context

_RECENT_COUNT = 3


@require_http_methods(["GET", "HEAD", "POST"])
@team_member_required()
def create(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """The form; with `?like=vid_…` filled in from that video. POST submits it."""
    if request.method == "POST":
        return _submit(request, principal)
    if Scope.VIDEOS_WRITE not in principal.scopes:
        return render(request, "jobs/create_read_only.html")
    like = _reference_video(principal, request.GET.get("like", ""))
    return _render_form(request, principal, values=forms.initial_values(principal.team, like), like=like, is_fresh=True)


@require_safe
@team_member_required(Scope.VIDEOS_WRITE)
def price(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """A fragment: what the present settings cost, and which of them are out of range."""
    found, errors = forms.estimate_price(principal, forms.form_values(request.GET), forms.image_size(request.GET))
    # Settings are checked while one types; the words and the picture only when they are sent.
    fields = [name for name in forms.ERROR_FIELDS if name not in {"prompt", "negative_prompt", "image", "form"}]
    offered = {preset.name for preset in options_for(principal.team).presets}
    # Presets that the plan does not allow show what it allows in place of a price.
    prices = {name: cost for name, cost in found.presets.items() if name in offered} if found else {}
    field_errors = [(name, errors.get(name, "")) for name in fields]
    context = {"price": found, "preset_prices": prices, "field_errors": field_errors}
    return render(request, "jobs/create_price_update.html", context)


def _submit(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    principal.require(Scope.VIDEOS_WRITE)
    like = _reference_video(principal, request.POST.get("like", ""))
    values = forms.form_values(request.POST)
    image: File[bytes] | None = forms.uploaded_image(request.FILES) or _source_image(like)
    video_request, errors = forms.build_video_request(values, image, principal.team)
    if video_request is not None:
        try:
            job = submit_job(principal=principal, request=video_request)
        except MutoscopeError as error:
            errors = forms.errors_of(error)
        else:
            return _redirect(request, reverse("video", args=[job.public_id]))
    if is_htmx(request):
        # Messages alone are swapped in: the chosen picture and what was typed stay where they are.
        field_errors = [(name, errors.get(name, "")) for name in forms.ERROR_FIELDS]
        return render(request, "jobs/create_errors.html", {"field_errors": field_errors}, status=422)
    return _render_form(request, principal, values=values, like=like, errors=errors, status=422)


def _redirect(request: HttpRequest, url: str) -> HttpResponse:
    if not is_htmx(request):
        return redirect(url)
    response = HttpResponse(status=204)
    response["HX-Redirect"] = url
    return response


def _reference_video(principal: Principal, identifier: str) -> Job | None:
    """The video to resemble. One that is gone is no reason to lose what was typed."""
    try:
        return find_video(principal.team, identifier) if identifier else None
    except NotFound:
        return None


def _source_image(like: Job | None) -> "File[bytes] | None":
    if like is None or like.files_deleted_at is not None:
        return None
    try:
        with default_storage.open(like.source_key) as file:
            return ContentFile(file.read(), name="source.png")
    except FileNotFoundError:
        return None


def _render_form(
    request: HttpRequest,
    principal: Principal,
    *,
    values: forms.FormValues,
    like: Job | None,
    errors: forms.FormErrors | None = None,
    is_fresh: bool = False,
    status: int = 200,
) -> HttpResponse:
    options = options_for(principal.team)
    if is_fresh:
        values = options.clamp(values)
    size = (like.width, like.height) if like else forms.image_size(request.POST)
    found, wrong = forms.estimate_price(principal, values, size)
    recent = Job.objects.for_team(principal.team).order_by("-id")[:_RECENT_COUNT]
    context = {
        "values": values,
        "errors": wrong | (errors or {}),
        "price": found,
        "like": like,
        "like_has_image": like is not None and like.files_deleted_at is None,
        "recent": card_context(recent),
        **_choices_context(principal, options, values, found),
    }
    return render(request, "jobs/create.html", context, status=status)


def _choices_context(
    principal: Principal, options: PlanOptions, values: forms.FormValues, found: forms.PriceEstimate | None
) -> dict[str, Any]:
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
        cost, exceeded = found.presets[preset.name] if found else None, options.exceeded[preset.name]
        presets.append(
            {"preset": preset, "title": title, "text": text, "icon": icon, "credits": cost, "exceeded": exceeded}
        )
    return {
        "presets": presets,
        "options": options,
        "models": forms.enabled_models(),
        "resolutions": list(RESOLUTIONS),
        "formats": OUTPUT_FORMATS,
        "model": next((spec for spec in forms.enabled_models() if spec.name == values.get("model")), None),
        "default_model": default_model(principal.team),
        "aspect_ratios": [AUTO_ASPECT_RATIO, *ASPECT_RATIOS],
        "limits": limits,
        "max_image_bytes": forms.MAX_IMAGE_BYTES,
        "max_image_megabytes": forms.MAX_IMAGE_BYTES // 1024**2,
        "max_image_megapixels": limits.MAX_IMAGE_PIXELS // 10**6,
        # Shown in the reader's language, inserted in the one that the models read.
        "ideas": [
            (_("slowly zooms in"), "slowly zooms in"),
            (_("pans from left to right"), "pans from left to right"),
            (_("drifts closer, with depth"), "drifts closer, with depth"),
            (_("tilts up and turns a little"), "tilts up and turns a little"),
        ],
    }
