"""`/metrics` for Prometheus: the requests of this machine's web processes, and the state of the whole site."""
