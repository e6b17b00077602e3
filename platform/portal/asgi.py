"""ASGI entry point of the `live` process: requests that wait or stream, and all requests in embedded mode."""

import os

# Before all other imports: the first module that reads a setting loads all of them from the environment.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
os.environ.setdefault("LONG_POLLING_ENABLED", "1")

import django
from django.conf import settings
from servestatic import ServeStaticASGI

from portal.web.asgi_handler import LiveHandler
from portal.web.request_guards import AsgiRequestGuard

django.setup(set_prefix=False)
# Around Django, not in its middleware: one sync-only class there would cost each waiting request a thread.
application = ServeStaticASGI(AsgiRequestGuard(LiveHandler()), **settings.STATIC_SERVER)
