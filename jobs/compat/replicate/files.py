"""Replicate's files API: the SDK uploads each open file that it gets, and sends the file's URL as the input."""

import json
from contextlib import suppress
from typing import Any

from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Scope
from common.clock import format_iso
from common.errors import NotFound
from jobs.api.field_errors import MessageFieldMixin, field_error
from jobs.api.fields import UNSTORABLE_CHARACTERS, StrictSerializer
from jobs.api.parsers import JSON_AND_MULTIPART_PARSERS, parse_json
from jobs.api.validation import validate
from jobs.compat.submit import upload_store_of
from jobs.compat.uploads import StoredUpload, UploadStore
from jobs.compat.views import CompatView

_SCOPES = dict.fromkeys(("GET", "POST", "DELETE"), Scope.VIDEOS_WRITE)


_MAX_METADATA_BYTES = 20_000


class JsonPartField(MessageFieldMixin, serializers.Field[Any, Any, Any, Any]):
    """JSON in a part of a form. Replicate's Python SDK sends it as text, its JavaScript SDK as a file."""

    def to_internal_value(self, data: Any) -> Any:
        if hasattr(data, "read"):
            raw = data.read(_MAX_METADATA_BYTES + 1)
        elif isinstance(data, str):
            raw = data.encode("utf-8", "replace")
        else:
            raise field_error("Send JSON as text or as a file in the form.", code="wrong_type")
        if len(raw) > _MAX_METADATA_BYTES:
            raise field_error("Contains more than %(limit)s bytes.", {"limit": _MAX_METADATA_BYTES}, code="too_long")
        value = parse_json(raw)
        try:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        except ValueError:  # 1e999
            raise field_error("Contains a number that is too large.", code="not_finite") from None
        if UNSTORABLE_CHARACTERS.search(text):
            raise field_error("Contains half of a surrogate pair. Remove it.", code="not_text")
        return value


class FileSerializer(StrictSerializer):
    content = serializers.FileField(max_length=200)
    metadata = JsonPartField(required=False)


class FilesView(CompatView):
    scopes = _SCOPES
    parser_classes = JSON_AND_MULTIPART_PARSERS

    def get(self, request: Request) -> Response:
        store = upload_store_of(request)
        files = []
        for stored in store.list_uploads():
            with suppress(NotFound):  # being deleted, or its upload was interrupted
                files.append(_file_as_json(store, stored, request))
        return Response({"previous": None, "next": None, "results": files})

    def post(self, request: Request) -> Response:
        values = validate(FileSerializer, request.data)
        store, content = upload_store_of(request), values["content"]
        stored = store.put(
            content.read(),
            name=content.name,
            content_type=content.content_type or "application/octet-stream",
            metadata=values.get("metadata", {}),
        )
        return Response(_file_as_json(store, stored, request), status=201)


class FileView(CompatView):
    scopes = _SCOPES

    def get(self, request: Request, file_id: str) -> Response:
        store = upload_store_of(request)
        return Response(_file_as_json(store, store.find(file_id), request))

    def delete(self, request: Request, file_id: str) -> Response:
        store = upload_store_of(request)
        store.delete(store.find(file_id))
        return Response(status=204)


def _file_as_json(store: UploadStore, stored: StoredUpload, request: Request) -> dict[str, Any]:
    upload = store.metadata(stored)
    return {
        "id": stored.public_id,
        "name": upload.name,
        "content_type": upload.content_type,
        "size": upload.size,
        "etag": upload.sha256[:32],
        "checksums": {"sha256": upload.sha256},
        "metadata": upload.metadata,
        "created_at": format_iso(stored.created_at),
        "expires_at": format_iso(stored.expires_at),
        "urls": {"get": request.build_absolute_uri(reverse("replicate:file", args=[stored.public_id]))},
    }
