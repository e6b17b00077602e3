"""`python -m tests.chaos.mutants`: runs the product as it is, and without each of its protections in turn.

Prints one JSON object with the violations of each run. A harness that finds nothing in a mutant proves nothing.
"""

import json
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]


@dataclass(frozen=True)
class Case:
    scenario: str
    patches: str = ""
    # Cases with pools of their own can run concurrently. This one tests the wake-up of the common pool.
    common_pool: bool = False


FIRST = {
    "zombie": Case("zombie in mid-publish", "slow_store"),
    "zombie, no fence": Case("zombie in mid-publish", "slow_store,fence"),
    "zombie, no fence at all, but the closing index": Case("zombie in mid-publish", "slow_store,every_fence"),
    "cut off": Case("cut off"),
    "cut off, no self-check": Case("cut off", "self_check"),
    "no response": Case("no response"),
}
SECOND = {
    "zombie, no fence at all, no closing index": Case("zombie in mid-publish", "slow_store,every_fence"),
}
# Each runs alone: another submit would wake its workers, and they would take another job before it has its pool.
THIRD = {"wake-up missed": Case("wake-up missed", common_pool=True)}
FOURTH = {"wake-up missed, no top-up and no polling": Case("wake-up missed", "wakeup", common_pool=True)}


def main() -> int:
    from tests.chaos.scenario_runner import ScenarioRunner

    with ScenarioRunner() as runner:
        # The guard of finished rows is off, so that only the protections under test are left.
        runner.sql("ALTER TABLE jobs_job DISABLE TRIGGER ALL; ALTER TABLE jobs_job ENABLE TRIGGER chaos_journal")
        found = runner.execute(FIRST)
        runner.sql("DROP INDEX ledger_one_closing_per_job")
        found |= runner.execute(SECOND)
        found |= runner.execute(THIRD)
        found |= runner.execute(FOURTH)
    print(json.dumps(found, indent=1), flush=True)
    return 0


if __name__ == "__main__":
    assert threading.current_thread() is threading.main_thread()
    sys.exit(main())
