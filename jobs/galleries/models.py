"""Models of a team's gallery: publications, collections, favourites, share links, and the public page.

Every row names its team. A trigger on the videos' table (migration 0002) deletes a video's publication and share links
in the statement that deletes the video or records the deletion of its files.
"""

import unicodedata
import uuid
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit.triggers import AuditTrigger
from accounts.models import Team, TeamOwnedQuerySet, User
from common.ids import new_id, public_id
from jobs.models import Job

MAX_CAPTION_LENGTH = 500
MAX_TAG_LENGTH = 30
MAX_TAGS = 10


def normalize_for_search(*texts: str) -> str:
    """Return the texts in the form that the search compares: one form for letters of any case and width."""
    return unicodedata.normalize("NFKC", "\n".join(texts)).casefold()


class PublicationQuerySet(TeamOwnedQuerySet["Publication"]):
    def for_team(self, team: Team) -> Self:
        """Return a team's publications, without those whose retention is over but whose video is not deleted yet."""
        return super().for_team(team).filter(Q(job__expires_at=None) | Q(job__expires_at__gt=timezone.now()))

    def with_favourites_of(self, viewer: User | None) -> Self:
        """Annotate `is_favourite` of the viewer, and select the related rows that cards and bodies need."""
        favourites = Favourite.objects.filter(publication=OuterRef("pk"), user=viewer, team=OuterRef("team"))
        return self.annotate(is_favourite=Exists(favourites)).select_related("job", "publisher")


class Publication(models.Model):
    """A completed video in its team's gallery. Ids are ordered by the time of publication."""

    id: "models.UUIDField[uuid.UUID, uuid.UUID]" = models.UUIDField(
        _("ID"), primary_key=True, default=new_id, editable=False
    )
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="publications", verbose_name=_("team"))
    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="publication", verbose_name=_("video"))
    publisher = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="publications", verbose_name=_("published by")
    )
    caption = models.TextField(_("caption"), blank=True)
    tags = ArrayField(models.CharField(max_length=MAX_TAG_LENGTH), default=list, blank=True, verbose_name=_("tags"))
    # Whether the team's public page shows it, if the page is enabled.
    is_public = models.BooleanField(_("public"), default=False)
    published_at = models.DateTimeField(_("published"), auto_now_add=True)
    # Copies: the video's model never changes, and one index covers all words that are searched.
    model = models.CharField(_("model"), max_length=60, editable=False)
    search_text = models.TextField(_("search text"), editable=False)

    objects: ClassVar[models.Manager["Publication"]] = PublicationQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["team", "-id"], name="gallery_newest"),
            models.Index(fields=["team", "model", "-id"], name="gallery_by_model"),
            models.Index(fields=["team", "publisher", "-id"], name="gallery_by_publisher"),
            models.Index(fields=["team", "-id"], condition=Q(is_public=True), name="gallery_public"),
            GinIndex(fields=["tags"], name="gallery_by_tag"),
            GinIndex(OpClass(F("search_text"), name="gin_trgm_ops"), name="gallery_by_words"),
        ]
        triggers = [AuditTrigger(ignored="search_text")]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return public_id("pub", self.id)

    def build_search_text(self) -> str:
        """Return the value of `search_text` for the current caption and tags."""
        return normalize_for_search(self.caption, self.job.prompt, *self.tags)


class Collection(models.Model):
    """A named group of a team's publications. Collections are ordered by `position`, then by creation."""

    id: "models.UUIDField[uuid.UUID, uuid.UUID]" = models.UUIDField(
        _("ID"), primary_key=True, default=new_id, editable=False
    )
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="collections", verbose_name=_("team"))
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=500, blank=True)
    position = models.PositiveIntegerField(_("position"), default=0)
    publications: "models.ManyToManyField[Publication, CollectionItem]" = models.ManyToManyField(
        Publication, through="CollectionItem", related_name="collections", verbose_name=_("publications")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects: ClassVar[models.Manager["Collection"]] = TeamOwnedQuerySet["Collection"].as_manager()

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint("team", Lower("name"), name="collection_name_once_per_team")]
        triggers = [AuditTrigger()]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return public_id("col", self.id)


class CollectionItem(models.Model):
    """A publication in a collection."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False, verbose_name=_("team"))
    collection = models.ForeignKey(
        Collection, on_delete=models.CASCADE, related_name="items", verbose_name=_("collection")
    )
    publication = models.ForeignKey(
        Publication, on_delete=models.CASCADE, related_name="items", verbose_name=_("publication")
    )

    class Meta:
        # The row policy checks the team of every row: with the team in the index, counting needs the index alone.
        indexes = [models.Index(fields=["team", "collection"], name="collected_in_team")]
        constraints = [models.UniqueConstraint(fields=["collection", "publication"], name="collected_once")]

    def __str__(self) -> str:
        return f"{self.publication_id} in {self.collection_id}"


class Favourite(models.Model):
    """A publication that a person has marked as a favourite. Nobody else sees it."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", verbose_name=_("team"))
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="favourites", verbose_name=_("person"))
    publication = models.ForeignKey(
        Publication, on_delete=models.CASCADE, related_name="favourites", verbose_name=_("publication")
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "publication"], name="favourite_once")]

    def __str__(self) -> str:
        return f"{self.publication_id} of {self.user_id}"


class ShareLinkQuerySet(TeamOwnedQuerySet["ShareLink"]):
    def live(self) -> Self:
        """Return the links that are neither expired nor revoked."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None)


class ShareLink(models.Model):
    """A URL that shows one video or one collection to anyone who has it, without an account.

    The token is stored in clear: creators want to copy the URL again, and the shared rows are in the same database.
    """

    id: "models.UUIDField[uuid.UUID, uuid.UUID]" = models.UUIDField(
        _("ID"), primary_key=True, default=new_id, editable=False
    )
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="share_links", verbose_name=_("team"))
    job = models.ForeignKey(
        Job, on_delete=models.CASCADE, null=True, related_name="share_links", verbose_name=_("video")
    )
    collection = models.ForeignKey(
        Collection, on_delete=models.CASCADE, null=True, related_name="share_links", verbose_name=_("collection")
    )
    creator = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="share_links", verbose_name=_("created by")
    )
    token = models.CharField(_("token"), max_length=43, unique=True, editable=False)
    # A slow hash; empty for a link without a password.
    password = models.CharField(_("password"), max_length=128, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    view_count = models.PositiveIntegerField(_("views"), default=0)

    objects: ClassVar[models.Manager["ShareLink"]] = ShareLinkQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["team", "-id"], name="share_link_of_team")]
        constraints = [
            models.CheckConstraint(
                condition=Q(job=None, collection__isnull=False) | Q(job__isnull=False, collection=None),
                name="share_link_to_one_thing",
            )
        ]
        triggers = [AuditTrigger(ignored="view_count", hidden="token password")]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return public_id("shr", self.id)

    @property
    def state(self) -> str:
        """`live`, `revoked` or `expired`."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= timezone.now() else "live"


class PublicPage(models.Model):
    """The page that shows a team's public publications to everybody while the team has it enabled."""

    team = models.OneToOneField(
        Team, on_delete=models.CASCADE, primary_key=True, related_name="public_page", verbose_name=_("team")
    )
    slug = models.SlugField(_("slug"), max_length=60, unique=True)
    is_on = models.BooleanField(_("enabled"), default=False)

    objects: ClassVar[models.Manager["PublicPage"]] = TeamOwnedQuerySet["PublicPage"].as_manager()

    class Meta:
        triggers = [AuditTrigger()]

    def __str__(self) -> str:
        return self.slug
