"""Metrics and logs."""

import os
from functools import partial

from portal.settings.base import EMBEDDED, VAR_DIR, env
from portal.settings.logging_config import configure_logging

# --- Metrics
# Whoever sends it as `Authorization: Bearer …` may read /metrics. Keep it secret; empty lets nobody in by a token.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Networks, separated by commas, whose addresses may read it without a token, never through a proxy.
METRICS_NETWORKS = env.list("METRICS_NETWORKS", default=["127.0.0.0/8", "::1/128"])
# Where the web processes of one machine, or of one container, keep their counts of requests.
METRICS_DIR = env.str("METRICS_DIR", default=str(VAR_DIR / "metrics"))
# Prometheus' library asks once, when it is loaded, whether it counts for one process or for many.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = METRICS_DIR

# --- Logs
# One JSON object a line, or columns for a person's eye.
LOG_JSON = env.bool("LOG_JSON", default=not EMBEDDED)
# The least severe lines that are written: DEBUG, INFO, WARNING, ERROR.
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING_CONFIG = None
# Engine children call it, too.
CONFIGURE_LOGGING = partial(configure_logging, json_lines=LOG_JSON, level=LOG_LEVEL)
CONFIGURE_LOGGING()

# Probes come every few seconds: no line is logged of them, and who asks is not looked up.
UNLOGGED_PATHS = ("/livez", "/readyz", "/health", "/metrics", "/static/")
