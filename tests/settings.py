"""The site's settings, with servers and folders that belong to this test run.

The addresses are fixed before the servers run: the first process picks a folder, xdist's workers inherit its name, and
`conftest.py` starts the servers in it.
"""

import os
import tempfile
from pathlib import Path

from portal.embedded.servers import server_urls

if "TEST_SERVERS_DIR" not in os.environ:
    # A short name: it becomes part of the path of Unix sockets.
    os.environ["TEST_SERVERS_DIR"] = tempfile.mkdtemp(prefix="mts-")
SERVERS = Path(os.environ["TEST_SERVERS_DIR"])
_worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
_found = server_urls(SERVERS)
# pytest-django gives each worker a database of its own; in Redis they are numbered.
_found["REDIS_URL"] = _found["REDIS_URL"].replace("db=0", f"db={int(_worker.removeprefix('gw'))}")
os.environ.update(
    _found,
    SECRET_KEY="only-for-tests",
    VAR_DIR=str(SERVERS / _worker),
    EMBEDDED="0",
    DEBUG="0",
    LONG_POLLING_ENABLED="1",
)

from portal.settings import *  # noqa: E402, F403 (reads the variables set above)
from portal.settings import DATABASES, REDIS_TIMEOUT_SECONDS, STORAGES  # noqa: E402

# The database of each worker is a copy of the one that is migrated once: see tests/support/database.py.
DATABASES["default"]["TEST"] = {"TEMPLATE": "mutoscope_template"}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# On a busy machine Redis may need longer than the usual timeout; a request that is not counted because of that breaks
# the test of a limit. Tests of outages use the usual timeout.
USUAL_REDIS_TIMEOUT_SECONDS, REDIS_TIMEOUT_SECONDS = REDIS_TIMEOUT_SECONDS, 30.0
# Both are 600 by default. A test of the tasks' intervals would not notice that they are mixed up.
LEDGER_CHECK_INTERVAL_SECONDS = 660
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES |= {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
(SERVERS / _worker / "static").mkdir(parents=True, exist_ok=True)
