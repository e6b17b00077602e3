"""The system user that PostgreSQL runs as if the portal runs as root: PostgreSQL refuses to run as root."""

import os
import pwd
import stat
import subprocess
from pathlib import Path

USER_NAME = "mutoscope"


def user_for_data_folder(data: Path) -> pwd.struct_passwd | None:
    """Return the user that a server with this data folder has to run as; None for the current user."""
    if os.geteuid() != 0:
        return None
    # Data that an ordinary user created still belong to that user.
    if data.exists() and (owner := data.stat().st_uid) != 0:
        return pwd.getpwuid(owner)
    try:
        return pwd.getpwnam(USER_NAME)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", USER_NAME], check=True)
        return pwd.getpwnam(USER_NAME)


def grant_traverse(user: pwd.struct_passwd, *, folder: Path) -> None:
    """Let the user reach the folder: add the permission to traverse (not to list) to the parents that lack it."""
    for parent in folder.resolve().parents:
        mode = parent.stat().st_mode
        if parent.stat().st_uid != user.pw_uid and not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)


def grant_execute(user: pwd.struct_passwd, *, programs: Path) -> None:
    """Let the user run an installed tree of programs; a strict umask at installation may have prevented that."""
    grant_traverse(user, folder=programs)
    for path in [programs, *programs.rglob("*")]:
        if path.is_symlink():
            continue
        mode = path.stat().st_mode
        new_mode = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
        if new_mode != mode:
            path.chmod(new_mode)
