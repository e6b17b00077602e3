"""Runs schemathesis against a portal of its own: `python -m tests.schema --examples 2000 --seed 1`."""
