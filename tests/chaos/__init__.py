"""The chaos harness: the whole portal as real processes, faults drawn from a seed, invariants checked afterwards.

    python -m tests.chaos --kills 20 --jobs 100 --seed 1

`world` builds the portal, `clients` use it over HTTP, `faults` break it, `watch` looks on, `invariants` judges, and
`mutants` proves that the judgement can fail.
"""
