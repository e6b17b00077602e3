"""WSGI entry of the `web` processes: short requests, pre-forked sync workers."""

import os

# Before all else: the first of the site's modules that asks for a setting has them all read from the environment.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from django.conf import settings  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from servestatic import ServeStatic  # noqa: E402

from portal.edge import WsgiEdge  # noqa: E402

application = ServeStatic(WsgiEdge(get_wsgi_application()), **settings.STATIC_SERVER)
