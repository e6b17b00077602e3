"""The settings of a site that keeps the database connection of a request until its client has read the response."""

from portal.settings import *  # noqa: F403
from portal.settings import MIDDLEWARE as _MIDDLEWARE

MIDDLEWARE = [each for each in _MIDDLEWARE if each != "common.streaming.ReleaseConnectionsMiddleware"]
