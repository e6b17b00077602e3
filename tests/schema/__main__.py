"""`python -m tests.schema --examples 2000 --scenarios 100 --seed 1 2 3`: the long run, once for each seed.

examples: the cases that the fuzzing phase distributes over the operations (fewer if an operation has fewer
requests), and the number of arbitrary bodies after that. The cases of the schema's examples and of the coverage phase
are additional.
"""

import argparse
import json
import os
import shutil
import sys
import time
import urllib.request

import django

# The routes that are tested name roles and scopes of the product, whose models need settings.
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

from tests.schema.fuzz import fuzz_bodies  # noqa: E402
from tests.schema.run import EXCLUDED_OPERATIONS, problems_of, running_portal, schemathesis, stateful  # noqa: E402
from tests.support.portal_process import Portal  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=2000, help="cases of the fuzzing phase; bodies")
    parser.add_argument("--scenarios", type=int, default=100, help="minimal number of chains of requests")
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    options = parser.parse_args()
    failed = False
    with running_portal() as (portal, key):
        for seed in options.seed:
            failed |= _run(portal, key, options, seed)
    return int(failed)


def _run(portal: Portal, key: str, options: argparse.Namespace, seed: int) -> bool:
    """Run one seed and return whether a problem was found."""
    started = time.monotonic()
    each = -(-options.examples // _count_operations(portal))
    done = schemathesis(portal, key, examples=each, seed=seed, phases="examples,coverage,fuzzing")
    done += stateful(portal, key, scenarios=options.scenarios, seed=seed)
    if done.failed:
        print(done.output)
    statuses, wrong = fuzz_bodies(portal, key, examples=options.examples, seed=seed)
    print(f"seed {seed}, {time.monotonic() - started:.0f} s: {'failures' if done.failed else 'no failure'}\n{done}")
    print(f"bodies: {statuses.total()}, {len(wrong)} with a wrong response; {dict(sorted(statuses.items()))}")
    problems = problems_of(portal)
    print(
        *wrong[:50], *(problems or ["no server error in the logs, and the ledger is consistent"]), sep="\n", flush=True
    )
    return done.failed or bool(wrong) or bool(problems)


def _count_operations(portal: Portal) -> int:
    with urllib.request.urlopen(f"http://localhost:{portal.port}/v1/openapi.json") as response:
        paths = json.load(response)["paths"]
    return sum(len(item) for item in paths.values()) - len(EXCLUDED_OPERATIONS)


try:
    sys.exit(main())
finally:
    shutil.rmtree(os.environ["TEST_SERVERS_DIR"])
