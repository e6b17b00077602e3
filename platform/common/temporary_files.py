"""Failures of the folder for temporary files (TMPDIR), where large request bodies and uploads are stored."""

import errno

import structlog

from common.errors import Overloaded

log = structlog.get_logger(__name__)

_UNWRITABLE_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


def as_overloaded(error: BaseException) -> Overloaded | None:
    """Return the error for clients if a temporary file cannot be written, and log the reason. None for other errors."""
    if not isinstance(error, OSError) or error.errno not in _UNWRITABLE_ERRNOS:
        return None
    log.error("temporary_folder_unwritable", reason=str(error))
    return Overloaded("The site has no space for this request. Try again in a moment.")
