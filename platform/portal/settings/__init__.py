"""All settings of the site, read from the environment by typed readers; a room for each concern.

Every variable may also be given as a file (`SECRET_KEY_FILE=/run/secrets/key`), as container secrets are.
`manage.py up` writes what it started to `var/embedded.env`; other commands on the same machine pick it up from there.

Rooms name what they take from one another; only here, where Django looks for all of it, is it poured together.
"""

from portal.settings.accounts import *
from portal.settings.api import *
from portal.settings.base import *
from portal.settings.databases import *
from portal.settings.email import *
from portal.settings.framework import *
from portal.settings.jobs import *
from portal.settings.observability import *
from portal.settings.security import *
from portal.settings.storage import *
