"""/v1/videos/{id}/events: what happens to a video, as it happens."""

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from accounts.auth.principals import Principal
from accounts.roles import Scope
from jobs.api.async_views import AsyncAPIView
from jobs.api.authentication import principal_of
from jobs.api.error_schema import ERRORS
from jobs.api.fields import StrictSerializer, TextField
from jobs.api.negotiation import IgnoreAccept
from jobs.api.streaming import EVENT_STREAM_MEDIA_TYPE, current_events_response, event_stream_response
from jobs.api.validation import validate
from jobs.events.authorization import Viewer
from jobs.events.connection_limits import ConnectionLimit
from jobs.events.hub import current_hub
from jobs.events.snapshots import JobSnapshot, parse_last_event_id
from jobs.events.sse import current_events, stream_events
from jobs.videos.selectors import find_video

_DESCRIPTION = """Server-sent events, each with an `id`, until the video is completed, failed, canceled or expired:

- `status`: `{"id", "status", "attempt", "error"}`, first of all how it stands now.
- `progress`: `{"id", "attempt", "progress", "step", "steps", "eta_seconds"}`, `progress` in per cent.
- `preview`: `{"id", "attempt", "step", "content_type", "image_base64"}`, a small picture of the clip as it stands.

Lines that begin with a colon only keep the connection alive. A stream may end earlier, after some minutes or with a
server: connect again with the last `id` in `Last-Event-ID`, as every EventSource does by itself, and nothing is lost.
Where the end was seen already the answer is 204."""
_EXAMPLE = """retry: 2000

id: 3-0
event: status
data: {"id":"vid_0197f00dcafe7000800000000000beef","status":"in_progress","attempt":1,"error":null}

id: 3-42
event: progress
data: {"id":"vid_0197f00dcafe7000800000000000beef","attempt":1,"progress":42,"step":21,"steps":50,"eta_seconds":18.2}

id: 5-0
event: status
data: {"id":"vid_0197f00dcafe7000800000000000beef","status":"completed","attempt":1,"error":null}

"""


class EventsQuerySerializer(StrictSerializer):
    last_event_id = TextField(required=False, allow_blank=True, help_text="for clients that cannot send the header")


class EventsView(AsyncAPIView):
    """Answers with what there is so far where an answer must not be held back."""

    exempt_sessions_from_throttling = True
    scopes = {"GET": Scope.VIDEOS_READ}
    content_negotiation_class = IgnoreAccept

    @extend_schema(
        operation_id="videos_events",
        summary="Follow a video",
        description=_DESCRIPTION,
        parameters=[
            EventsQuerySerializer,
            OpenApiParameter("Last-Event-ID", str, "header", description="The last event that was seen"),
        ],
        responses={
            (200, EVENT_STREAM_MEDIA_TYPE): OpenApiResponse(
                OpenApiTypes.STR, description="Events until the video's end"
            ),
            204: OpenApiResponse(description="The end was seen already"),
            **ERRORS,
        },
        examples=[
            OpenApiExample(
                "From start to end", value=_EXAMPLE, media_type=EVENT_STREAM_MEDIA_TYPE, status_codes=["200"]
            )
        ],
    )
    async def get(self, request: Request, video_id: str) -> HttpResponseBase:
        query = validate(EventsQuerySerializer, request.query_params)
        principal = principal_of(request)
        snapshot = JobSnapshot.of(await sync_to_async(find_video)(principal.team, video_id))
        last = parse_last_event_id(snapshot, request.headers.get("Last-Event-ID") or query.get("last_event_id", ""))
        if last is not None and last.is_finished and snapshot.is_finished:
            return HttpResponse(status=204)
        if (
            not settings.LONG_POLLING_ENABLED
            or not isinstance(request._request, ASGIRequest)
            or request.method == "HEAD"
        ):
            return current_events_response(await sync_to_async(current_events)(snapshot, last))
        hub = current_hub()
        return event_stream_response(
            stream_events(
                hub, snapshot, last, hub.connection_limiter.acquire(_connection_limits(principal)), Viewer.of(principal)
            )
        )


def _connection_limits(principal: Principal) -> list[ConnectionLimit]:
    """By person, too: whoever made several teams, or a key in each, is still one."""
    callers = [
        ("team", principal.team.pk, settings.MAX_EVENT_STREAMS_PER_TEAM),
        ("user", principal.user.pk, settings.MAX_EVENT_STREAMS_PER_PERSON),
    ]
    if principal.api_key is not None:
        callers.append(("key", principal.api_key.pk, settings.MAX_EVENT_STREAMS_PER_KEY))
    return [ConnectionLimit(scope, str(caller), maximum) for scope, caller, maximum in callers]
