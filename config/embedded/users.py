"""PostgreSQL refuses to run as root: the system user it runs as instead, and what that user must be able to reach.

Grants as little as possible (traversal of parent folders, reading of the server's own files), only where missing, and
says so on stderr.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from config.embedded.errors import EmbeddedServiceError
from config.embedded.process import RunAs

SYSTEM_USER = "pgserver"  # the name the wheel's own launcher uses


def owner_of(data: Path) -> RunAs | None:
    """The user that the data of an earlier start belongs to; None for ourselves, or when there is no data yet.

    Data that an ordinary user has made stays that user's, also when root starts the server. Raises EmbeddedServiceError
    when it belongs to somebody we cannot become.
    """
    facts = data.stat() if data.exists() else None
    if facts is None or facts.st_uid == os.geteuid():
        return None
    name = _name_of(facts.st_uid)
    if os.geteuid() != 0:
        raise EmbeddedServiceError(f"{data} belongs to user {name}, not to you; run as that user or as root")
    return RunAs(uid=facts.st_uid, gid=facts.st_gid, name=name)


def not_root(data: Path) -> RunAs | None:
    """The user to run a server as that refuses to be root: the data's owner, or, for root, the system user.

    Creates the system user when it is missing. Raises EmbeddedServiceError when it cannot be created, and as `owner_of`
    does.
    """
    owner = owner_of(data)
    if owner is not None or os.geteuid() != 0:
        return owner
    entry = _system_user()
    return RunAs(uid=entry.pw_uid, gid=entry.pw_gid, name=SYSTEM_USER)


def make_private_folder(folder: Path, run_as: RunAs | None) -> None:
    """Make `folder`, with mode 0700, for the user that runs the service. Idempotent.

    Raises EmbeddedServiceError when something of that name belongs to somebody else, as may happen below a shared
    temporary folder.
    """
    uid = os.geteuid() if run_as is None else run_as.uid
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid not in {uid, os.geteuid()}:
            raise EmbeddedServiceError(f"{folder} belongs to user {_name_of(facts.st_uid)}; remove it and start again")
        if run_as is not None and facts.st_uid != run_as.uid:
            os.chown(folder, run_as.uid, run_as.gid, follow_symlinks=False)
        folder.chmod(0o700)
    except OSError as error:
        raise EmbeddedServiceError(f"cannot make {folder}: {error.strerror}") from error


def grant_access(run_as: RunAs, *, traverse: list[Path], read: list[Path]) -> None:
    """Let `run_as` reach `traverse` and `read` (o+x on their parents) and read everything in `read` (o+rX).

    Changes nothing where the permission is there; otherwise prints one line naming what was changed. Raises
    EmbeddedServiceError.
    """
    changed = []
    parents = {parent for path in [*traverse, *read] for parent in path.resolve().parents}
    for parent in sorted(parents):
        if _grant(parent, stat.S_IXOTH, run_as):
            changed.append(f"{parent} (o+x)")
    for folder in read:
        files = [path for path in [folder, *folder.rglob("*")] if not path.is_symlink()]
        if sum(_grant(path, _reading(path), run_as) for path in files):
            changed.append(f"{folder} (o+rX)")
    if changed:
        print(f"let system user {run_as.name} reach PostgreSQL's files: {', '.join(changed)}", file=sys.stderr)  # noqa: T201


def _grant(path: Path, bits: int, run_as: RunAs) -> bool:
    facts = path.stat()
    if facts.st_uid == run_as.uid or facts.st_mode & bits == bits:
        return False
    try:
        path.chmod(stat.S_IMODE(facts.st_mode) | bits)
    except OSError as error:
        raise EmbeddedServiceError(f"system user {run_as.name} cannot reach {path}: {error.strerror}") from error
    return True


def _reading(path: Path) -> int:
    """Folders and executables get o+rx, other files o+r."""
    return stat.S_IROTH | (stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0)


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    advice = f"PostgreSQL refuses to run as root, and the system user {SYSTEM_USER!r} could not be created"
    useradd = shutil.which("useradd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if useradd is None:
        raise EmbeddedServiceError(f"{advice} (no `useradd`); create that user, or run as an ordinary user")
    command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    made = subprocess.run(  # noqa: S603
        [*command, "--shell", "/usr/sbin/nologin", SYSTEM_USER], capture_output=True, text=True, check=False
    )
    try:
        return pwd.getpwnam(SYSTEM_USER)  # also when another process has made it in the meantime
    except KeyError:
        reason = made.stderr.strip() or f"exit status {made.returncode}"
        raise EmbeddedServiceError(f"{advice} ({reason}); create that user, or run as an ordinary user") from None


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
