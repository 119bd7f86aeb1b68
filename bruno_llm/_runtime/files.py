"""Reading a file that somebody named, within bounds.

A name may lead to anything: a pipe that nobody writes to, a device without end. Opening the one
and reading the other would never come back, and no limit of a call could end it.
"""

from __future__ import annotations

import errno
import os
import stat

__all__ = ["read_regular"]

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_regular(path: str | os.PathLike[str], most: int) -> tuple[bytes, os.stat_result]:
    """The content of a regular file of at most ``most`` bytes, and what the system says of it.

    Raises:
        OSError: It cannot be read, is no regular file, or larger than that.
    """
    handle = os.open(path, _FLAGS)
    with open(handle, "rb") as stream:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        content = stream.read(most + 1)
    if len(content) > most:
        size = f"{most >> 20} MB" if most >> 20 else f"{most >> 10} KB"
        raise OSError(errno.EFBIG, f"it is larger than {size}")
    return content, found
