"""`python -m tests.chaos.mutants`: the product as it is, and without each of its protections in turn.

Prints one JSON object: for each scene what was violated. A harness that finds nothing in a mutant proves nothing.
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
    story: str
    patches: str = ""
    # Own pools let cases be told at once; this one is about the bell of the common pool.
    common_pool: bool = False


FIRST = {
    "zombie": Case("zombie in mid-publish", "slow_store"),
    "zombie, no fence": Case("zombie in mid-publish", "slow_store,fence"),
    "zombie, no fence at all, but the closing index": Case("zombie in mid-publish", "slow_store,every_fence"),
    "cut off": Case("cut off"),
    "cut off, no self-check": Case("cut off", "self_check"),
    "never answered": Case("never answered"),
}
SECOND = {
    "zombie, no fence at all, no closing index": Case("zombie in mid-publish", "slow_store,every_fence"),
}
# Each alone: any other submit would ring for it, and its workers would take any other job before it has its pool.
THIRD = {"bell unheard": Case("bell unheard", common_pool=True)}
FOURTH = {"bell unheard, no top-up and no polling": Case("bell unheard", "doorbell", common_pool=True)}


def main() -> int:
    from tests.chaos.stage import Stage

    with Stage() as stage:
        # The closed row's own guard is off: what is left is what is on trial.
        stage.sql("ALTER TABLE jobs_job DISABLE TRIGGER ALL; ALTER TABLE jobs_job ENABLE TRIGGER chaos_journal")
        found = stage.tell(FIRST)
        stage.sql("DROP INDEX ledger_one_closing_per_job")
        found |= stage.tell(SECOND)
        found |= stage.tell(THIRD)
        found |= stage.tell(FOURTH)
    print(json.dumps(found, indent=1), flush=True)
    return 0


if __name__ == "__main__":
    assert threading.current_thread() is threading.main_thread()
    sys.exit(main())
