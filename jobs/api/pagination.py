"""Keyset pages, in which the API returns every list."""

from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from jobs.api.fields import StrictIntegerField, StrictSerializer, TextField


class PageQuerySerializer(StrictSerializer):
    """The query parameters of every list. Lists with filters add theirs."""

    after = TextField(required=False, help_text="the last id of the previous page")
    limit = StrictIntegerField(min_value=1, max_value=100, default=20)


def list_schema(name: str, row: type[serializers.Serializer[Any]]) -> Any:
    """Return the schema of a page of these rows."""
    return inline_serializer(
        name,
        {
            "object": serializers.ChoiceField(choices=["list"]),
            "data": row(many=True),
            "first_id": serializers.CharField(allow_null=True),
            "last_id": serializers.CharField(allow_null=True),
            "has_more": serializers.BooleanField(),
        },
    )


def list_as_json(rows: list[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    return {
        "object": "list",
        "data": rows,
        "first_id": rows[0]["id"] if rows else None,
        "last_id": rows[-1]["id"] if rows else None,
        "has_more": has_more,
    }
