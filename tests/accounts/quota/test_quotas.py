"""What a person reads if a quota is exceeded."""

import re
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Team
from accounts.quota.effective_limits import effective_limits_of
from accounts.quota.models import UsageDay, Wallet
from accounts.quota.quotas import Caps, check_quotas
from accounts.quota.usage_key import UsageKey
from common.errors import LimitExceeded
from tests.support.people import Person


def _message(team: Team, user_id: int, limits: dict[str, Any], member: Caps, key: Caps) -> str:
    usage_key = UsageKey(team_id=team.pk, user_id=user_id, api_key_id=1, model="camera", day=timezone.now().date())
    UsageDay.objects.create(
        team=team, day=usage_key.day, user_id=user_id, api_key_id=1, model="camera", videos=2, credits=2, gpu_seconds=2
    )
    Wallet.objects.filter(team=team).update(stored_bytes=1)
    limited = replace(effective_limits_of(team), **limits)
    with pytest.raises(LimitExceeded) as refused:
        check_quotas(usage_key=usage_key, credits=1, effective_limits=limited, member=member, key=key)
    return refused.value.message


@pytest.mark.parametrize(
    ("limits", "member", "key"),
    [
        ({"videos_per_day": 1}, Caps(), Caps()),
        ({"gpu_seconds_per_month": 1}, Caps(), Caps()),
        ({"storage_bytes": 1}, Caps(), Caps()),
        ({}, Caps(videos_per_day=1), Caps()),
        ({}, Caps(credits_per_month=1), Caps()),
        ({}, Caps(), Caps(videos_per_day=1)),
        ({}, Caps(), Caps(credits_per_month=1)),
    ],
)
def test_no_message_counts_one_in_the_plural(limits: dict[str, Any], member: Caps, key: Caps, alice: Person) -> None:
    message = _message(alice.team, alice.user.pk, limits, member, key)
    assert not re.search(r"\b1 \w+s\b", message), message
