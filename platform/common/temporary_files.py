"""Failures of the folder for temporary files (TMPDIR), where large request bodies and uploads are stored."""

import errno

import structlog

from common.errors import Overloaded

log = structlog.get_logger(__name__)

_UNWRITABLE_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


def _is_unwritable(error: OSError) -> bool:
    # The second: a process looks for the folder when it needs the first file, and accepts only one that it can write.
    return error.errno in _UNWRITABLE_ERRNOS or "No usable temporary directory" in str(error)


def as_overloaded(error: BaseException) -> Overloaded | None:
    """Return the error for clients if a temporary file cannot be written, and log the reason. None for other errors."""
    if not isinstance(error, OSError) or not _is_unwritable(error):
        return None
    log.error("temporary_folder_unwritable", reason=str(error))
    return Overloaded("The site has no space for this request. Try again in a moment.")
