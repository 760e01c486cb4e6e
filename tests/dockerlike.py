"""Run a command as an ordinary Docker container would.

    python tests/dockerlike.py [--user UID] [--unconfined] [--reach FOLDER] COMMAND …

Docker's fourteen default capabilities, and of moby/profiles' seccomp/default.json the refusals that
matter here: unshare, mount, setns, clone with CLONE_NEW*, clone3. --unconfined leaves the refusals
out, as `--security-opt seccomp=unconfined` does. --reach lets everybody pass through the folders
above FOLDER, for this command only: a Python in root's home is of use to root alone.

An emulation, as root and on x86_64: no image, no cgroup, the host's files are all there.
"""

import ctypes
import os
import struct
import subprocess

libc = ctypes.CDLL(None, use_errno=True)
# chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot
# mknod audit_write setfcap
CAPABILITIES = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}
REFUSED = {
    "unshare": 272,
    "mount": 165,
    "umount2": 166,
    "pivot_root": 155,
    "setns": 308,
    "bpf": 321,
    "fsopen": 430,
    "fsmount": 432,
    "move_mount": 429,
    "open_tree": 428,
    "mount_setattr": 442,
    "sethostname": 170,
    "setdomainname": 171,
    "perf_event_open": 298,
    "keyctl": 250,
    "add_key": 248,
    "request_key": 249,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "userfaultfd": 323,
    "pidfd_getfd": 438,
    "kcmp": 312,
    "syslog": 103,
    "open_by_handle_at": 304,
    "quotactl": 179,
}
CLONE, CLONE3 = 56, 435
NEW = 0x7E020000  # CLONE_NEW*: mount, cgroup, uts, ipc, user, pid, net
EPERM, ENOSYS = 1, 38


def program() -> bytes:
    """The filter in classic BPF: (code, jump if true, jump if false, value) each."""
    load, equal, any_bit, give, refuse, allow = 0x20, 0x15, 0x45, 0x06, 0x00050000, 0x7FFF0000
    rules = [(load, 0, 0, 0)]
    for number in REFUSED.values():
        rules += [(equal, 0, 1, number), (give, 0, 0, refuse | EPERM)]
    rules += [(equal, 0, 1, CLONE3), (give, 0, 0, refuse | ENOSYS)]
    rules += [(equal, 0, 3, CLONE), (load, 0, 0, 16), (any_bit, 0, 1, NEW)]
    rules += [(give, 0, 0, refuse | EPERM), (give, 0, 0, allow)]
    return b"".join(struct.pack("=HBBI", *rule) for rule in rules)


def reach(folder: str) -> None:
    """In a mount namespace of our own, let everybody pass through the folders above one."""
    above = os.path.realpath(folder).split(os.sep)[1]
    closed = os.path.join("/", above)
    if libc.unshare(0x00020000):
        raise OSError(ctypes.get_errno(), "unshare")
    script = (
        'mount --make-rprivate / && mount -t tmpfs none /mnt && mkdir "/mnt/kept" && '
        'mount --bind "$1" /mnt/kept && mount -t tmpfs -o mode=755 none "$0" && mkdir -p "$1" && '
        'mount --move /mnt/kept "$1" && umount /mnt'
    )
    subprocess.run(["sh", "-c", script, closed, os.path.realpath(folder)], check=True)


def enter(user: int | None, unconfined: bool) -> None:
    """Become what a container's first process is."""
    for capability in set(range(64)) - CAPABILITIES:
        libc.prctl(24, capability, 0, 0, 0)
    low = sum(1 << capability for capability in CAPABILITIES)
    libc.capset(struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", low, low, 0, 0, 0, 0))
    libc.prctl(38, 1, 0, 0, 0)  # no new privileges: without them a filter could not be installed
    if not unconfined:
        code = program()
        buffer = ctypes.create_string_buffer(code, len(code))
        pointer = struct.pack("=H6xQ", len(code) // 8, ctypes.addressof(buffer))
        if libc.prctl(22, 2, pointer, 0, 0):
            raise OSError(ctypes.get_errno(), "seccomp")
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)


def main() -> None:
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--user", type=int)
    parser.add_argument("--unconfined", action="store_true")
    parser.add_argument("--reach", metavar="FOLDER")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if options.reach:
        reach(options.reach)
    enter(options.user, options.unconfined)
    os.execvp(options.command[0], options.command)


if __name__ == "__main__":
    main()
