"""Metrics and logs."""

import os
from functools import partial

from portal.settings.base import EMBEDDED, VAR_DIR, env
from portal.settings.logging_config import configure_logging

# --- Metrics
# Token for /metrics, sent as `Authorization: Bearer …`. Keep it secret. Empty: no access by token.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Networks, separated by commas, that can read /metrics without a token. Requests through a proxy always need one.
METRICS_NETWORKS = env.networks("METRICS_NETWORKS", default=["127.0.0.0/8", "::1/128"])
# Folder in which the web processes of a machine or container store their request metrics.
METRICS_DIR = env.str("METRICS_DIR", default=str(VAR_DIR / "metrics"))
# The Prometheus library reads this variable once, when it is imported, to choose its multi-process mode.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = METRICS_DIR

# --- Logs
# Whether logs are JSON, one object per line. Otherwise they are columns for a terminal.
LOG_JSON = env.bool("LOG_JSON", default=not EMBEDDED)
# Minimum level of log lines: DEBUG, INFO, WARNING or ERROR.
LOG_LEVEL = env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO")
LOGGING_CONFIG = None
# Engine processes call it too.
CONFIGURE_LOGGING = partial(configure_logging, json_lines=LOG_JSON, level=LOG_LEVEL)
CONFIGURE_LOGGING()

# Paths requested every few seconds by probes: such requests are not logged, and their user is not looked up.
UNLOGGED_PATHS = ("/livez", "/readyz", "/health", "/metrics", "/static/")
