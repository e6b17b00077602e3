"""The lists of the API, in keyset pages."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.pagination import FindPage, KeysetPaginator, Row
from jobs.api.error_schema import ERRORS
from jobs.api.fields import StrictIntegerField, StrictSerializer, TextField
from jobs.api.validation import validate


class PageQuerySerializer(StrictSerializer):
    """The query parameters of every list. Lists with filters add theirs."""

    after = TextField(max_length=100, required=False, help_text="the last id of the previous page")
    limit = StrictIntegerField(min_value=1, max_value=100, default=20)


# GET returns a page of a list. Subclasses say which rows, and how they become JSON; `list_schema` documents them.
# This is no docstring, because drf-spectacular would publish it as the description of every list.
class ListView(APIView, Generic[Row]):
    id_prefix: ClassVar[str]
    query_serializer: ClassVar[type[PageQuerySerializer]] = PageQuerySerializer
    newest_first: ClassVar[bool] = True

    def get_rows(self, request: Request, query: dict[str, Any], **url: str) -> QuerySet[Row] | FindPage[Row]:
        """Return the rows that the client may see and that match the query."""
        raise NotImplementedError

    def rows_as_json(self, request: Request, rows: Sequence[Row]) -> Sequence[Mapping[str, Any]]:
        raise NotImplementedError

    def get(self, request: Request, **url: str) -> Response:
        query = validate(self.query_serializer, request.query_params)
        paginator = KeysetPaginator(
            self.get_rows(request, query, **url),
            query["limit"],
            prefix=self.id_prefix,
            newest_first=self.newest_first,
        )
        page = paginator.get_page(query.get("after"))
        data = self.rows_as_json(request, page.rows)
        return Response(
            {
                "object": "list",
                "data": data,
                "first_id": data[0]["id"] if data else None,
                "last_id": data[-1]["id"] if data else None,
                "has_more": page.has_more,
            }
        )


View = TypeVar("View", bound=ListView[Any])


def list_schema(
    name: str,
    row: type[serializers.Serializer[Any]],
    **operation: Any,
) -> Callable[[type[View]], type[View]]:
    """Return the decorator of a ListView: `name` is the component of a page of these rows.

    The query parameters are those of the view. operation: what `extend_schema` takes, such as `operation_id` and
    `summary`.
    """
    page = inline_serializer(
        name,
        {
            "object": serializers.ChoiceField(choices=["list"]),
            "data": row(many=True),
            "first_id": serializers.CharField(allow_null=True),
            "last_id": serializers.CharField(allow_null=True),
            "has_more": serializers.BooleanField(),
        },
    )

    def decorate(view: type[View]) -> type[View]:
        schema = extend_schema(parameters=[view.query_serializer], responses={200: page, **ERRORS}, **operation)
        documented: type[View] = extend_schema_view(get=schema)(view)
        return documented

    return decorate
