"""The chaos harness runs the whole portal as real processes, injects faults from a seed, and checks invariants.

    python -m tests.chaos --kills 20 --jobs 100 --seed 1

`world` builds the portal, `clients` use it over HTTP, `faults` break it, `monitor` observes it, `invariants` checks it,
and `mutants` proves that the checks can fail.
"""
