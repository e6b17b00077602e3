"""Services for owners and admins: collections, their items, and the team's public page."""

import secrets

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from accounts.auth.principals import Principal
from accounts.roles import Right, Scope
from common.errors import Conflict, NotFound
from common.ids import not_found
from jobs.galleries.models import Collection, CollectionItem, Publication, PublicPage

MAX_COLLECTIONS = 200
_MAX_SLUG_LENGTH = 40


def may_curate(principal: Principal) -> bool:
    return Scope.GALLERY_WRITE in principal.scopes and principal.may(Right.CURATE_GALLERY)


def require_curator(principal: Principal) -> None:
    """Raise Forbidden for roles below admin and for keys without the scope."""
    principal.require(Scope.GALLERY_WRITE)
    principal.require_right(Right.CURATE_GALLERY)


def create_collection(*, principal: Principal, name: str, description: str = "", position: int = 0) -> Collection:
    """Create a collection. Raise Conflict if the team has one of that name, compared without case."""
    require_curator(principal)
    if Collection.objects.filter(team=principal.team).count() >= MAX_COLLECTIONS:
        raise Conflict(
            "A team can have at most %(limit)s collections. Delete one first.",
            {"limit": MAX_COLLECTIONS},
            code="too_many",
        )
    try:
        with transaction.atomic():
            return Collection.objects.create(team=principal.team, name=name, description=description, position=position)
    except IntegrityError:
        raise _name_taken(name) from None


def edit_collection(
    *,
    principal: Principal,
    collection: Collection,
    name: str | None = None,
    description: str | None = None,
    position: int | None = None,
) -> None:
    """Update the fields that are not None. Raise Conflict if another collection has the name."""
    require_curator(principal)
    fields = {"name": name, "description": description, "position": position}
    changes = {field: value for field, value in fields.items() if value is not None}
    for field, value in changes.items():
        setattr(collection, field, value)
    try:
        with transaction.atomic():
            rows = Collection.objects.filter(team=principal.team, pk=collection.pk)
            if changes and not rows.update(**changes):
                raise _not_found(collection)
    except IntegrityError:
        raise _name_taken(str(name)) from None


@transaction.atomic
def delete_collection(*, principal: Principal, collection: Collection) -> None:
    """Delete a collection and the links to it. Its publications stay in the gallery."""
    require_curator(principal)
    rows = Collection.objects.filter(team=principal.team, pk=collection.pk)
    # Without the lock, an item that is added concurrently would make the commit fail. With it, the insert waits and
    # finds the collection deleted.
    if rows.select_for_update().first() is not None:
        rows.delete()


def set_in_collection(*, principal: Principal, collection: Collection, publication: Publication, value: bool) -> None:
    """Add a publication to a collection or remove it. Idempotent."""
    require_curator(principal)
    item = {"team": principal.team, "collection": collection, "publication": publication}
    if not value:
        CollectionItem.objects.filter(**item).delete()
        return
    try:
        with transaction.atomic():
            CollectionItem.objects.bulk_create([CollectionItem(**item)], ignore_conflicts=True)
    except IntegrityError:  # the collection or the publication was deleted after it was found
        raise _not_found(collection) from None


def set_public_page_enabled(*, principal: Principal, enabled: bool) -> None:
    """Enable or disable the team's public page. Its URL stays the same. The audit log records each write."""
    require_curator(principal)
    pages = PublicPage.objects.filter(team=principal.team)
    if not enabled:
        pages.filter(is_on=True).update(is_on=False)
        return
    name = slugify(principal.team.name)[:_MAX_SLUG_LENGTH].strip("-") or "team"
    values = {"slug": f"{name}-{secrets.token_hex(3)}", "is_on": True}
    _, is_new = PublicPage.objects.get_or_create(team=principal.team, defaults=values)
    if not is_new:
        pages.filter(is_on=False).update(is_on=True)


def _not_found(collection: Collection) -> NotFound:
    return not_found("col", collection.public_id)


def _name_taken(name: str) -> Conflict:
    return Conflict(
        "The team already has a collection named %(name)s. Choose another name.",
        {"name": repr(name)},
        code="name_taken",
    )
