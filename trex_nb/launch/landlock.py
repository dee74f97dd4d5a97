"""Landlock, the Linux kernel's file wall for ordinary processes: rules on folders that a process lays on itself and all
its children, and that nobody can take back.

Three system calls through ctypes (landlock(7), `linux/landlock.h`); the packages that wrap them stop at older kernels
or bring a compiler. Whatever is behind the wall also cannot trace, read the memory of, or (version 6 on) signal a
process in front of it. Limits: names, sizes, times, modes and links can be seen everywhere, and connecting to a socket
that lies in the file system is not covered; `seccomp` sees to the latter.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_LEAST = 2
"""Version 1 (Linux 5.13) cannot rename from one folder to another, which saving a checkpoint does."""

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << i for i in range(6))
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << i for i in range(6, 13))
REFER, TRUNCATE, IOCTL_DEV = (1 << i for i in range(13, 16))

READ = EXECUTE | READ_FILE | READ_DIR
LIST = READ_DIR
WRITE = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE
"""No links, pipes or devices: those who look after the job from outside could be led astray by them."""
USE = READ_FILE | WRITE_FILE | IOCTL_DEV
"""What a device is used with."""
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV

_KNOWN_SINCE = {2: REFER, 3: TRUNCATE, 5: IOCTL_DEV}
_SCOPED_SINCE = 6
_SCOPES = 3  # abstract unix sockets, signals

Rule = tuple[str, int]


def version() -> int:
    """The version of Landlock in this kernel; 0 where there is none."""
    try:
        return max(0, _call(_CREATE, None, ctypes.c_size_t(0), _VERSION))
    except OSError:
        return 0


def restrict(rules: Iterable[Rule]) -> str:
    """Lay `rules` (a path, what may be done with it and all beneath) on this thread; paths that are not there are left
    out. Returns why that could not be done, or nothing. Wants no_new_privs to be set."""
    found = version()
    if found < _LEAST:
        return "Landlock is not in this kernel" if not found else "this kernel's Landlock is too old"
    handled = _handled(found)
    scopes = _SCOPES if found >= _SCOPED_SINCE else 0
    attributes = struct.pack("QQQ", handled, 0, scopes)
    size = 24 if scopes else 8
    try:
        ruleset = _call(_CREATE, attributes, ctypes.c_size_t(size), 0)
        try:
            for path, rights in rules:
                _add(ruleset, path, rights & handled)
            _call(_RESTRICT, ruleset, 0)
        finally:
            os.close(ruleset)
    except OSError as error:
        return f"Landlock refuses: {error.strerror}"
    return ""


def _handled(found: int) -> int:
    rights = (1 << 13) - 1
    for since, right in _KNOWN_SINCE.items():
        rights |= right if found >= since else 0
    return rights


def _add(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _OF_FILES
        if rights:
            _call(_ADD, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        if not path.startswith("/proc/self/"):  # else the kernel forgets the folder, and makes another for the name
            os.close(place)


def _call(number: int, *arguments: object) -> int:
    if not Path("/proc/self").exists():  # not Linux: the numbers mean something else there
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    result = int(libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
