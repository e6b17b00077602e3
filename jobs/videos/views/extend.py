"""Submits the form "Continue" of the page of a video."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.auth.decorators import team_member_required
from accounts.auth.principals import Principal
from accounts.roles import Scope
from common.errors import MutoscopeError
from inference import limits
from jobs.api.field_errors import message_of
from jobs.api.fields import StrictSerializer, TextField
from jobs.models import Job
from jobs.videos.extensions import build_extension
from jobs.videos.idempotency import build_form_key
from jobs.videos.selectors import find_video
from jobs.videos.services import submit_video
from jobs.videos.views.extension_form import extension_form
from jobs.videos.views.video import video_context

_MAX_FORM_KEY_LENGTH = 100


class ExtendFormSerializer(StrictSerializer):
    prompt = TextField(max_length=limits.MAX_PROMPT_LENGTH)


@require_POST
@team_member_required(Scope.VIDEOS_WRITE)
def extend(request: HttpRequest, principal: Principal, video_id: str) -> HttpResponseBase:
    """Submit the continuation, or show the page of the video again with the message why it was refused."""
    source = find_video(principal.team, video_id)
    prompt, join = request.POST.get("prompt", "")[: 2 * limits.MAX_PROMPT_LENGTH], "join" in request.POST
    form_key = request.POST.get("form_key", "")[:_MAX_FORM_KEY_LENGTH]
    serializer = ExtendFormSerializer(data={"prompt": prompt})
    if serializer.is_valid():
        try:
            return redirect("video", _submit(principal, source, serializer.validated_data, join, form_key).public_id)
        except MutoscopeError as error:
            message = error.details[0].message if error.details else error.text
            if error.code == "idempotency_conflict":
                form_key = ""  # the video of this form was deleted; with a new key, the next click makes it again
    else:
        message = message_of(serializer.errors["prompt"][0])
    form = extension_form(source, prompt=prompt, join=join, form_key=form_key, error=message.localized())
    return render(request, "jobs/video.html", video_context(principal, source) | {"extension_form": form}, status=422)


def _submit(principal: Principal, source: Job, values: dict[str, str], join: bool, form_key: str) -> Job:
    return submit_video(
        principal=principal,
        build=lambda: build_extension(source, values, team=principal.team, join=join),
        idempotency=build_form_key(form_key, {"extend": source.public_id, "join": join, **values})
        if form_key
        else None,
    )
