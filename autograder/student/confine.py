"""Move this process into a sandbox that bubblewrap built, and give up every way out of it.

bubblewrap starts a new program, and a new program would import torch anew for two seconds. So
bubblewrap builds the sandbox around a program that waits, and a process forked from the warm server
joins it: one setns(2) call, then what bubblewrap does for its own program: no capabilities, no new
privileges, limits, a system call filter. Every namespace and every mount is still bubblewrap's.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct

libc = ctypes.CDLL(None, use_errno=True)

# linux/sched.h
NEW_NS, NEW_CGROUP, NEW_UTS, NEW_IPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
NEW_USER, NEW_PID, NEW_NET = 0x10000000, 0x20000000, 0x40000000
# linux/prctl.h
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 22, 24, 38
SECCOMP_MODE_FILTER = 2


def join(pidfd: int, user_namespace: bool) -> None:
    """Enter the namespaces of a sandbox; the next fork is then a process of its pid namespace."""
    kinds = NEW_NS | NEW_UTS | NEW_IPC | NEW_PID | NEW_NET
    _check(libc.setns(pidfd, kinds | (NEW_USER if user_namespace else 0)), "setns")


def surrender(uid: int | None) -> None:
    """Drop root (when uid is given), all capabilities, and the means to gain any."""
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
    for capability in range(64):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) and ctypes.get_errno() == errno.EINVAL:
            break  # past the last one that this kernel knows
    if uid is not None:
        os.setresuid(uid, uid, uid)
    version3, itself = 0x20080522, 0
    none = struct.pack("=6I", *[0] * 6)
    _check(libc.capset(struct.pack("=Ii", version3, itself), none), "capset")
    _check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _check(libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "dumpable")  # or /proc/self would be root's


def limit(limits: dict) -> None:
    """Set resource limits, {"DATA": 2**31, …}, and be the first that a machine without memory
    kills.
    """
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is not None:
            most = resource.getrlimit(kind)[1]
            value = value if most == resource.RLIM_INFINITY else min(value, most)
            resource.setrlimit(kind, (value, value))
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


# System calls that no homework needs and that reach beyond the box: other namespaces, keyrings,
# memory that no limit counts (memfd, System V), other processes, and the usual ways into the
# kernel. name: (x86_64, aarch64)
FORBIDDEN = {
    "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171), "bpf": (321, 280),
    "chroot": (161, 51), "clock_adjtime": (305, 266), "clock_settime": (227, 112),
    "delete_module": (176, 106), "fanotify_init": (300, 262), "finit_module": (313, 273),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fsopen": (430, 430), "fspick": (433, 433),
    "init_module": (175, 105), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425), "kcmp": (312, 272), "kexec_file_load": (320, 294),
    "kexec_load": (246, 104), "keyctl": (250, 219), "lookup_dcookie": (212, 18),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "mount": (165, 40),
    "mount_setattr": (442, 442), "move_mount": (429, 429), "move_pages": (279, 239),
    "msgget": (68, 186), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "open_tree": (428, 428), "perf_event_open": (298, 241), "personality": (135, 92),
    "pidfd_getfd": (438, 438), "pivot_root": (155, 41), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "ptrace": (101, 117), "quotactl": (179, 60),
    "reboot": (169, 142), "request_key": (249, 218), "setdomainname": (171, 162),
    "sethostname": (170, 161), "setns": (308, 268), "settimeofday": (164, 170),
    "shmat": (30, 196), "shmctl": (31, 195), "shmget": (29, 194), "swapoff": (168, 225),
    "swapon": (167, 224), "syslog": (103, 116), "umount2": (166, 39), "unshare": (272, 97),
    "userfaultfd": (323, 282),
}  # fmt: skip
ARCHITECTURES = {  # audit number, column above, clone, clone3, socket
    "x86_64": (0xC000003E, 0, 56, 435, 41),
    "aarch64": (0xC00000B7, 1, 220, 435, 198),
}
# AF_UNIX, AF_INET, AF_INET6, AF_NETLINK; not AF_VSOCK, which leads out of a virtual machine
FAMILIES = (1, 2, 10, 16)
NAMESPACES = NEW_NS | NEW_CGROUP | NEW_UTS | NEW_IPC | NEW_USER | NEW_PID | NEW_NET


def filter_calls() -> bool:
    """Refuse the system calls above, for good; False on an architecture that this file does
    not know.
    """
    if platform.machine() not in ARCHITECTURES:
        return False
    program = b"".join(_program(*ARCHITECTURES[platform.machine()]))
    buffer = ctypes.create_string_buffer(program, len(program))
    length, padding = len(program) // 8, b"\0" * 6
    pointer = struct.pack("=H", length) + padding + struct.pack("=Q", ctypes.addressof(buffer))
    _check(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, pointer, 0, 0), "seccomp")
    return True


def _program(audit: int, column: int, clone: int, clone3: int, socket: int) -> list[bytes]:
    """The filter in classic BPF: (code, jump if true, jump if false, value) each."""
    load, equal, any_bit, at_least, give = 0x20, 0x15, 0x45, 0x35, 0x06
    allow, refuse, kill = 0x7FFF0000, 0x00050000, 0x80000000
    number, architecture, first_argument = 0, 4, 16
    rules = [
        (load, 0, 0, architecture),
        (equal, 1, 0, audit),
        (give, 0, 0, kill),
        (load, 0, 0, number),
        (at_least, 0, 1, 0x40000000),  # x86_64's second numbering of the same calls
        (give, 0, 0, refuse | errno.EPERM),
    ]
    for numbers in FORBIDDEN.values():
        rules += [(equal, 0, 1, numbers[column]), (give, 0, 0, refuse | errno.EPERM)]
    # clone3 hides its flags in memory: say that there is none, and the C library uses clone.
    rules += [(equal, 0, 1, clone3), (give, 0, 0, refuse | errno.ENOSYS)]
    rules += [(equal, 0, 4, clone), (load, 0, 0, first_argument), (any_bit, 0, 1, NAMESPACES)]
    rules += [(give, 0, 0, refuse | errno.EPERM), (give, 0, 0, allow)]
    families = [(equal, len(FAMILIES) - n, 0, family) for n, family in enumerate(FAMILIES)]
    rules += [(equal, 0, len(families) + 2, socket), (load, 0, 0, first_argument), *families]
    rules += [(give, 0, 0, refuse | errno.EAFNOSUPPORT), (give, 0, 0, allow)]
    return [struct.pack("=HBBI", *rule) for rule in rules]


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
