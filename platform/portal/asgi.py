"""ASGI entry of the `live` process: what waits or streams, and everything in the embedded mode."""

import os

# Before all else: the first of the site's modules that asks for a setting has them all read from the environment.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
os.environ.setdefault("HOLDS_ANSWERS", "1")

from django.conf import settings
from django.core.asgi import get_asgi_application
from servestatic import ServeStaticASGI

from portal.edge import AsgiEdge

# Around Django, not among its middleware: one class there that is not asynchronous costs each waiting call a thread.
application = ServeStaticASGI(AsgiEdge(get_asgi_application()), **settings.STATIC_SERVER)
