"""Files: the SDK uploads every picture that it is given open, and puts its address into the input."""

from contextlib import suppress
from io import BytesIO
from typing import Any

from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Scope
from common.errors import NotFound
from jobs.api.parsers import WITH_FILES, StrictJSONParser
from jobs.api.videos import checked_body
from jobs.dialects.addresses import iso
from jobs.dialects.submitting import shelf_of
from jobs.dialects.uploads import Place, Shelf
from jobs.dialects.views import DialectView
from jobs.fields import MetadataField, StrictSerializer, TextField

_ALL = dict.fromkeys(("GET", "POST", "DELETE"), Scope.VIDEOS_WRITE)


class FileSerializer(StrictSerializer):
    content = serializers.FileField(max_length=200)
    metadata = TextField(max_length=20_000, required=False, help_text="a flat JSON object of short texts")

    def validate_metadata(self, value: str) -> dict[str, str]:
        return dict(MetadataField().run_validation(StrictJSONParser().parse(BytesIO(value.encode()))))


class FilesView(DialectView):
    scopes = _ALL
    parser_classes = WITH_FILES

    def get(self, request: Request) -> Response:
        shelf = shelf_of(request)
        files = []
        for place in shelf.places():
            with suppress(NotFound):  # one that is just being deleted, or whose upload died half way
                files.append(_file(shelf, place, request))
        return Response({"previous": None, "next": None, "results": files})

    def post(self, request: Request) -> Response:
        values = checked_body(FileSerializer, request.data)
        shelf, content = shelf_of(request), values["content"]
        place = shelf.put(
            content.read(),
            name=content.name,
            content_type=content.content_type or "application/octet-stream",
            metadata=values.get("metadata", {}),
        )
        return Response(_file(shelf, place, request), status=201)


class FileView(DialectView):
    scopes = _ALL

    def get(self, request: Request, file_id: str) -> Response:
        shelf = shelf_of(request)
        return Response(_file(shelf, shelf.find(file_id), request))

    def delete(self, request: Request, file_id: str) -> Response:
        shelf = shelf_of(request)
        shelf.drop(shelf.find(file_id))
        return Response(status=204)


def _file(shelf: Shelf, place: Place, request: Request) -> dict[str, Any]:
    upload = shelf.about(place)
    return {
        "id": place.public_id,
        "name": upload.name,
        "content_type": upload.content_type,
        "size": upload.size,
        "etag": upload.sha256[:32],
        "checksums": {"sha256": upload.sha256},
        "metadata": upload.metadata,
        "created_at": iso(place.created_at),
        "expires_at": iso(place.expires_at),
        "urls": {"get": request.build_absolute_uri(reverse("replicate:file", args=[place.public_id]))},
    }
