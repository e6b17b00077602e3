"""Request and response bodies of the gallery's API. Requests are validated strictly."""

from typing import Any

from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request

from common.clock import unix_seconds
from common.ids import public_id
from jobs.api.fields import IdField, ShortListField, StrictBooleanField, StrictSerializer, TextField
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


class PublicationUrlsSerializer(serializers.Serializer[Any]):
    self = serializers.URLField()
    content = serializers.URLField()
    page = serializers.URLField()


class PublicationSerializer(serializers.Serializer[Any]):
    """A video in the team's gallery. Times are whole seconds since 1970."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["publication"])
    video = serializers.CharField()
    caption = serializers.CharField(allow_blank=True)
    tags = serializers.ListField(child=serializers.CharField())
    public = serializers.BooleanField()
    favourite = serializers.BooleanField()
    prompt = serializers.CharField()
    model = serializers.CharField()
    size = serializers.CharField()
    seconds = serializers.CharField()
    publisher = serializers.CharField(allow_null=True)
    published_at = serializers.IntegerField()
    urls = PublicationUrlsSerializer()


class CollectionSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["collection"])
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    order = serializers.IntegerField()
    created_at = serializers.IntegerField()


class ShareLinkSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["share_link"])
    target = serializers.CharField()
    url = serializers.URLField()
    state = serializers.ChoiceField(choices=["live", "expired", "revoked"])
    has_password = serializers.BooleanField()
    views = serializers.IntegerField()
    creator = serializers.CharField(allow_null=True)
    created_at = serializers.IntegerField()
    expires_at = serializers.IntegerField(allow_null=True)


def publication_as_json(publication: Publication, request: Request) -> dict[str, Any]:
    """Return the body of a PublicationSerializer. The row must come from `with_favourites_of` the caller."""
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


def collection_as_json(collection: Collection) -> dict[str, Any]:
    return {
        "id": collection.public_id,
        "object": "collection",
        "name": collection.name,
        "description": collection.description,
        "order": collection.position,
        "created_at": unix_seconds(collection.created_at),
    }


def link_as_json(link: ShareLink, request: Request) -> dict[str, Any]:
    target = public_id("vid", link.job_id) if link.job_id else public_id("col", link.collection_id)  # type: ignore[arg-type]
    return {
        "id": link.public_id,
        "object": "share_link",
        "target": target,
        "url": request.build_absolute_uri(reverse("shared", args=[link.token])),
        "state": link.state,
        "has_password": bool(link.password),
        "views": link.view_count,
        "creator": link.creator.email if link.creator else None,
        "created_at": unix_seconds(link.created_at),
        "expires_at": unix_seconds(link.expires_at),
    }
