"""WSGI entry point of the `web` processes: short requests, pre-forked sync workers."""

import os

# Before all other imports: the first module that reads a setting loads all of them from the environment.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from servestatic import ServeStatic

from portal.web.request_guards import WsgiRequestGuard

application = ServeStatic(WsgiRequestGuard(get_wsgi_application()), **settings.STATIC_SERVER)
