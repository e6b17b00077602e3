"""The Create page, which submits a video."""

import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.core.files.base import ContentFile
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.auth.decorators import team_member_required
from accounts.auth.htmx import htmx_redirect, is_htmx
from accounts.auth.principals import Principal
from accounts.models import Team
from accounts.roles import Scope
from common.errors import MutoscopeError, NotFound
from inference import limits
from inference.models.descriptor import ModelDescriptor
from inference.models.sizes import ASPECT_RATIOS, AUTO_ASPECT_RATIO
from jobs.models import Job
from jobs.states import State
from jobs.storage.files import SourceImageMissing, load_last_image, load_source_image
from jobs.videos.frames import LAST_FRAME
from jobs.videos.idempotency import build_form_key
from jobs.videos.selectors import find_video
from jobs.videos.services import submit_video
from jobs.videos.submission import build_request, default_model, offered_models
from jobs.videos.views.forms import (
    MAX_IMAGE_BYTES,
    CreateVideoForm,
    FormImage,
    FormValues,
    VideoSettingsForm,
    adopted_values,
    chosen_model,
    initial_values,
    preset_values,
)
from jobs.videos.views.plan_options import OUTPUT_FORMATS, PlanOptions, options_for
from jobs.videos.views.presets import preset_description, preset_title
from jobs.videos.views.price_estimate import (
    PriceEstimate,
    cheapest_preset,
    estimate_price,
    insufficient_credits_message,
    parse_image_size,
)
from jobs.videos.views.video import card_context

_RECENT_COUNT = 3
_PRESET_ICONS = {"fast": "zap", "standard": "clapperboard", "high": "gem", "batch": "layers"}


@require_http_methods(["GET", "HEAD", "POST"])
@team_member_required()
def create(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Show the form for `?model=…`, with `?like=vid_…` filled in from that video. POST submits it.

    With `?image_video=vid_…&at=last` its picture is that frame of a video.
    """
    if request.method == "POST":
        return _submit(request, principal)
    if Scope.VIDEOS_WRITE not in principal.scopes:
        return render(request, "jobs/create_read_only.html")
    like, frame = _reference_video(principal, request.GET.get("like", "")), _frame(principal, request.GET)
    model = like.model if like else frame.video.model if frame else ""
    descriptor = _initial_model(principal.team, request.GET.get("model", model))
    return _render_form(request, principal, values=initial_values(descriptor, like), like=like, frame=frame)


@require_safe
@team_member_required(Scope.VIDEOS_WRITE)
def price(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Show a fragment with the price of the current settings and the messages about invalid ones."""
    form = VideoSettingsForm(request.GET, team=principal.team)
    estimate = _estimate(principal, form, parse_image_size(request.GET))
    # A preset that exceeds the plan shows the limits instead of a price.
    allowed = options_for(principal.team, form.descriptor).presets
    prices = {name: price for name, price in estimate.presets.items() if name in allowed} if estimate else {}
    messages = form.messages()
    del messages["form"]  # only a submit fills it
    context = {"price": estimate, "preset_prices": prices, "field_errors": messages.items()}
    return render(request, "jobs/create_price_update.html", context)


@require_safe
@team_member_required(Scope.VIDEOS_WRITE)
def model_settings(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Show a fragment with the settings of the model that was chosen, with the values that it shares with the former.

    Its default preset is chosen unless it has the preset that was chosen before.
    """
    descriptor = chosen_model(principal.team, request.GET.get("model", ""))
    adopted = adopted_values(descriptor, request.GET)
    options = options_for(principal.team, descriptor, fps=adopted["fps"])
    values = options.clamp(adopted)
    form = VideoSettingsForm(values, team=principal.team)
    estimate = _estimate(principal, form, parse_image_size(request.GET))
    context = {
        "values": values,
        "errors": form.messages(),
        "price": estimate,
        "like": _reference_video(principal, request.GET.get("like", "")),
        **_choices_context(principal, options, values, estimate),
    }
    return render(request, "jobs/create_settings_update.html", context)


def _initial_model(team: Team, name: str) -> ModelDescriptor:
    """Return the model with this name, else the team's, else another one: the first that the plan allows."""
    named = chosen_model(team, name)
    allowed = options_for(team, named).models
    return next((model for model in (named, chosen_model(team, ""), *allowed) if model in allowed), named)


def _submit(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    principal.require(Scope.VIDEOS_WRITE)
    like, frame = _reference_video(principal, request.POST.get("like", "")), _frame(principal, request.POST)
    form = CreateVideoForm(
        request.POST, request.FILES, team=principal.team, former_images=_former_images(like, frame, request.POST)
    )
    form_key = request.POST.get("form_key", "")
    if form.is_valid():
        values = form.cleaned_data
        try:
            job = _submit_form(principal, form_key, values)
        except MutoscopeError as error:
            form.add_service_error(error)
            if error.extra.get("quota") == "credits":
                form.price_error = insufficient_credits_message(
                    principal,
                    needed=error.extra["needed"],
                    balance=error.extra["remaining"],
                    cheapest=cheapest_preset(principal, values),
                )
            if error.code == "idempotency_conflict":
                # The video of this form was deleted. With a new key, the next click creates it again.
                form_key = _new_form_key()
        else:
            return htmx_redirect(request, reverse("video", args=[job.public_id]))
    if is_htmx(request):
        # Only the messages are replaced, so the form keeps the chosen image and the entered text.
        context = {"field_errors": form.messages().items(), "form_key": form_key}
        return render(request, "jobs/create_errors.html", context, status=422)
    return _render_form(
        request, principal, values=form.entered_values(), like=like, frame=frame, form=form, form_key=form_key
    )


def _submit_form(principal: Principal, form_key: str, values: dict[str, Any]) -> Job:
    """Submit the form. If its video failed, was canceled or expired, the same content asks for another one."""
    key = form_key
    while True:
        job = submit_video(
            principal=principal,
            build=lambda: build_request(values, team=principal.team),
            idempotency=build_form_key(key, values) if form_key else None,
        )
        if not job.is_finished or job.state == State.COMPLETED:
            return job
        # The next key depends on the unsuccessful video, so that a double click still creates one video.
        key = f"{form_key}.{job.id}"


def _new_form_key() -> str:
    """Return the key of a form that is shown for the first time: a double click, or Back and the same once more,
    creates one video.
    """
    return uuid.uuid4().hex


def _reference_video(principal: Principal, identifier: str) -> Job | None:
    """Return the video to copy the settings from. If it was deleted, the form keeps the entered values."""
    try:
        return find_video(principal.team, identifier) if identifier else None
    except NotFound:
        return None


@dataclass(frozen=True)
class _Frame:
    """A frame of a video, as the field `image_video` of the API names it."""

    video: Job
    at: str


def _frame(principal: Principal, parameters: Mapping[str, str]) -> _Frame | None:
    """Return the frame that the page was opened with; None if its video was deleted."""
    video = _reference_video(principal, parameters.get("image_video", ""))
    if video is None or video.state != State.COMPLETED or video.is_gone:
        return None
    return _Frame(video, parameters.get("at", LAST_FRAME))


def _former_images(like: Job | None, frame: _Frame | None, sent: Mapping[str, str]) -> dict[str, FormImage]:
    """Return the images that the page was opened with and that were not removed, by their fields."""
    images: dict[str, FormImage] = {}
    if frame is not None and not sent.get("image_removed"):
        images["image"] = {"id": frame.video.public_id, "at": frame.at}
    for name, load in (("image", load_source_image), ("last_image", load_last_image)):
        if like is not None and name not in images and not sent.get(f"{name}_removed"):
            with suppress(SourceImageMissing):
                images[name] = ContentFile(load(like), name=f"{name}.png")
    return images


def _render_form(
    request: HttpRequest,
    principal: Principal,
    *,
    values: FormValues,
    like: Job | None,
    frame: _Frame | None,
    form: CreateVideoForm | None = None,
    form_key: str = "",
) -> HttpResponse:
    """Show the form with these values, and with the messages of `form` if it was submitted and is invalid."""
    descriptor = chosen_model(principal.team, values.get("model", ""))
    options = options_for(principal.team, descriptor, fps=values.get("fps", ""))
    if form is None:
        values = options.clamp(values)
    shown = frame.video if frame else like if like and like.has_image else None
    size = (shown.width, shown.height) if shown else parse_image_size(request.POST)
    settings_form = VideoSettingsForm(values, team=principal.team)
    estimate = _estimate(principal, settings_form, size)
    messages = settings_form.messages()
    if form is not None:
        messages |= {name: text for name, text in form.messages().items() if text}
    recent = Job.objects.for_team(principal.team).order_by("-id")[:_RECENT_COUNT]
    context = {
        "values": values,
        "errors": messages,
        "price": estimate,
        "like": like,
        "frame": frame,
        "like_model_missing": like is not None and like.model not in {model.name for model in options.models},
        "like_has_image": like is not None and like.has_image and not like.is_gone,
        "like_has_last_image": like is not None and like.last_image_key != "" and not like.is_gone,
        "form_key": form_key or _new_form_key(),
        "recent": card_context(recent),
        **_choices_context(principal, options, values, estimate),
    }
    return render(request, "jobs/create.html", context, status=200 if form is None else 422)


def _estimate(
    principal: Principal, form: VideoSettingsForm, image_size: tuple[int, int] | None
) -> PriceEstimate | None:
    """Return the price, or None if settings are invalid. Add the error that a submit would give, if there is one."""
    if not form.is_valid():
        return None
    estimate = estimate_price(principal, form.cleaned_data, image_size)
    if estimate.left < 0:
        cheapest = min(estimate.presets.values())
        form.price_error = insufficient_credits_message(
            principal, needed=estimate.credits, balance=estimate.balance, cheapest=cheapest
        )
    else:
        form.price_error = estimate.quota_error
    return estimate


def _choices_context(
    principal: Principal, options: PlanOptions, values: FormValues, estimate: PriceEstimate | None
) -> dict[str, Any]:
    """Return the choices of the form, and the limits that the page's script checks before a submit."""
    descriptor = options.descriptor
    presets = [
        {
            "name": name,
            "preset": preset,
            "values": preset_values(preset),
            "title": preset_title(descriptor, name),
            "text": preset_description(descriptor, name),
            "seconds": preset.num_frames / (preset.fps or descriptor.fps.default),
            "icon": _PRESET_ICONS.get(name, "sparkles"),
            "credits": estimate.presets[name] if estimate else None,
            "exceeded": options.exceeded[name],
        }
        for name, preset in descriptor.presets.items()
    ]
    return {
        "presets": presets,
        "options": options,
        "models": offered_models(),
        "resolutions": [*descriptor.sizes.resolutions],
        "formats": OUTPUT_FORMATS,
        "model": descriptor,
        "max_prompt_length": descriptor.prompt.max_length,
        "model_description": gettext(descriptor.description),
        "default_model": default_model(principal.team),
        "aspect_ratios": [AUTO_ASPECT_RATIO, *ASPECT_RATIOS],
        "limits": limits,
        "max_image_bytes": MAX_IMAGE_BYTES,
        "max_image_megabytes": MAX_IMAGE_BYTES // 1024**2,
        "max_image_megapixels": limits.MAX_IMAGE_PIXELS // 10**6,
        # (label in the language of the page, text to insert in English, which the models expect)
        "ideas": [
            (_("slowly zooms in"), "slowly zooms in"),
            (_("pans from left to right"), "pans from left to right"),
            (_("drifts closer, with depth"), "drifts closer, with depth"),
            (_("tilts up and turns a little"), "tilts up and turns a little"),
        ],
    }
