"""`python -m tests.schema --examples 2000 --seed 1`: the long run; `examples` in all, dealt out to the operations."""

import argparse
import json
import sys
import urllib.request

from tests.schema.run import LEFT_OUT, running_portal, schemathesis, troubles_of


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=2000, help="test cases in all, at least")
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    options = parser.parse_args()
    status = 0
    with running_portal() as (portal, key):
        with urllib.request.urlopen(f"http://localhost:{portal.port}/v1/openapi.json") as answer:
            paths = json.load(answer)["paths"]
        operations = sum(len(item) for item in paths.values()) - len(LEFT_OUT)
        for seed in options.seed:
            done = schemathesis(portal, key, examples=-(-options.examples // operations), seed=seed)
            print(done.stdout[-100_000:], done.stderr, flush=True)
            status = status or done.returncode
        troubles = troubles_of(portal)
        print("\n".join(troubles) or "no failure of ours in the log, and all books add up")
    return status or bool(troubles)


sys.exit(main())
