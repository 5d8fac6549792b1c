"""A filter on the kernel's calls (seccomp): no further process or thread, no program, no socket, no other kernel door.

A call that is refused fails with EPERM, as if there were no right to it. What is left are computing, memory, time and
files.
"""

import ctypes
import os
import struct

from policies.engines.sandbox.kernel import call

# (number on x86_64, number on aarch64), None where there is none
REFUSED = {
    "clone": (56, 220), "fork": (57, None), "vfork": (58, None), "clone3": (435, 435), "execve": (59, 221),
    "execveat": (322, 281), "socket": (41, 198), "socketpair": (53, 199), "unshare": (272, 97), "setns": (308, 268),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "kcmp": (312, 272), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    "inotify_init1": (294, 26), "fanotify_init": (300, 262), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "kexec_load": (246, 104), "init_module": (175, 105),
    "finit_module": (313, 273), "reboot": (169, 142), "personality": (135, 92), "quotactl": (179, 60),
    "modify_ldt": (154, None),
}  # fmt: skip
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _MACHINE = 0, 4  # offsets in struct seccomp_data
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # EPERM
_X32 = 0x40000000  # x86_64's second set of numbers begins here
_SET_SECCOMP, _FILTER, _NO_NEW_PRIVILEGES = 22, 2, 38


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def instructions(machine: str) -> bytes:
    """The filter, as classic BPF. Raises KeyError for a machine whose numbers it does not know."""
    column, known = _MACHINES[machine]
    numbers = sorted(numbers[column] for numbers in REFUSED.values() if numbers[column] is not None)
    # A jump counts the instructions that it skips; the last two of all are: allow, refuse.
    length = 4 + len(numbers) + 2
    code = [(_LOAD, 0, 0, _MACHINE), (_IF_EQUAL, 0, length - 3, known), (_LOAD, 0, 0, _NUMBER)]
    code.append((_IF_AT_LEAST, length - 5, 0, _X32))
    code += [(_IF_EQUAL, length - 2 - place, 0, number) for place, number in enumerate(numbers, 4)]
    code += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


def install() -> None:
    """For this process, for good. Raises OSError where the kernel has no such filters, KeyError on other machines."""
    code = instructions(os.uname().machine)
    program = _Program(len(code) // 8, code)
    call("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    call("prctl", _SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0)
