"""fal's storage API: the JavaScript client uploads each Blob of an input, and sends the file's URL as the input.

The client sends the file to `upload_url` without its key, so the URL carries a signed token.
"""

from typing import Any

from django.core import signing
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import tenancy
from accounts.models import Team
from accounts.roles import Scope
from common.errors import Malformed, Unauthenticated
from common.ids import new_id, parse_public_id, public_id
from jobs.api.authentication import principal_of
from jobs.api.fields import StrictSerializer, TextField
from jobs.api.validation import validate
from jobs.compat.fal.views import FalView
from jobs.compat.submit import upload_store_of
from jobs.compat.uploads import UPLOAD_RETENTION, UploadStore
from jobs.events.authorization import Viewer, revalidate

_SALT = "fal-upload"


class InitiateSerializer(StrictSerializer):
    file_name = TextField(max_length=200, required=False, allow_blank=True)
    content_type = TextField(max_length=100, required=False, allow_blank=True)


class InitiateUploadView(FalView):
    """Announce a file. Return the URL to send it to, and its URL for inputs."""

    scopes = {"POST": Scope.VIDEOS_WRITE}

    def post(self, request: Request) -> Response:
        principal, file_id = principal_of(request), public_id("file", new_id())
        if principal.api_key is None:
            raise Malformed("Start uploads with an API key.")
        values = validate(InitiateSerializer, request.data)
        claims = {
            "viewer": [principal.team.pk, principal.user.pk, principal.api_key.pk],
            "name": values.get("file_name") or file_id,
            "content_type": values.get("content_type") or "application/octet-stream",
        }
        token = signing.dumps([file_id, claims], salt=_SALT)
        upload_url = request.build_absolute_uri(reverse("fal:upload", args=[file_id]))
        return Response(
            {"upload_url": f"{upload_url}?token={token}", "file_url": upload_store_of(request).base_url + file_id}
        )


class UploadView(FalView):
    """Receive the file that was announced. The token is the only credential."""

    permission_classes = ()
    authentication_classes = ()

    def put(self, request: Request, file_id: str) -> Response:
        claims = _verified_claims(file_id, request.query_params.get("token", ""))
        team_id, user_id, key_id = claims["viewer"]
        viewer = Viewer(team_id, user_id, key_id, session_key=None)
        tenancy.activate(team_id=viewer.team_id, user_id=viewer.user_id, api_key_id=viewer.key_id)
        if viewer not in revalidate({viewer}):
            raise Unauthenticated(
                "The access that this upload was started with has expired or was revoked.", code="link_expired"
            )
        stored = UploadStore(Team(pk=viewer.team_id), "").put(
            request._request.body,
            name=claims["name"],
            content_type=claims["content_type"],
            metadata={},
            identifier=parse_public_id("file", file_id),
        )
        return Response({"file_id": stored.public_id})


def _verified_claims(file_id: str, token: str) -> dict[str, Any]:
    """Return the claims of a token for this file. Raise Unauthenticated."""
    try:
        signed_id: str
        claims: dict[str, Any]
        signed_id, claims = signing.loads(token, salt=_SALT, max_age=UPLOAD_RETENTION)
    except signing.SignatureExpired:
        raise Unauthenticated("This link has expired. Start the upload again.", code="link_expired") from None
    except signing.BadSignature:
        signed_id, claims = "", {}
    if signed_id != file_id:
        raise Unauthenticated("This link is not valid. Start the upload again.", code="link_invalid")
    return claims
