"""Give up every way out of a box: the means that any wall needs, one function each.

bubblewrap starts a new program, and a new program would import torch anew for two seconds. So
bubblewrap builds the sandbox around a program that waits, and a process forked from the warm server
joins it: one setns(2) call, then what bubblewrap does for its own program: no capabilities, no new
privileges, limits, a system call filter. Every namespace and every mount is still bubblewrap's.
Where there are no namespaces, `landlock` takes their place, and the filter has more to refuse.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
import platform
import struct
import sys
from typing import Any

from autograder.student.calls import ARCHITECTURES, CALLS, KNOWN

libc: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

# linux/sched.h
NEW_NS, NEW_CGROUP, NEW_UTS, NEW_IPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
NEW_USER, NEW_PID, NEW_NET = 0x10000000, 0x20000000, 0x40000000
# linux/prctl.h
PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_SECCOMP, PR_CAPBSET_DROP = 4, 8, 22, 24
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 38, 47, 2
SECCOMP_MODE_FILTER = 2


def join(pidfd: int, user_namespace: bool) -> None:
    """Enter the namespaces of a sandbox; the next fork is then a process of its pid namespace."""
    kinds = NEW_NS | NEW_UTS | NEW_IPC | NEW_PID | NEW_NET
    _check(libc.setns(pidfd, kinds | (NEW_USER if user_namespace else 0)), "setns")


def surrender(uid: int | None, kept: int | None = None) -> None:
    """Drop root (when uid is given), all capabilities, and the means to gain any.

    kept: one capability that stays; see `exam.walls.landlock`.
    """
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    for capability in range(64):
        if capability != kept and libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
            if ctypes.get_errno() == errno.EINVAL:
                break  # past the last one that this kernel knows
    if uid is not None:
        os.setresuid(uid, uid, uid)
    version3, itself = 0x20080522, 0
    kept_bits = 0 if kept is None else 1 << kept
    sets = struct.pack("=6I", *[kept_bits] * 3, *[0] * 3)
    _check(libc.capset(struct.pack("=Ii", version3, itself), sets), "capset")
    if kept is not None:
        _check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept, 0, 0), "ambient capability")
    _check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _check(libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "dumpable")  # or /proc/self would be root's


def limit(limits: dict, pid: int = 0) -> None:
    """Set resource limits, {"DATA": 2**31, …}, of this process or of another."""
    import resource  # Windows has none

    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is not None:
            most = resource.prlimit(pid, kind)[1]
            least = value if most == resource.RLIM_INFINITY else min(value, most)
            resource.prlimit(pid, kind, (least, least))


# System calls that no homework needs and that reach beyond the box: other namespaces, keyrings,
# memory that no limit counts (memfd, System V, Landlock's rules), what a user or the whole machine
# has only so many of (inotify, aio), other processes, and the usual ways into the kernel.
FORBIDDEN = """
    acct add_key adjtimex bpf chroot clock_adjtime clock_settime delete_module fanotify_init
    finit_module fsconfig fsmount fsopen fspick init_module inotify_add_watch inotify_init
    inotify_init1 io_setup io_uring_enter io_uring_register io_uring_setup kcmp kexec_file_load
    kexec_load keyctl landlock_add_rule landlock_create_ruleset listmount lookup_dcookie
    memfd_create memfd_secret migrate_pages mount mount_setattr move_mount move_pages msgget
    name_to_handle_at open_by_handle_at open_tree perf_event_open personality pidfd_getfd
    pivot_root process_madvise process_mrelease process_vm_readv process_vm_writev ptrace
    quotactl quotactl_fd reboot request_key semget setdomainname sethostname setns settimeofday
    shmat shmctl shmget statmount swapoff swapon syslog umount2 unshare userfaultfd
""".split()
# Where files, users and what processes send each other are shared with the rest of the machine, as
# they are behind Landlock, which knows of none of these. Ended well without being done, because
# honest programs (shutil.copy2, OpenMP) do them by the way: modes, owners, times, attributes,
# processors.
PRETENDED = """
    chmod chown fchmod fchmodat fchmodat2 fchown fchownat fremovexattr fsetxattr futimesat
    lchown lremovexattr lsetxattr removexattr sched_setaffinity setxattr utime utimensat utimes
""".split()
# Refused there: sockets and names for them, messages with open files in them, queues and
# semaphores of the user, other processes' priorities.
SHARED = """
    bind connect ioprio_set listen mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend
    mq_unlink msgctl msgrcv msgsnd sched_setattr sched_setparam sched_setscheduler semctl semop
    semtimedop sendmmsg sendmsg setpriority
""".split()
AF_UNIX, AF_NETLINK = 1, 16  # not the internet's, nor AF_VSOCK, which leads out of a machine
STREAM, SEQPACKET = 1, 5
BUFFER_SIZES = (7, 8, 32, 33)  # of sockets; SO_SNDBUF, SO_RCVBUF and their forced forms
# That a signal be sent to somebody when a file is ready, leases, watches, larger pipes
FCNTL = (8, 10, 15, 1024, 1026, 1031)
LOCKS = (6, 7, 37, 38)  # on parts of a file: as many as one likes, and counted by nothing
IOCTL = (0x8901, 0x8902, 0x5412, 0x541C)  # the same for sockets; typing into a terminal
CORE = 4  # RLIMIT_CORE, see `exam.walls.common.Limits`
NAMESPACES = NEW_NS | NEW_CGROUP | NEW_UTS | NEW_IPC | NEW_USER | NEW_PID | NEW_NET


def known() -> bool:
    """Whether this file knows the processor's system calls."""
    return platform.machine() in ARCHITECTURES


def filter_calls(shared: bool = False, alone: bool = False) -> None:
    """Refuse system calls, for good; OSError on a processor that this file does not know.

    shared, alone: see `program`.
    """
    if not known():
        raise OSError(errno.ENOSYS, f"no system call filter for {platform.machine()}")
    code = program(shared, os.getpid() if alone else None)
    buffer = ctypes.create_string_buffer(code, len(code))
    length, padding = len(code) // 8, b"\0" * 6
    pointer = struct.pack("=H", length) + padding + struct.pack("=Q", ctypes.addressof(buffer))
    _check(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, pointer, 0, 0), "seccomp")


def program(shared: bool = False, itself: int | None = None) -> bytes:
    """The filter in classic BPF.

    shared: files, users and messages are those of the rest of the machine. itself: signal nobody
    but this process, and stay in its session, where no wall keeps signals in.
    """
    audit, column = ARCHITECTURES[platform.machine()]
    number, architecture = 0, 4
    rules = [(LOAD, 0, 0, architecture), (EQUAL, 1, 0, audit), (GIVE, 0, 0, KILL)]
    rules += [(LOAD, 0, 0, number)]
    # x86_64's second numbering of the same calls begins at 0x40000000
    rules += [(AT_LEAST, 0, 1, KNOWN + 1), (GIVE, 0, 0, REFUSE | errno.ENOSYS)]
    for name in [*FORBIDDEN, *(SHARED if shared else [])]:
        rules += _always(CALLS[name][column], REFUSE | errno.EPERM)
    # clone3 hides its flags in memory: say that there is none, and the C library uses clone.
    rules += _always(CALLS["clone3"][column], REFUSE | errno.ENOSYS)
    rules += _of(CALLS["clone"][column], _where(0, ANY_BIT, [NAMESPACES]))
    rules += _of(CALLS["ioctl"][column], _where(1, EQUAL, IOCTL))
    rules += _of(CALLS["prctl"][column], _where(0, EQUAL, [PR_SET_DUMPABLE]))  # hides what it uses
    rules += _of(CALLS["setsockopt"][column], _where(2, EQUAL, BUFFER_SIZES, REFUSE))  # pretended
    families = [] if shared else [AF_UNIX, AF_NETLINK]
    no_family = REFUSE | errno.EAFNOSUPPORT
    rules += _of(CALLS["socket"][column], _unless(0, families, no_family))
    rules += _of(CALLS["setrlimit"][column], _where(0, EQUAL, [CORE]))
    of_others = _unless(0, [0]) if shared else []
    rules += _of(CALLS["prlimit64"][column], _where(1, EQUAL, [CORE]), of_others)
    signals = _where(1, EQUAL, FCNTL) if shared else []
    rules += _of(CALLS["fcntl"][column], _where(1, EQUAL, LOCKS, REFUSE), signals)  # pretended
    if shared:
        for name in PRETENDED:
            rules += _always(CALLS[name][column], REFUSE)
        # Datagrams can be sent to an address; the low four bits are the kind, "raw" means datagrams
        kinds = [STREAM, SEQPACKET]
        rules += _of(CALLS["socketpair"][column], _unless(1, kinds, mask=0xF))
    if itself is not None:
        for name in ("kill", "tgkill"):
            rules += _of(CALLS[name][column], _unless(0, [itself]))
        for name in ("tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"):
            rules += _always(CALLS[name][column], REFUSE | errno.EPERM)
        for name in ("setsid", "setpgid"):
            rules += _always(CALLS[name][column], REFUSE)
    rules += [(GIVE, 0, 0, ALLOW)]
    return b"".join(struct.pack("=HBBI", *rule) for rule in rules)


LOAD, AND, EQUAL, ANY_BIT, AT_LEAST, GIVE = 0x20, 0x54, 0x15, 0x45, 0x35, 0x06
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000


def _always(call: int | None, verdict: int) -> list[tuple]:
    return [] if call is None else [(EQUAL, 0, 1, call), (GIVE, 0, 0, verdict)]


def _of(call: int | None, *checks: list[tuple]) -> list[tuple]:
    """Checks of one call, which is allowed where none of them gives a verdict; nothing where this
    processor has no such call.
    """
    if call is None:
        return []
    whole = [*itertools.chain(*checks), (GIVE, 0, 0, ALLOW)]
    return [(EQUAL, 0, len(whole), call), *whole]


def _where(place: int, test: int, values, verdict: int = REFUSE | errno.EPERM) -> list[tuple]:
    """Give the verdict where the argument in that place passes the test with any of the values."""
    checks = [(LOAD, 0, 0, 16 + 8 * place)]
    for value in values:
        checks += [(test, 0, 1, value), (GIVE, 0, 0, verdict)]
    return checks


def _unless(place: int, values, verdict: int = REFUSE | errno.EPERM, mask: int = 0) -> list[tuple]:
    """Give the verdict where the argument in that place is none of the values, else allow."""
    checks = [(LOAD, 0, 0, 16 + 8 * place)] + ([(AND, 0, 0, mask)] if mask else [])
    for value in values:
        checks += [(EQUAL, 0, 1, value), (GIVE, 0, 0, ALLOW)]
    return [*checks, (GIVE, 0, 0, verdict)]


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
