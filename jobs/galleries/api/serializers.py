"""Request and response bodies of the gallery's API. Requests are validated strictly."""

from typing import Annotated, Literal, TypedDict

from django.conf import settings
from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request

from common.clock import unix_seconds
from common.ids import public_id
from common.urls import absolute_url
from jobs.api.fields import IdField, ShortListField, StrictBooleanField, StrictSerializer, TextField
from jobs.api.shapes import Text, Url, serializer_of
from jobs.galleries.models import MAX_CAPTION_LENGTH, MAX_TAG_LENGTH, MAX_TAGS, Collection, Publication, ShareLink

MAX_PASSWORD_LENGTH = 128


def _tags_field() -> ShortListField:
    child = TextField(max_length=MAX_TAG_LENGTH)
    return ShortListField(child=child, max_length=MAX_TAGS, required=False)


class EditPublicationSerializer(StrictSerializer):
    caption = TextField(max_length=MAX_CAPTION_LENGTH, allow_blank=True, required=False)
    tags = _tags_field()
    public = StrictBooleanField(required=False, help_text="shown on the team's public page, if it is enabled")


class PublishSerializer(EditPublicationSerializer):
    video = IdField("vid", help_text="vid_…, a finished video of the team")


class EditCollectionSerializer(StrictSerializer):
    name = TextField(max_length=80, required=False)
    description = TextField(max_length=500, allow_blank=True, required=False)
    order = serializers.IntegerField(min_value=0, max_value=10_000, required=False)


class NewCollectionSerializer(EditCollectionSerializer):
    name = TextField(max_length=80)


class NewShareLinkSerializer(StrictSerializer):
    target = IdField("vid", "pub", "col", help_text="vid_…, pub_… or col_…")
    expires_at = serializers.IntegerField(
        min_value=0, max_value=253_370_764_800, required=False, allow_null=True, help_text="seconds since 1970"
    )
    password = TextField(min_length=4, max_length=MAX_PASSWORD_LENGTH, required=False, trim_whitespace=False)


class PublicationUrlsShape(TypedDict):
    self: Url
    content: Url
    page: Url


class PublicationShape(TypedDict):
    """A video in the team's gallery. Times are whole seconds since 1970."""

    id: str
    object: Literal["publication"]
    video: str
    caption: Text
    tags: list[str]
    public: bool
    favourite: bool
    prompt: str
    model: str
    size: str
    seconds: str
    publisher: str | None
    published_at: int
    urls: PublicationUrlsShape


class CollectionShape(TypedDict):
    id: str
    object: Literal["collection"]
    name: str
    description: Text
    order: int
    created_at: int


class ShareLinkShape(TypedDict):
    id: str
    object: Literal["share_link"]
    target: str
    url: Url
    state: Annotated[str, {"choices": ["live", "expired", "revoked"]}]
    has_password: bool
    views: int
    creator: str | None
    created_at: int
    expires_at: int | None


PublicationSerializer = serializer_of(PublicationShape)
CollectionSerializer = serializer_of(CollectionShape)
ShareLinkSerializer = serializer_of(ShareLinkShape)


def publication_as_json(publication: Publication, request: Request) -> PublicationShape:
    """Return the publication as JSON. The row must come from `with_favourites_of` the caller."""
    job, identifier = publication.job, publication.public_id
    return {
        "id": identifier,
        "object": "publication",
        "video": job.public_id,
        "caption": publication.caption,
        "tags": publication.tags,
        "public": publication.is_public,
        "favourite": publication.is_favourite,  # type: ignore[attr-defined]
        "prompt": job.prompt,
        "model": publication.model,
        "size": f"{job.width}x{job.height}",
        "seconds": f"{job.seconds:g}",
        "publisher": publication.publisher.email if publication.publisher else None,
        "published_at": unix_seconds(publication.published_at),
        "urls": {
            "self": request.build_absolute_uri(reverse("gallery_api:publication", args=[identifier])),
            "content": request.build_absolute_uri(reverse("api:video-content", args=[job.public_id])),
            "page": request.build_absolute_uri(reverse("publication", args=[identifier])),
        },
    }


def collection_as_json(collection: Collection) -> CollectionShape:
    return {
        "id": collection.public_id,
        "object": "collection",
        "name": collection.name,
        "description": collection.description,
        "order": collection.position,
        "created_at": unix_seconds(collection.created_at),
    }


def link_as_json(link: ShareLink) -> ShareLinkShape:
    target = public_id("vid", link.job_id) if link.job_id else public_id("col", link.collection_id)  # type: ignore[arg-type]
    return {
        "id": link.public_id,
        "object": "share_link",
        "target": target,
        "url": absolute_url(settings.SITE_URL, reverse("shared", args=[link.token])),
        "state": link.state,
        "has_password": bool(link.password),
        "views": link.view_count,
        "creator": link.creator.email if link.creator else None,
        "created_at": unix_seconds(link.created_at),
        "expires_at": unix_seconds(link.expires_at),
    }
