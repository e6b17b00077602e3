"""`/metrics` for Prometheus: what this machine's web processes answered, and how the whole site stands."""
