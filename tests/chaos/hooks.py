"""A receiver of the teams' webhooks that refuses some calls, drops others, and remembers what it took.

No event is turned away more than twice: the pauses after that are longer than a run waits at its end.
"""

import itertools
import json
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler

from standardwebhooks import WebhookVerificationError

from tests.chaos.world import Team
from tests.support.webhook_receiver import Receiver, say

# One call in so many is answered with 500, one is cut off without an answer.
_REFUSED_EVERY, _CUT_EVERY = 11, 17
_TURNED_AWAY_MOST = 2


class Hooks:
    """Each team has an endpoint here that wants to hear everything.

    ids: by video and kind, the event ids that were taken. forged: what the library does not take for the team's own.
    """

    def __init__(self, receiver: Receiver) -> None:
        self._url = receiver.url
        self._secrets: dict[str, str] = {}
        self._count = itertools.count(1)
        self._turned_away: Counter[str] = Counter()
        self.ids: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.forged: list[str] = []
        receiver.answer = self._answer

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

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        number, event_id = next(self._count), handler.call.headers["webhook-id"]
        if self._turned_away[event_id] < _TURNED_AWAY_MOST and not (number % _CUT_EVERY and number % _REFUSED_EVERY):
            self._turned_away[event_id] += 1
            if number % _CUT_EVERY:
                say(handler, 500)
            else:
                handler.close_connection = True
            return
        try:
            handler.call.verified(self._secrets[handler.path])
        except WebhookVerificationError as error:
            self.forged.append(f"{handler.path}: {error}")
        event = json.loads(handler.call.body)
        self.ids[event["data"]["id"], event["type"]].add(event_id)
        say(handler, 204)
