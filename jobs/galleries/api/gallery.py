"""/v1/gallery: the team's published videos, and each member's favourites."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.auth.principals import Principal
from accounts.roles import Scope
from common.pagination import FindPage
from jobs.api.authentication import principal_of
from jobs.api.error_schema import ERRORS
from jobs.api.fields import IdField, TextField
from jobs.api.pagination import ListView, PageQuerySerializer, list_schema
from jobs.api.shapes import DeletedShape, serializer_of
from jobs.api.validation import validate
from jobs.galleries.api.serializers import (
    EditPublicationSerializer,
    PublicationSerializer,
    PublicationShape,
    PublishSerializer,
    publication_as_json,
)
from jobs.galleries.models import Publication
from jobs.galleries.search import PublicationFilter, list_publications
from jobs.galleries.selectors import find_collection, find_publication
from jobs.galleries.services.publishing import edit_publication, publish_video, set_favourite, unpublish
from jobs.videos.selectors import find_video


class GalleryQuerySerializer(PageQuerySerializer):
    q = TextField(required=False, max_length=200, help_text="words in captions, prompts and tags; all must match")
    tag = TextField(max_length=100, required=False)
    model = TextField(max_length=60, required=False)
    collection = IdField("col", required=False, help_text="col_…")
    mine = serializers.BooleanField(default=False, help_text="only videos that the caller published")
    favourite = serializers.BooleanField(default=False, help_text="only the caller's favourites")


def _publication_filter(principal: Principal, query: dict[str, Any]) -> PublicationFilter:
    collection = find_collection(principal, query["collection"]) if "collection" in query else None
    return PublicationFilter(
        terms=query.get("q", ""),
        tag=query["tag"].lower() if "tag" in query else None,
        model=query.get("model"),
        publisher_id=principal.user.pk if query["mine"] else None,
        collection_id=collection.pk if collection else None,
        favourite_of=principal.user.pk if query["favourite"] else None,
    )


@list_schema(
    "PublicationList",
    PublicationSerializer,
    operation_id="gallery_list",
    summary="List the gallery",
)
class GalleryView(ListView[Publication]):
    scopes = {"GET": Scope.VIDEOS_READ, "POST": Scope.GALLERY_WRITE}
    id_prefix = "pub"
    query_serializer = GalleryQuerySerializer

    def get_rows(self, request: Request, query: dict[str, Any], **url: str) -> FindPage[Publication]:
        principal = principal_of(request)
        filters = _publication_filter(principal, query)
        return lambda after, limit: list_publications(
            team=principal.team, filters=filters, viewer=principal.user, after=after, limit=limit
        )

    def rows_as_json(self, request: Request, rows: Sequence[Publication]) -> list[PublicationShape]:
        return [publication_as_json(publication, request) for publication in rows]

    @extend_schema(
        operation_id="gallery_publish",
        summary="Publish a video",
        description="Members publish their own videos; owners and admins publish any video of the team.",
        request=PublishSerializer,
        responses={201: PublicationSerializer, **ERRORS},
    )
    def post(self, request: Request) -> Response:
        principal = principal_of(request)
        values = validate(PublishSerializer, request.data)
        publication = publish_video(
            principal=principal,
            job=find_video(principal.team, values["video"]),
            caption=values.get("caption", ""),
            tags=values.get("tags", ()),
            is_public=values.get("public", False),
        )
        body = publication_as_json(find_publication(principal, publication.public_id), request)
        return Response(body, status=201, headers={"Location": body["urls"]["self"]})


class PublicationView(APIView):
    scopes = {"GET": Scope.VIDEOS_READ, "PATCH": Scope.GALLERY_WRITE, "DELETE": Scope.GALLERY_WRITE}

    @extend_schema(
        operation_id="gallery_retrieve",
        summary="Retrieve a publication",
        responses={200: PublicationSerializer, **ERRORS},
    )
    def get(self, request: Request, publication_id: str) -> Response:
        return Response(publication_as_json(find_publication(principal_of(request), publication_id), request))

    @extend_schema(
        operation_id="gallery_edit",
        summary="Update a publication",
        description="Changes caption, tags, and whether the publication is public.",
        request=EditPublicationSerializer,
        responses={200: PublicationSerializer, **ERRORS},
    )
    def patch(self, request: Request, publication_id: str) -> Response:
        principal = principal_of(request)
        publication = find_publication(principal, publication_id)
        values = validate(EditPublicationSerializer, request.data)
        edit_publication(
            principal=principal,
            publication=publication,
            caption=values.get("caption"),
            tags=values.get("tags"),
            is_public=values.get("public"),
        )
        return Response(publication_as_json(publication, request))

    @extend_schema(
        operation_id="gallery_unpublish",
        summary="Remove a video from the gallery",
        description="The video stays, and links that share it keep working. Revoke them separately.",
        responses={200: serializer_of(DeletedShape), **ERRORS},
    )
    def delete(self, request: Request, publication_id: str) -> Response:
        principal = principal_of(request)
        publication = find_publication(principal, publication_id)
        unpublish(principal=principal, publication=publication)
        return Response({"id": publication.public_id, "object": "publication.deleted", "deleted": True})


class FavouriteView(APIView):
    # A favourite concerns one person and changes nothing for the team, so read access is enough.
    scopes = {"PUT": Scope.VIDEOS_READ, "DELETE": Scope.VIDEOS_READ}

    @extend_schema(
        operation_id="gallery_favourite",
        summary="Mark as a favourite",
        request=None,
        responses={200: PublicationSerializer, **ERRORS},
    )
    def put(self, request: Request, publication_id: str) -> Response:
        return self._set(request, publication_id, value=True)

    @extend_schema(
        operation_id="gallery_unfavourite",
        summary="Unmark as a favourite",
        responses={200: PublicationSerializer, **ERRORS},
    )
    def delete(self, request: Request, publication_id: str) -> Response:
        return self._set(request, publication_id, value=False)

    def _set(self, request: Request, publication_id: str, *, value: bool) -> Response:
        principal = principal_of(request)
        publication = find_publication(principal, publication_id)
        set_favourite(principal=principal, publication=publication, value=value)
        return Response(publication_as_json(find_publication(principal, publication_id), request))
