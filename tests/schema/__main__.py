"""`python -m tests.schema --examples 2000 --scenarios 100 --seed 1 2 3`: the long run, once for each seed.

examples: cases that the fuzzing phase deals out to the operations, fewer where one has not so many different calls, and
bodies of any shape after that. The cases of the description's examples and of coverage come on top.
"""

import argparse
import json
import sys
import time
import urllib.request

from tests.schema.fuzz import fuzz_bodies
from tests.schema.run import LEFT_OUT, Portal, running_portal, schemathesis, stateful, troubles_of


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=2000, help="cases of the fuzzing phase; bodies")
    parser.add_argument("--scenarios", type=int, default=100, help="chains of calls, at least")
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    options = parser.parse_args()
    failed = False
    with running_portal() as (portal, key):
        for seed in options.seed:
            failed |= _run(portal, key, options, seed)
    return int(failed)


def _run(portal: Portal, key: str, options: argparse.Namespace, seed: int) -> bool:
    """Whether anything was found."""
    began = time.monotonic()
    each = -(-options.examples // _count_operations(portal))
    done = schemathesis(portal, key, examples=each, seed=seed, phases="examples,coverage,fuzzing")
    done += stateful(portal, key, scenarios=options.scenarios, seed=seed)
    if done.failed:
        print(done.output)
    statuses, wrong = fuzz_bodies(portal, key, examples=options.examples, seed=seed)
    print(f"seed {seed}, {time.monotonic() - began:.0f} s: {'failures' if done.failed else 'no failure'}\n{done}")
    print(f"bodies: {statuses.total()}, of them wrongly answered {len(wrong)}; {dict(sorted(statuses.items()))}")
    troubles = troubles_of(portal)
    print(*wrong[:50], *(troubles or ["no failure of ours in the logs, and all books add up"]), sep="\n", flush=True)
    return done.failed or bool(wrong) or bool(troubles)


def _count_operations(portal: Portal) -> int:
    with urllib.request.urlopen(f"http://localhost:{portal.port}/v1/openapi.json") as answer:
        paths = json.load(answer)["paths"]
    return sum(len(item) for item in paths.values()) - len(LEFT_OUT)


sys.exit(main())
