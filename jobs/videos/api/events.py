"""/v1/videos/{id}/events: the events of a video as a stream."""

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from accounts.auth.impersonation import Access, impersonation, impersonator_of
from accounts.auth.principals import Principal
from accounts.roles import Scope
from jobs.api.async_views import AsyncAPIView
from jobs.api.authentication import principal_of
from jobs.api.error_schema import ERRORS
from jobs.api.fields import StrictSerializer, TextField
from jobs.api.negotiation import IgnoreAccept
from jobs.api.validation import validate
from jobs.events.authorization import Viewer
from jobs.events.connection_limits import ConnectionLimit
from jobs.events.hub import current_hub
from jobs.events.snapshots import JobSnapshot, parse_last_event_id
from jobs.events.sse import MEDIA_TYPE, current_events, current_events_response, event_stream_response, stream_events
from jobs.videos.selectors import find_video

_DESCRIPTION = """Server-sent events, each with an `id`, until the video is completed, failed, canceled or expired:

- `status`: `{"id", "status", "attempt", "error"}`. The first event contains the current status.
- `progress`: `{"id", "attempt", "progress", "step", "steps", "eta_seconds"}`, `progress` in percent.
- `preview`: `{"id", "attempt", "step", "content_type", "image_base64"}`, a small preview image of the video.

Lines that begin with a colon only keep the connection alive. A stream may end earlier, after some minutes or when a
server restarts. Connect again and send the last `id` in `Last-Event-ID`, as every EventSource does automatically: no
event is lost. If the client has received the last event already, the response is 204."""
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
    last_event_id = TextField(
        max_length=100,
        required=False,
        allow_blank=True,
        help_text="Last-Event-ID for clients that cannot send the header",
    )


@impersonation(Access.READ)  # the progress on pages
class EventsView(AsyncAPIView):
    """Stream events. In processes without long polling, return the events so far and end the response."""

    exempt_sessions_from_throttling = True
    scopes = {"GET": Scope.VIDEOS_READ}
    content_negotiation_class = IgnoreAccept

    @extend_schema(
        operation_id="videos_events",
        summary="Follow a video",
        description=_DESCRIPTION,
        parameters=[
            EventsQuerySerializer,
            OpenApiParameter("Last-Event-ID", str, "header", description="The id of the last event that was received"),
        ],
        responses={
            (200, MEDIA_TYPE): OpenApiResponse(OpenApiTypes.STR, description="Events until the video is finished"),
            204: OpenApiResponse(description="The last event was received already"),
            **ERRORS,
        },
        examples=[
            OpenApiExample("From queued to completed", value=_EXAMPLE, media_type=MEDIA_TYPE, status_codes=["200"])
        ],
    )
    async def get(self, request: Request, video_id: str) -> HttpResponseBase:
        query = validate(EventsQuerySerializer, request.query_params)
        principal = principal_of(request)
        snapshot = JobSnapshot.of(await sync_to_async(find_video)(principal.team, video_id))
        after = parse_last_event_id(snapshot, request.headers.get("Last-Event-ID") or query.get("last_event_id", ""))
        if after is not None and after.is_finished and snapshot.is_finished:
            return HttpResponse(status=204)
        if (
            not settings.LONG_POLLING_ENABLED
            or not isinstance(request._request, ASGIRequest)
            or request.method == "HEAD"
            or impersonator_of(request._request)  # each new request checks whether the impersonation has ended
        ):
            return current_events_response(await sync_to_async(current_events)(snapshot, after))
        hub = current_hub()
        slot = hub.connection_limiter.acquire(_connection_limits(principal))
        events = stream_events(hub, snapshot, after, slot, Viewer.of(principal, request._request))
        return event_stream_response(request._request, events)


def _connection_limits(principal: Principal) -> list[ConnectionLimit]:
    """Return the limits by team, by person and by key. A person with several teams or keys counts as one person."""
    callers = [
        ("team", principal.team.pk, settings.MAX_EVENT_STREAMS_PER_TEAM),
        ("user", principal.user.pk, settings.MAX_EVENT_STREAMS_PER_PERSON),
    ]
    if principal.api_key is not None:
        callers.append(("key", principal.api_key.pk, settings.MAX_EVENT_STREAMS_PER_KEY))
    return [ConnectionLimit(scope, str(caller), maximum) for scope, caller, maximum in callers]
