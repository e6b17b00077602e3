"""Signal receiver that fails the webhook deliveries of batches whose creator may no longer create videos."""

from collections.abc import Set as AbstractSet
from typing import Any

from accounts.models import Team, User
from accounts.roles import Scope
from jobs.batches.models import Batch
from jobs.webhooks.models import Delivery, EventKind, event_id
from jobs.webhooks.services import fail_deliveries


def end_webhooks_of_member(sender: object, *, team: Team, user: User, scopes: AbstractSet[Scope], **_: Any) -> None:
    """Receive `access_revoked`: fail what is still to be sent to the `webhook_url` of the member's batches."""
    if Scope.VIDEOS_WRITE not in scopes:
        batches = Batch.objects.for_team(team).filter(user=user).exclude(webhook_url="").values_list("pk", flat=True)
        kinds = (EventKind.BATCH_COMPLETED, EventKind.BATCH_CANCELED)
        event_ids = [event_id(batch, kind) for batch in batches for kind in kinds]
        fail_deliveries(Delivery.objects.filter(endpoint__is_per_job=True, event_id__in=event_ids))
