"""ASGI entry of the `live` process: what waits or streams, and everything in the embedded mode."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application
from servestatic import ServeStaticASGI

from portal.edge import AsgiEdge

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
os.environ.setdefault("HOLDS_ANSWERS", "1")
# Around Django, not among its middleware: one class there that is not asynchronous costs each waiting call a thread.
application = ServeStaticASGI(AsgiEdge(get_asgi_application()), **settings.STATIC_SERVER)
