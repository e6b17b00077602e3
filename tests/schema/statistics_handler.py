"""Statistics of a run by phase, written as JSON for the process that started it: see `RunResult` in run.py.

It counts requests with a response, and the chains of requests in the stateful phase.
"""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from schemathesis import cli
from schemathesis.engine import events

FILE = "STATISTICS_FILE"


@cli.handler()
class StatisticsHandler(cli.EventHandler[Any]):
    def __init__(self, *args: Any, **params: Any) -> None:
        self.cases: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.scenarios = 0
        self.repeats: Counter[str] = Counter()
        self.links: Counter[str] = Counter()
        self.depths: Counter[int] = Counter()

    def handle_event(self, ctx: Any, event: events.EngineEvent) -> None:
        if not isinstance(event, events.ScenarioFinished):
            return
        sent = event.recorder.interactions
        answered = {identifier: each.response for identifier, each in sent.items() if each.response is not None}
        self.cases[event.phase.value] += len(answered)
        self.statuses.update(response.status_code for response in answered.values())
        checks = [check for each in event.recorder.checks.values() for check in each]
        self.repeats.update(
            check.status.value for check in checks if check.name == "repeated_request_has_the_same_result"
        )
        if event.phase.value == "stateful" and answered:
            self.scenarios += 1
            self._follow(event.recorder.cases, set(answered))

    def _follow(self, nodes: Any, answered: set[str]) -> None:
        for node in (nodes[identifier] for identifier in answered):
            # Others start a chain, are sent by a check, or had a link whose ids were not used.
            if node.transition is not None and node.is_transition_applied:
                self.links[node.transition.id] += 1
                self.depths[_depth(node, nodes)] += 1

    def shutdown(self, ctx: Any) -> None:
        found = {name: dict(counted) for name, counted in vars(self).items() if isinstance(counted, Counter)}
        Path(os.environ[FILE]).write_text(json.dumps({**found, "scenarios": self.scenarios}))


def _depth(node: Any, nodes: Any) -> int:
    """Return the number of requests in the chain that ends here."""
    return 1 if node.parent_id is None else 1 + _depth(nodes[node.parent_id], nodes)
