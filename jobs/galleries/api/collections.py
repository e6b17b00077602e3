"""/v1/collections: named groups of the team's publications."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.roles import Scope
from jobs.api.authentication import principal_of
from jobs.api.error_schema import ERRORS
from jobs.api.pagination import ListView, list_schema
from jobs.api.shapes import DeletedShape, serializer_of
from jobs.api.validation import validate
from jobs.galleries.api.serializers import (
    CollectionSerializer,
    CollectionShape,
    EditCollectionSerializer,
    NewCollectionSerializer,
    collection_as_json,
)
from jobs.galleries.models import Collection
from jobs.galleries.selectors import find_collection, find_publication
from jobs.galleries.services.curation import (
    create_collection,
    delete_collection,
    edit_collection,
    require_curator,
    set_in_collection,
)


@list_schema(
    "CollectionList",
    CollectionSerializer,
    operation_id="collections_list",
    summary="List collections",
    description="Newest first. The pages sort collections by `order`.",
)
class CollectionsView(ListView[Collection]):
    scopes = {"GET": Scope.VIDEOS_READ, "POST": Scope.GALLERY_WRITE}
    id_prefix = "col"

    def get_rows(self, request: Request, query: dict[str, Any], **url: str) -> QuerySet[Collection]:
        return Collection.objects.for_team(principal_of(request).team)

    def rows_as_json(self, request: Request, rows: Sequence[Collection]) -> list[CollectionShape]:
        return [collection_as_json(row) for row in rows]

    @extend_schema(
        operation_id="collections_create",
        summary="Create a collection",
        description="For owners and admins.",
        request=NewCollectionSerializer,
        responses={201: CollectionSerializer, **ERRORS},
    )
    def post(self, request: Request) -> Response:
        principal = principal_of(request)
        require_curator(principal)
        values = validate(NewCollectionSerializer, request.data)
        values["position"] = values.pop("order", 0)
        collection = create_collection(principal=principal, **values)
        return Response(collection_as_json(collection), status=201)


class CollectionView(APIView):
    scopes = {"GET": Scope.VIDEOS_READ, "PATCH": Scope.GALLERY_WRITE, "DELETE": Scope.GALLERY_WRITE}

    @extend_schema(
        operation_id="collections_retrieve",
        summary="Retrieve a collection",
        description="List its publications with `GET /v1/gallery?collection=col_…`.",
        responses={200: CollectionSerializer, **ERRORS},
    )
    def get(self, request: Request, collection_id: str) -> Response:
        return Response(collection_as_json(find_collection(principal_of(request), collection_id)))

    @extend_schema(
        operation_id="collections_edit",
        summary="Update a collection",
        request=EditCollectionSerializer,
        responses={200: CollectionSerializer, **ERRORS},
    )
    def patch(self, request: Request, collection_id: str) -> Response:
        principal = principal_of(request)
        collection = find_collection(principal, collection_id)
        require_curator(principal)
        values = validate(EditCollectionSerializer, request.data)
        if "order" in values:
            values["position"] = values.pop("order")
        edit_collection(principal=principal, collection=collection, **values)
        return Response(collection_as_json(collection))

    @extend_schema(
        operation_id="collections_delete",
        summary="Delete a collection",
        description="Its publications stay in the gallery. Links that share the collection stop working.",
        responses={200: serializer_of(DeletedShape), **ERRORS},
    )
    def delete(self, request: Request, collection_id: str) -> Response:
        principal = principal_of(request)
        collection = find_collection(principal, collection_id)
        delete_collection(principal=principal, collection=collection)
        return Response({"id": collection_id, "object": "collection.deleted", "deleted": True})


class CollectionItemView(APIView):
    scopes = {"PUT": Scope.GALLERY_WRITE, "DELETE": Scope.GALLERY_WRITE}

    @extend_schema(
        operation_id="collections_add",
        summary="Add a publication to a collection",
        request=None,
        responses={200: CollectionSerializer, **ERRORS},
    )
    def put(self, request: Request, collection_id: str, publication_id: str) -> Response:
        return self._set(request, collection_id, publication_id, value=True)

    @extend_schema(
        operation_id="collections_remove",
        summary="Remove a publication from a collection",
        responses={200: CollectionSerializer, **ERRORS},
    )
    def delete(self, request: Request, collection_id: str, publication_id: str) -> Response:
        return self._set(request, collection_id, publication_id, value=False)

    def _set(self, request: Request, collection_id: str, publication_id: str, *, value: bool) -> Response:
        principal = principal_of(request)
        collection = find_collection(principal, collection_id)
        publication = find_publication(principal, publication_id)
        set_in_collection(principal=principal, collection=collection, publication=publication, value=value)
        return Response(collection_as_json(collection))
