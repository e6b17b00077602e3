"""ASGI entry of the `live` process: what waits or streams, and everything in the embedded mode."""

import os

# Before all else: the first of the site's modules that asks for a setting has them all read from the environment.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
os.environ.setdefault("LONG_POLLING_ENABLED", "1")

from django.conf import settings
from django.core.asgi import get_asgi_application
from servestatic import ServeStaticASGI

from portal.web.request_guards import AsgiRequestGuard

# Around Django, not among its middleware: one class there that is not asynchronous costs each waiting call a thread.
application = ServeStaticASGI(AsgiRequestGuard(get_asgi_application()), **settings.STATIC_SERVER)
