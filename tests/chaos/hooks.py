"""A receiver of the teams' webhooks that refuses some requests, drops others, and records those that it accepts.

No event is rejected more than twice: the retry delays after that are longer than a run waits at its end.
"""

import itertools
import json
from collections import Counter, defaultdict

from standardwebhooks import WebhookVerificationError

from tests.chaos.world import Team
from tests.support.webhook_receiver import Receiver, WebhookHandler, respond_with

# Every eleventh request is answered with 500, every seventeenth is cut off without a response.
_REFUSE_EVERY, _CUT_EVERY = 11, 17
_MAX_REJECTIONS = 2


class Hooks:
    """Each team has an endpoint for every event here.

    ids: the accepted event ids by video and kind. forged: requests whose signature is not the team's.
    """

    def __init__(self, receiver: Receiver) -> None:
        self._url = receiver.url
        self._secrets: dict[str, str] = {}
        self._count = itertools.count(1)
        self._rejected: Counter[str] = Counter()
        self.ids: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.forged: list[str] = []
        receiver.respond = self._respond

    def add_endpoint(self, team: Team) -> None:
        from accounts.models import Team as TeamRow
        from jobs.webhooks.models import FINISHED_KINDS, EventKind
        from jobs.webhooks.services import create_endpoint

        row = TeamRow.objects.get(pk=team.id)
        url = f"{self._url}/{team.id}"
        endpoint = create_endpoint(
            team=row, creator=row.members.get(), url=url, kinds=[*FINISHED_KINDS, EventKind.STARTED]
        )
        self._secrets[f"/{team.id}"] = endpoint.secret

    def _respond(self, handler: WebhookHandler) -> None:
        number, event_id = next(self._count), handler.received.headers["webhook-id"]
        if self._rejected[event_id] < _MAX_REJECTIONS and not (number % _CUT_EVERY and number % _REFUSE_EVERY):
            self._rejected[event_id] += 1
            if number % _CUT_EVERY:
                respond_with(handler, 500)
            else:
                handler.close_connection = True
            return
        try:
            handler.received.verified(self._secrets[handler.path])
        except WebhookVerificationError as error:
            self.forged.append(f"{handler.path}: {error}")
        event = json.loads(handler.received.body)
        self.ids[event["data"]["id"], event["type"]].add(event_id)
        respond_with(handler, 204)
