"""`python -m tests.chaos --kills 20 --jobs 100 --seed 1`: exits with 1 if an invariant was violated."""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--models", type=int, default=1, help="models of each worker, which it swaps")
    options = parser.parse_args()
    from tests.chaos.report import summary
    from tests.chaos.run import Plan, Run
    from tests.chaos.world import World

    plan = Plan(seed=options.seed, kills=options.kills, jobs=options.jobs, workers=options.workers)
    with World(models=options.models) as world:
        run = Run(world, plan)
        outcome = run.execute()
        print(summary(run), flush=True)
        if outcome.violations:
            print(f"  logs        {world.folder}/log", flush=True)
            world.keep = True
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
