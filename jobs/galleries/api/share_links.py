"""/v1/share-links: URLs that show a video or a collection to people without an account."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.roles import Scope
from common.ids import find_by_public_id
from jobs.api.authentication import principal_of
from jobs.api.error_schema import ERRORS
from jobs.api.fields import IdField
from jobs.api.pagination import ListView, PageQuerySerializer, list_schema
from jobs.api.validation import validate
from jobs.galleries.api.serializers import (
    NewShareLinkSerializer,
    ShareLinkSerializer,
    ShareLinkShape,
    link_as_json,
)
from jobs.galleries.models import Collection, ShareLink
from jobs.galleries.selectors import find_target
from jobs.galleries.services.sharing import create_link, revoke_link, visible_links


class LinksQuerySerializer(PageQuerySerializer):
    target = IdField("vid", "pub", "col", required=False, help_text="vid_…, pub_… or col_…")


@list_schema(
    "ShareLinkList",
    ShareLinkSerializer,
    operation_id="share_links_list",
    summary="List share links",
    description="Lists your own links, including expired and revoked ones. Owners and admins see the team's links.",
)
class ShareLinksView(ListView[ShareLink]):
    # The list contains URLs that open without a key. Only those who may share can see it.
    scopes = {"GET": Scope.GALLERY_WRITE, "POST": Scope.GALLERY_WRITE}
    id_prefix = "shr"
    query_serializer = LinksQuerySerializer

    def get_rows(self, request: Request, query: dict[str, Any], **url: str) -> QuerySet[ShareLink]:
        principal = principal_of(request)
        rows = visible_links(principal).select_related("creator")
        if "target" not in query:
            return rows
        target = find_target(principal, query["target"])
        return rows.filter(collection=target) if isinstance(target, Collection) else rows.filter(job=target)

    def rows_as_json(self, request: Request, rows: Sequence[ShareLink]) -> list[ShareLinkShape]:
        return [link_as_json(link) for link in rows]

    @extend_schema(
        operation_id="share_links_create",
        summary="Share a video or a collection",
        request=NewShareLinkSerializer,
        responses={201: ShareLinkSerializer, **ERRORS},
    )
    def post(self, request: Request) -> Response:
        principal = principal_of(request)
        values = validate(NewShareLinkSerializer, request.data)
        expires = values.get("expires_at")
        link = create_link(
            principal=principal,
            target=find_target(principal, values["target"]),
            expires_at=None if expires is None else datetime.fromtimestamp(expires, UTC),
            password=values.get("password", ""),
        )
        return Response(link_as_json(link), status=201)


class ShareLinkView(APIView):
    scopes = {"DELETE": Scope.GALLERY_WRITE}

    @extend_schema(
        operation_id="share_links_revoke",
        summary="Revoke a share link",
        description="The link stops working immediately. An expired or revoked link does not change.",
        responses={200: ShareLinkSerializer, **ERRORS},
    )
    def delete(self, request: Request, link_id: str) -> Response:
        links = visible_links(principal_of(request)).select_related("creator")
        link = find_by_public_id(links, "shr", link_id)
        revoke_link(link=link)
        link.refresh_from_db()
        return Response(link_as_json(link))
