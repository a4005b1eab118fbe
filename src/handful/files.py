"""Files that are written whole or not at all, and what the system says about a disk in words."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from handful.errors import OutputError

REASONS = {
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the disk is read-only",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.ENOTDIR: "a file is in the way where a folder is needed",
    errno.EEXIST: "a file is in the way where a folder is needed",
    errno.EISDIR: "a folder is in the way where a file is needed",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ENOENT: "the folder does not exist",
}


@contextmanager
def whole_file(path: Path, *, durable: bool = False) -> Iterator[BinaryIO]:
    """An open file that becomes `path` when the block ends well and leaves nothing behind when it does not.

    It is written under a temporary name in the same folder and renamed, so a reader finds the old file, the new one or
    none, never half of one. durable: on the disk, not only on its way there, before it gets its name. Trouble with the
    disk is an OutputError.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with temporary.open("xb") as stream:
            yield stream
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {reason(error)}. {remedy(error)}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Bytes to a file, whole or not at all."""
    with whole_file(path, durable=durable) as stream:
        stream.write(content)


def reason(error: OSError) -> str:
    """Why a file or folder could not be used, in words."""
    return REASONS.get(error.errno or 0) or error.strerror or str(error)


def remedy(error: OSError) -> str:
    """What to do about it, in a sentence."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Free some space, or name a folder on another disk."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Name a folder that may be written to, or change its permissions."
    return "Name another folder."
