"""What a hostile notebook runs against whoever shares the machine with it: the grader's files by any
call that changes them, the grader itself, the user's services, and what no limit counts.

{name: source}; words in braces as in `cells`. `bus` and `notify` are sockets in the course folder.
"""

# ruff: noqa: E501  (hostile code is not ours to format)

_CHANGE = """
p = '{course}/gradebook.db'
def about():
    s = os.stat(p)
    return s.st_mode, s.st_uid, s.st_gid, s.st_nlink, s.st_mtime_ns, s.st_ctime_ns
before = about()
try: ACTION
except OSError: pass
if about() != before: found('changed')
"""
_CHANGES = {
    "its mode": "os.chmod(p, 0o666)",
    "its mode, by an open path": "os.chmod(f'/proc/self/fd/{{os.open(p, os.O_PATH)}}', 0o666)",
    "its mode, by a newer call": "CDLL.syscall(452, -100, p.encode(), 0o666, 0)",
    "its mode, by a link": "os.symlink(p, 'mine'); os.chmod('mine', 0o666)",
    "its owner": "os.chown(p, -1, -1)",
    "its owner, not following": "os.lchown(p, os.getuid(), -1)",
    "its times": "os.utime(p, (1, 1))",
    "its times, by an older call": "CDLL.utimes(p.encode(), 0)",
    "an attribute": "os.setxattr(p, 'user.x', b'1')",
    "an attribute, by a newer call": "CDLL.syscall(463, -100, p.encode(), 0, b'user.x', b'1' * 16, 16)",
    "its flags, by the newest call": "CDLL.syscall(469, -100, p.encode(), b'\\\\1' * 24, 24, 0)",
    "its length": "os.truncate(p, 0)",
    "its name": "os.rename(p, 'mine')",
    "its only name": "os.unlink(p)",
    "a second name": "os.link(p, 'mine')",
    "a second name, by an open path": "CDLL.linkat(os.open(p, os.O_PATH), b'', -100, b'mine', 0x1000)",
    "its end": "open(p, 'a').write('x')",
    "what it is": "open('mine', 'w').close(); os.replace('mine', p)",
}
NEIGHBOURS = {
    f"change the gradebook: {what}": _CHANGE.replace("ACTION", how)
    for what, how in _CHANGES.items()
}
NEIGHBOURS |= {
    "a folder in the course": "[os.mkdir('{course}/mine'), found('made')]",
    "a pipe in the course": "[os.mkfifo('{course}/mine'), found('made')]",
    "read through an open path": "found(open(f\"/proc/self/fd/{{os.open('{course}/gradebook.db', os.O_PATH)}}\").read())",
    "read by openat2": """
fd = CDLL.syscall(437, -100, b'{course}/gradebook.db', b'\\0' * 24, 24)
if fd >= 0: found(os.read(fd, 99))
""",
    "run a file of the course": "import subprocess; found(subprocess.run(['sh', '{course}/gradebook.db'], capture_output=True, check=True))",
    "watch the course folder": """
fd = CDLL.inotify_init()
if fd >= 0 and CDLL.inotify_add_watch(fd, b'{course}', 0xfff) >= 0: found('watching')
""",
    "talk to a service of the user": "import socket; [socket.socket(socket.AF_UNIX).connect('{course}/bus'), found('connected')]",
    "send a service a datagram": "import socket; [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', '{course}/notify'), found('sent')]",
    "send one out of a pair": "import socket; [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', '{course}/notify'), found('sent')]",
    "send one out of a raw pair": """
fds = (ctypes.c_int * 2)()
if CDLL.socketpair(1, 3, 0, fds) == 0:
    import socket
    [socket.socket(fileno=fds[0]).sendto(b'x', '{course}/notify'), found('sent')]
""",
    "address a message in a stream": "import socket; [socket.socketpair()[0].sendmsg([b'x'], [], 0, '{course}/notify'), found('sent')]",
    "limit the grader": "import resource; [resource.prlimit({host}, resource.RLIMIT_CORE, (0, 0)), found('limited')]",
    "slow the grader down": "[os.setpriority(os.PRIO_PROCESS, {host}, 5), found('slower')]",
    "slow all of the user down": """
os.setpriority(os.PRIO_USER, os.getuid(), 5)
if os.getpriority(os.PRIO_PROCESS, {host}) == 5: found('slower')
""",
    "give the grader one processor": """
before = os.sched_getaffinity({host})
try: os.sched_setaffinity({host}, {{min(before)}})
finally:
    if os.sched_getaffinity({host}) != before: found('bound')
""",
    "let the grader run last": "[os.sched_setscheduler({host}, os.SCHED_BATCH, os.sched_param(0)), found('batch')]",
    "let the grader's disk wait": "if CDLL.syscall(251, 1, {host}, 3 << 13) == 0: found('idle')",
    "signal the grader's thread": "if CDLL.syscall(234, {host}, {host}, 0) == 0: found('signalled')",
    "signal the grader by a descriptor": "import signal; [signal.pidfd_send_signal(os.pidfd_open({host}), 0), found('signalled')]",
    "queue a signal for the grader": "if CDLL.syscall(129, {host}, 0, b'\\0' * 128) == 0: found('signalled')",
    "have a pipe signal the grader": """
import fcntl
r, w = os.pipe(); fcntl.fcntl(r, fcntl.F_SETOWN, {host})
if fcntl.fcntl(r, fcntl.F_GETOWN) == {host}: found('owner')
""",
    "have a socket signal the grader": """
import fcntl, socket, struct
a, b = socket.socketpair(); fcntl.ioctl(a, 0x8901, struct.pack('i', {host}))
if fcntl.fcntl(a, fcntl.F_GETOWN) == {host}: found('owner')
""",
    "the grader's folder": "found(os.readlink('/proc/{host}/cwd'))",
    "the grader's open files": "found(str(os.listdir('/proc/{host}/fd')))",
    "the grader's command": "found(open('/proc/{host}/cmdline').read())",
    "the grader's files by descriptor": "if CDLL.syscall(438, os.pidfd_open({host}), 0, 0) >= 0: found('got')",
    "the grader's memory given back": "if CDLL.syscall(440, os.pidfd_open({host}), b'\\0' * 16, 1, 20, 0) >= 0: found('advised')",
    "compare with the grader": "if CDLL.syscall(312, {host}, os.getpid(), 0, 0, 0) >= 0: found('compared')",
    "memory of the box's first processes": """
for pid in (1, 2, os.getppid()):
    try:
        line = next(l for l in open(f'/proc/{pid}/maps') if ' rw-p ' in l)
        with open(f'/proc/{pid}/mem', 'rb', 0) as mem:
            mem.seek(int(line.split('-')[0], 16)); mem.read(8)
    except (OSError, StopIteration): continue
    if pid > 0: found(pid)
""",
    "write the first process's memory": "[open('/proc/1/mem', 'r+b', 0), found('opened')]",
    "signal whoever started this": "[os.kill(os.getppid() or 1, 0), found('signalled')]",
    "type into a terminal": "import fcntl; [fcntl.ioctl(os.open('/dev/tty', os.O_RDWR), 0x5412, b'x'), found('typed')]",
    "mounts, by newer calls": """
for number, words in ((430, (b'tmpfs', 0)), (428, (-100, b'/', 1)), (457, (b'\\0' * 24, b'\\0' * 99, 99, 0))):
    if CDLL.syscall(number, *words) >= 0: found(number)
""",
    "be killed last": """
try: open('/proc/self/oom_score_adj', 'w').write('0')
finally:
    if open('/proc/self/oom_score_adj').read().strip() != '1000': found('last')
""",
    "hide what it uses": "if CDLL.prctl(4, 0, 0, 0, 0) == 0: found('hidden')",
    "larger socket buffers": """
import socket
a, b = socket.socketpair(); before = a.getsockopt(1, 7), a.getsockopt(1, 8)
for name in (7, 8): a.setsockopt(1, name, 2**22)
if (a.getsockopt(1, 7), a.getsockopt(1, 8)) != before: found('larger')
""",
    "memory in page tables": """
import mmap, time
for _ in range(25):
    if os.fork() == 0:
        m = mmap.mmap(-1, 30 * 2**30, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE | 0x4000)
        for place in range(0, len(m), 2**21): m[place]
        time.sleep(60); os._exit(0)
time.sleep(60)
""",
    "memory in socket buffers": """
import socket, time
for _ in range(25):
    if os.fork() == 0:
        kept = []
        try:
            while True:
                pair = socket.socketpair(); kept.append(pair); pair[0].setblocking(False)
                try:
                    while True: pair[0].send(bytes(4096))
                except BlockingIOError: pass
        except OSError: pass
        time.sleep(3); os._exit(0)
time.sleep(4)
""",
    "files without a name": """
import time
for n in range(9):
    f = open(f'{{n}}', 'wb'); os.unlink(f'{{n}}'); f.write(bytes(15 * 2**20)); f.flush(); globals()[f'kept{{n}}'] = f
time.sleep(3)
""",
    "a million files": "for n in range(10**6): open(f'{{n}}', 'w').close()",
    "folders without end": "for _ in range(3000): os.mkdir('deep'); os.chdir('deep')",
    "a folder that nobody may look into": """
import time
os.mkdir('closed', 0o300)
for n in range(9): open(f'closed/{{n}}', 'wb').write(bytes(9 * 2**20))
time.sleep(3)
""",
    "a daemon that is its own reaper": """
CDLL.prctl(36, 1, 0, 0, 0)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True: __import__('time').sleep(0.1)
    os._exit(0)
""",
    "a process that moves": """
if os.fork() == 0:
    os.setsid()
    while True:
        if os.fork(): os._exit(0)
""",
}

# What the kernel keeps for processes and counts for nobody, or for a whole user or machine at once.
_KEPT = {
    "semaphores of the machine": "if CDLL.semget(0, 32000, 0o1600) >= 0: found('semaphores')",
    "the machine's slots for reading ahead": """
if CDLL.syscall(206, 60000, ctypes.byref(ctypes.c_ulong(0))) == 0: found('slots')
""",
    "rules of a domain of one's own": """
about = (ctypes.c_uint64 * 3)(0, 3, 0)
if CDLL.syscall(444, about, ctypes.c_size_t(16), 0) >= 0: found('rules')
""",
    "the user's watches of folders": "if CDLL.inotify_init1(0) >= 0: found('instance')",
    "locks on single bytes": """
import fcntl
f = open('locked', 'w+')
for n in range(10**5, 0, -2): fcntl.lockf(f, fcntl.LOCK_EX, 1, n)
if os.fork() == 0:
    try: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 2)
    except OSError: os._exit(3)
    os._exit(0)
if os.wait()[1]: found('locks')
""",
    "locks of open files": """
import fcntl, struct
f, g = open('locked', 'w+'), open('locked', 'r+')
lock = struct.pack('hhqqi', fcntl.F_WRLCK, 0, 2, 1, 0)
fcntl.fcntl(f, 37, lock)
try: fcntl.fcntl(g, 37, lock)
except OSError: found('locks')
""",
    "timers of the user": """
made = 0
for _ in range(5000): made += CDLL.timer_create(0, None, ctypes.byref(ctypes.c_void_p())) == 0
if made > 2000: found(made)
""",
    "what the machine does with a crash": """
import resource
def about(): return [line for line in open('/proc/self/limits') if line.startswith('Max core')]
before = about()
try: resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except (OSError, ValueError): pass
CDLL.syscall(160, 4, (ctypes.c_uint64 * 2)(0, 0))
CDLL.prlimit(0, 4, (ctypes.c_uint64 * 2)(0, 0), None)
if about() != before or 'unlimited' in before[0]: found(about())
""",
    "the name of a service": """
import socket
a, b = socket.socketpair()
a.bind('\\0org.freedesktop.DBus'), os.path.exists('{course}') and found('named')
""",
    "a name by an address that is chosen": """
import socket
a, b = socket.socketpair()
size = ctypes.c_short(1)
if CDLL.bind(a.fileno(), ctypes.byref(size), 2) == 0 and os.path.exists('{course}'): found('named')
""",
    "stop whoever waits for this": "os.kill(0, 19)",
    "end the group": "os.killpg(0, 9)",
    "end all groups": "for n in range(1, 2000):\n    try: os.killpg(n, 9)\n    except OSError: pass",
    "a signal to the grader's group": "[os.killpg(os.getpgid({host}), 0), found('signalled')]",
    "memory behind a first thread that has ended": """
import threading, time
for _ in range(9):
    if os.fork() == 0:
        def hold():
            x = bytearray(b'x' * (4 * 10**8)); time.sleep(20)
        threading.Thread(target=hold).start(); CDLL.syscall(60, 0)
time.sleep(6)
""",
    "files that only a mapping holds": """
import time
CDLL.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
for n in range(9):
    with open(f'{{n}}', 'w+b') as f:
        f.write(bytes(15 * 2**20)); f.flush(); CDLL.mmap(None, 4096, 1, 1, f.fileno(), 0)
    os.unlink(f'{{n}}')
time.sleep(3)
""",
    "files that a thread of its own holds": """
import time
stack = ctypes.create_string_buffer(2**16)
for n in range(9):
    f = open(f'{{n}}', 'wb'); os.unlink(f'{{n}}'); f.write(bytes(15 * 2**20)); f.flush()
    CDLL.clone(ctypes.cast(CDLL.pause, ctypes.c_void_p), ctypes.byref(stack, 2**15), 0x10900, None)
    f.close()
time.sleep(3)
""",
    "arguments without end": """
import subprocess
for _ in range(300): subprocess.run(['true', *['x' * 10**5] * 15], env={{'a': 'x' * 10**5}})
""",
    "holes in files": """
for n in range(400):
    fd = os.open(f'{{n}}', os.O_RDWR | os.O_CREAT)
    os.posix_fallocate(fd, 0, 15 * 2**20); CDLL.fallocate(fd, 3, ctypes.c_long(0), ctypes.c_long(2**20))
""",
    "a directory descriptor sent in a message": """
import socket
a, b = socket.socketpair()
socket.send_fds(a, [b'x'], [os.open('/', os.O_PATH)])
found(os.listdir(f"/proc/self/fd/{{socket.recv_fds(b, 9, 1)[1][0]}}{course}"))
""",
    "listen for the machine's services": """
for line in open('/proc/self/net/unix'):
    if '{course}' in line: found(line)
""",
    "the machine's mounts": """
for line in open('/proc/self/mountinfo'):
    if '{course}' in line: found(line)
""",
    "memory of another by one call": """
import struct
if CDLL.syscall(310, {host}, (ctypes.c_uint64 * 2)(0, 8), 1, (ctypes.c_uint64 * 2)(4096, 8), 1, 0) > 0: found('read')
if CDLL.syscall(311, {host}, (ctypes.c_uint64 * 2)(0, 8), 1, (ctypes.c_uint64 * 2)(4096, 8), 1, 0) > 0: found('written')
""",
    "faults handled by oneself": "if CDLL.syscall(323, 1) >= 0: found('userfaultfd')",
    "a handle in place of a name": """
buffer = (ctypes.c_uint32 * 40)(128)
if CDLL.syscall(303, -100, b'/', buffer, ctypes.byref(ctypes.c_int()), 0) == 0: found('handle')
""",
    "events of a whole file system": "if CDLL.syscall(300, 0, 0) >= 0: found('fanotify')",
    "secret memory": "if CDLL.syscall(447, 0) >= 0: found('secret')",
    "a key of the session": "if CDLL.syscall(248, b'user', b'x', b'y', 1, -3) > 0: found('key')",
    "calls of tomorrow": "for n in range(463, 1000):\n    if CDLL.syscall(n, 0, 0, 0, 0, 0) != -1: found(n)",
    "calls of another kind of processor": "for n in (0x40000000 + 57, 0x40000000 + 101): \n    if CDLL.syscall(n, 0, 0, 0, 0) != -1: found(n)",
}
NEIGHBOURS |= _KEPT
