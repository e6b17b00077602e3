"""/v1/videos/{id}/events: the events of a video as a stream."""

from collections.abc import AsyncGenerator

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import tenancy
from accounts.auth.impersonation import Access, impersonation, impersonator_of
from accounts.models import Team
from accounts.roles import Scope
from common.errors import Unauthenticated
from jobs.api.async_views import AsyncAPIView
from jobs.api.authentication import principal_of
from jobs.api.error_schema import ERRORS
from jobs.api.fields import StrictSerializer, TextField
from jobs.api.negotiation import IgnoreAccept
from jobs.api.validation import validate
from jobs.events.authorization import Viewer, revalidate
from jobs.events.connection_limits import ConnectionLimit
from jobs.events.event import EventId
from jobs.events.hub import current_hub
from jobs.events.snapshots import JobSnapshot, parse_last_event_id
from jobs.events.sse import MEDIA_TYPE, current_events, current_events_response, event_stream_response, stream_events
from jobs.events.tokens import verify_token
from jobs.videos.api.content import HasScopeOrToken
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
    token = TextField(required=False, max_length=200, help_text="as in `urls.events` of a video, instead of a key")


@impersonation(Access.READ)  # the progress on pages
class EventsView(AsyncAPIView):
    """Stream events. In processes without long polling, return the events so far and end the response."""

    exempt_sessions_from_throttling = True
    scopes = {"GET": Scope.VIDEOS_READ}
    permission_classes = [HasScopeOrToken]
    content_negotiation_class = IgnoreAccept

    def get_authenticators(self) -> list[BaseAuthentication]:
        # The token is the only credential, as for the content of a video.
        return [] if self.request is not None and "token" in self.request.GET else super().get_authenticators()

    @extend_schema(
        operation_id="videos_events",
        summary="Follow a video",
        description=_DESCRIPTION,
        parameters=[
            EventsQuerySerializer,
            OpenApiParameter("Last-Event-ID", str, "header", description="The id of the last event that was received"),
        ],
        responses={
            (200, MEDIA_TYPE): OpenApiResponse(
                {"$ref": "#/components/schemas/VideoEventStream"}, description="Events until the video is finished"
            ),
            204: OpenApiResponse(description="The last event was received already"),
            **ERRORS,
        },
        examples=[
            OpenApiExample("From queued to completed", value=_EXAMPLE, media_type=MEDIA_TYPE, status_codes=["200"])
        ],
    )
    async def get(self, request: Request, video_id: str) -> HttpResponseBase:
        query = validate(EventsQuerySerializer, request.query_params)
        if "token" in query:
            viewer = await sync_to_async(_viewer_of_token)(video_id, query["token"])
            tenancy.activate(team_id=viewer.team_id, user_id=viewer.user_id, api_key_id=viewer.key_id)
        else:
            viewer = Viewer.of(principal_of(request), request._request)
        snapshot = JobSnapshot.of(await sync_to_async(find_video)(Team(pk=viewer.team_id), video_id))
        after = parse_last_event_id(snapshot, request.headers.get("Last-Event-ID") or query.get("last_event_id", ""))
        if after is not None and after.is_finished and snapshot.is_finished:
            return HttpResponse(status=204)
        events = open_event_stream(request, viewer, snapshot, after)
        if events is None:
            return current_events_response(await sync_to_async(current_events)(snapshot, after))
        return event_stream_response(request._request, events)


def _viewer_of_token(video_id: str, token: str) -> Viewer:
    """Return the viewer of a token, if that key may still read videos. Raise Unauthenticated."""
    viewer = verify_token(video_id=video_id, token=token)
    if viewer not in revalidate({viewer}):
        raise Unauthenticated(
            "The access that this link was created with has expired or was revoked.", code="link_expired"
        )
    return viewer


def open_event_stream(
    request: Request, viewer: Viewer, snapshot: JobSnapshot, after: EventId | None
) -> AsyncGenerator[bytes] | None:
    """Return the events after that id until the job is finished, or None if this response must not be held open."""
    if (
        not settings.LONG_POLLING_ENABLED
        or not isinstance(request._request, ASGIRequest)
        or request.method == "HEAD"
        or impersonator_of(request._request)  # each new request checks whether the impersonation has ended
    ):
        return None
    hub = current_hub()
    slot = hub.connection_limiter.acquire(_connection_limits(viewer))
    return stream_events(hub, snapshot, after, slot, viewer)


def _connection_limits(viewer: Viewer) -> list[ConnectionLimit]:
    """Return the limits by team, by person and by key. A person with several teams or keys counts as one person."""
    callers = [
        ("team", viewer.team_id, settings.MAX_EVENT_STREAMS_PER_TEAM),
        ("user", viewer.user_id, settings.MAX_EVENT_STREAMS_PER_PERSON),
    ]
    if viewer.key_id is not None:
        callers.append(("key", viewer.key_id, settings.MAX_EVENT_STREAMS_PER_KEY))
    return [ConnectionLimit(scope, str(caller), maximum) for scope, caller, maximum in callers]
