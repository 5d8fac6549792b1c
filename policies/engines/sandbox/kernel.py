"""Linux's own calls for a process without network, files and privileges; each raises OSError that names the call."""

import ctypes
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_NEW = {"mount": 0x20000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000, "pid": 0x20000000, "net": 0x40000000}
_NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = 2, 4, 8, 32, 4096, 16384, 1 << 18
_READ_ONLY = 1 | _NOSUID | _NODEV  # the same bits in mount and in mount_setattr
_DETACH, _RECURSIVE, _HERE = 2, 0x8000, -100
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_MOUNT_SETATTR = 442  # the same on every machine
_DEATH_SIGNAL, _DROP_BOUND, _NO_NEW_PRIVILEGES = 1, 24, 38
_CAPABILITIES = 64
_VERSION_3 = 0x20080522
INSIDE = 1000  # the only user and group inside


def call(name: str, *arguments: Any) -> int:
    """Calls a function of the C library."""
    return _checked(name, lambda libc: libc[name](*arguments))


def system_call(name: str, number: int, *arguments: Any) -> int:
    return _checked(name, lambda libc: libc.syscall(ctypes.c_long(number), *arguments))


def _checked(name: str, does: Callable[[Any], int]) -> int:
    result = does(ctypes.CDLL(None, use_errno=True))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def isolate(root: str, shown: Sequence[str], scratch: int) -> None:
    """Leaves the machine: own users, mounts, network, processes (those forked from now on), and no privileges.

    The folders `shown` are there, read-only, at their own paths, and a folder /scratch for so many bytes, where the
    process then stands. `root` is an empty folder to mount all this on; nothing of it stays.
    """
    user, group = os.geteuid(), os.getegid()
    call("unshare", sum(_NEW.values()))
    for file, text in (("setgroups", "deny"), ("uid_map", f"{INSIDE} {user} 1"), ("gid_map", f"{INSIDE} {group} 1")):
        Path("/proc/self", file).write_text(text)
    call("mount", None, b"/", None, ctypes.c_ulong(_REC | _PRIVATE), None)
    _mount_memory(root, 1 << 20, 0)
    for folder in shown:
        _show(root, folder)
    Path(root, "scratch").mkdir()
    _mount_memory(f"{root}/scratch", scratch, _NOEXEC)
    call("mount", None, root.encode(), None, ctypes.c_ulong(_REMOUNT | _BIND | _READ_ONLY), None)
    os.chdir(root)
    system_call("pivot_root", _PIVOT_ROOT[os.uname().machine], b".", b".")
    call("umount2", b".", _DETACH)
    os.chdir("/scratch")
    call("sethostname", b"sandbox", ctypes.c_size_t(7))
    drop_privileges()


def _mount_memory(folder: str, size: int, flags: int) -> None:
    options = f"size={size},nr_inodes=4096,mode=755".encode()
    call("mount", b"tmpfs", folder.encode(), b"tmpfs", ctypes.c_ulong(_NOSUID | _NODEV | flags), options)


def _show(root: str, folder: str) -> None:
    """Mounts a folder at its own path below `root`, read-only with all that is mounted in it; a link stays a link."""
    place = Path(root + folder)
    place.parent.mkdir(parents=True, exist_ok=True)
    if os.path.islink(folder):
        place.symlink_to(os.readlink(folder))
        return
    place.mkdir(exist_ok=True)
    call("mount", folder.encode(), bytes(place), None, ctypes.c_ulong(_BIND | _REC), None)
    attributes = (ctypes.c_uint64 * 4)(_READ_ONLY, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    system_call("mount_setattr", _MOUNT_SETATTR, _HERE, bytes(place), _RECURSIVE, ctypes.byref(attributes), size)


def drop_privileges() -> None:
    """No capability is left in this process, and none can be had again."""
    for capability in range(_CAPABILITIES):
        try:
            call("prctl", _DROP_BOUND, ctypes.c_ulong(capability), 0, 0, 0)
        except OSError:  # the kernel knows no more of them
            break
    call("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    header, none = (ctypes.c_uint32 * 2)(_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    call("capset", ctypes.byref(header), ctypes.byref(none))


def die_with_parent() -> None:
    """The kernel kills this process when its parent ends."""
    call("prctl", _DEATH_SIGNAL, 9, 0, 0, 0)
