"""WSGI entry of the `web` processes: short requests, pre-forked sync workers."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from servestatic import ServeStatic

from portal.edge import WsgiEdge

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = ServeStatic(WsgiEdge(get_wsgi_application()), **settings.STATIC_SERVER)
