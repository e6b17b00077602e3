"""All settings of the site, read from environment variables. One module per subject.

Every variable can also be read from a file, as container secrets are: `SECRET_KEY_FILE=/run/secrets/key`.
`manage.py up` writes the settings of its servers to `var/embedded.env`, where other commands on the machine read them.

The modules import single names from each other. Only this module uses star imports, because Django needs all settings
in one place.
"""

from portal.settings.accounts import *
from portal.settings.api import *
from portal.settings.base import *
from portal.settings.databases import *
from portal.settings.email import *
from portal.settings.framework import *
from portal.settings.jobs import *
from portal.settings.observability import *
from portal.settings.rq import *
from portal.settings.security import *
from portal.settings.storage import *
