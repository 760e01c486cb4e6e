"""What a process in a box can see, reach and use; every line asked of a real one."""

import contextlib
import json
import os
import pathlib
import time

import pytest

from autograder.exam.walls.common import Limits
from autograder.student import wire
from tests.support import walls


@pytest.fixture(scope="module", params=walls.ways())
def warm(request, tmp_path_factory):
    course = tmp_path_factory.mktemp("course")
    (course / "gradebook.db").write_text("grades")
    limits = Limits(memory=2**30, disk=32 * 2**20, processes=40)
    with walls.behind(request.param, limits, [course]) as server:
        yield server


@pytest.fixture
def only(warm):
    """only(rung): skip the rest behind another wall."""

    def skip(rung):
        if warm.rung != rung:
            pytest.skip(f"only behind {rung}")

    return skip


@pytest.fixture
def process(warm, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    inside = warm.enter(tmp_path, ["mine.txt"], "vae")
    yield inside
    inside.close()


def run(process, source, seconds=20):
    """Run a cell; what it printed, and its errors."""
    wire.send(process.fd, {"do": "run", "source": source, "seconds": seconds, "serial": 1}, 5)
    outputs = wire.receive(process.fd, seconds + 5)["outputs"]
    return "".join(o.get("text", "") or "\n".join(o.get("traceback", [])) for o in outputs)


def value(process, expression, imports="os, sys, socket, ctypes, subprocess, pathlib, json"):
    """The value of an expression there, through JSON."""
    return json.loads(run(process, f"import {imports}\nprint(json.dumps({expression}))"))


def test_it_has_a_copy_of_the_submission_and_opens_no_other_file_of_the_host(process, warm):
    assert value(process, "os.listdir()") == ["mine.txt"]
    assert value(process, "os.getcwd() == os.path.expanduser('~/vae')")
    tops = (*warm.hidden, "/var/log", "/etc/shadow", "/boot", "/srv", "/media")
    run(
        process,
        """import os
def opened(top):
    for base, folders, files in os.walk(top) if os.path.isdir(top) else [("", [], [top])]:
        for file in files:
            try: open(os.path.join(base, file), "rb").read(1); return os.path.join(base, file)
            except OSError: pass
""",
    )
    assert value(process, f"[opened(top) for top in {[str(t) for t in tops]}]") == [None] * len(
        tops
    )


def test_in_namespaces_no_other_file_of_the_host_is_there(process, warm, only):
    only("namespaces")
    there = {"alternatives", "fonts", "group", "hosts", "passwd", "localtime"}
    there |= {"ld.so.cache", "ld.so.conf", "ld.so.conf.d"}
    assert set(value(process, "os.listdir('/etc')")) <= there
    assert "root:x:0:0::/:/bin/false" in run(process, "print(open('/etc/passwd').read())")
    for path in (*warm.hidden, "/var/log", "/etc/shadow", "/boot", "/srv", "/media"):
        assert value(process, f"os.path.isdir({str(path)!r}) and os.listdir({str(path)!r})") in (
            [],
            False,
        )


def test_it_can_import_utils_and_neutral_code_only(process):
    assert value(process, "bool(__import__('utils.data'))")
    for name in ("key", "exam", "plugins", "course", "release", "cli"):
        assert "Error" in run(process, f"import autograder.{name}")
    assert not value(
        process,
        "[str(p) for p in pathlib.Path(sys.modules['autograder'].__file__).parent.rglob('*.py') "
        "if 'Mistake(' in p.read_text() or 'Question(' in p.read_text()]",
        "os, sys, json, pathlib, autograder",
    )


def test_it_has_no_privilege_and_cannot_get_one(process, warm):
    status = run(process, "print(open('/proc/self/status').read())")
    fields = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    kept = getattr(warm.wall, "kept", None)
    wanted = f"{0 if kept is None else 1 << kept:016x}"
    assert {fields[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Amb")} == {wanted}
    assert fields["CapBnd"] == wanted or os.geteuid()  # only root can empty what a container allows
    assert fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2"
    assert value(process, "os.getuid()") != 0
    for call in (
        "unshare(0x10000000)",
        "unshare(0x20000)",
        "ptrace(0, 0, 0, 0)",
        "memfd_create(b'', 0)",
    ):
        assert value(process, f"ctypes.CDLL(None).{call}") == -1


def test_it_has_no_network(process):
    for source in ("create_connection(('1.1.1.1', 53), 2)", "socket(40)", "socket(10)"):
        assert "Error" in run(process, f"import socket; socket.{source}")


def test_it_reaches_only_its_own_processes(process):
    reach = """import os
def reached(pid):
    found = []
    for name in ("environ", "mem", "maps", "cwd", "root", "fd"):
        try: os.stat(f"/proc/{pid}/{name}/."); open(f"/proc/{pid}/{name}", "rb").read(1)
        except NotADirectoryError: pass
        except OSError: continue
        try: open(f"/proc/{pid}/{name}", "rb").read(1); found.append(name)
        except IsADirectoryError: found.append(name)
        except OSError: pass
    return found
def signalled(pid):
    try: os.kill(pid, 0); return True
    except OSError: return False
"""
    run(process, reach)
    pids = [1, 2, os.getpid(), os.getppid()]
    assert value(process, f"[reached(pid) for pid in {pids}]") == [[]] * 4
    assert value(process, f"[signalled(pid) for pid in {pids}]") == [False] * 4


def test_a_signal_to_its_group_reaches_nobody_outside(process):
    """Where the system does not keep signals in, its guardian would stop with it, and stay."""
    told = run(
        process,
        """import os
try: os.kill(0, 0)
except PermissionError: print(True)
else: print(os.getpgid(0) == os.getpid())
""",
    )
    assert told == "True\n"


def test_its_environment_is_clean(process):
    names = value(process, "sorted(os.environ)")
    assert not [
        n for n in names if "TOKEN" in n or "KEY" in n or "SECRET" in n or n.startswith("SSH")
    ]
    told = run(process, "print(open('/proc/1/cmdline').read())")
    assert "kit" not in told.partition("Error")[0]


def test_it_writes_only_into_its_own_bounded_folders(process, warm):
    run(
        process,
        """import os, sys
def written(place):
    try: open(place + "/x", "w").close(); return True
    except OSError: return False
""",
    )
    places = "('/', '/usr', '/dev', '/home', '/proc/sys/kernel', *sys.path[1:3], sys.prefix, '.')"
    assert value(process, f"[p for p in {places} if written(p)]") == ["."]


def test_all_its_folders_are_one_budget(process, only):
    only("namespaces")
    fill = "for n in range(20): open(f'{0}/{1}{{n}}', 'wb').write(bytes(2**20))"
    assert run(process, fill.format("/tmp", "a")) == ""
    for folder, name in ((".", "b"), ("/dev/shm", "c")):
        assert "OSError" in run(process, fill.format(folder, name))


def test_what_it_writes_is_seen_also_when_it_has_no_name(process, only):
    only("landlock")
    before = process.box.usage().disk
    run(process, "f = open('x', 'wb'); f.write(bytes(9 * 2**20)); f.flush()")
    assert process.box.usage().disk - before > 8 * 2**20
    run(process, "import os; os.unlink('x')")
    assert process.box.usage().disk - before > 8 * 2**20


def until(condition):
    """Wait for something to become true; whether it did."""
    deadline = time.monotonic() + 20
    while not (held := condition()) and time.monotonic() < deadline:
        pass
    return held


def headless():
    """Processes that look dead and go on: their first thread has ended, another has not."""
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if ") Z " in stat.read_text() and len(os.listdir(stat.parent / "task")) > 1:
                return True
    return False


def test_what_it_writes_is_seen_also_when_only_a_mapping_holds_it(process, only):
    only("landlock")
    before = process.box.usage().disk
    run(
        process,
        """import ctypes, os
libc = ctypes.CDLL(None)
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
for n in range(2):
    with open("x", "w+b") as f:
        f.write(bytes(9 * 2**20)); f.flush(); libc.mmap(None, 4096, 1, 1, f.fileno(), 0)
    os.unlink("x")
""",
    )
    assert process.box.usage().disk - before >= 18 * 2**20


def test_what_it_writes_is_seen_also_when_a_thread_keeps_files_for_itself(process, only):
    only("landlock")
    before = process.box.usage().disk
    run(
        process,
        """import ctypes, os
libc, stack = ctypes.CDLL(None), ctypes.create_string_buffer(2**16)
f = open("x", "wb"); f.write(bytes(9 * 2**20)); f.flush(); os.unlink("x")
shares_all_but_open_files = 0x10900
pause = ctypes.cast(libc.pause, ctypes.c_void_p)
assert libc.clone(pause, ctypes.byref(stack, 2**15), shares_all_but_open_files, None) > 0
f.close()
""",
    )
    assert process.box.usage().disk - before > 8 * 2**20


def test_a_process_whose_first_thread_has_ended_is_seen(process):
    before = process.box.usage()
    run(
        process,
        """import ctypes, os, threading, time
if os.fork() == 0:
    def hold():
        x = bytearray(b"x" * (200 * 2**20))
        time.sleep(60)
    threading.Thread(target=hold).start()
    ctypes.CDLL(None).syscall(60, 0)
""",
    )
    assert until(headless)
    assert until(lambda: process.box.usage().memory - before.memory > 150 * 2**20)
    assert process.box.usage().processes > before.processes


def test_what_the_kernel_keeps_for_files_is_counted(process, only):
    only("namespaces")
    before = process.box.usage().memory
    run(process, "for n in range(40_000): open(f'{n}', 'w').close()")
    assert process.box.usage().memory - before > 40 * 2**20


def test_nothing_of_one_box_is_left_in_the_next(warm, tmp_path):
    first = warm.enter(tmp_path, [], "vae")
    run(
        first,
        "import os\nfor f in (os.environ['TMPDIR'], '.'): open(f + '/left', 'w').write('behind')",
    )
    run(first, "import torch; torch.manual_seed(0); torch.left = 'behind'")
    first.close()
    second = warm.enter(tmp_path, [], "vae")
    try:
        assert value(second, "os.listdir()") == []
        assert not value(second, "os.path.exists(os.environ['TMPDIR'] + '/left')")
        assert not value(second, "hasattr(torch, 'left')", "json, torch")
    finally:
        second.close()


def test_children_do_not_share_random_numbers(warm, tmp_path):
    drawn = set()
    for _ in range(3):
        inside = warm.enter(tmp_path, [], "vae")
        drawn.add(
            value(inside, "[random.random(), torch.rand(1).item()]", "json, random, torch")[1]
        )
        inside.close()
    assert len(drawn) == 3


def test_memory_is_limited(process):
    assert "MemoryError" in run(process, "x = bytearray(2 * 2**30)")
    assert value(process, "1 + 1") == 2


def test_processes_are_limited(process):
    told = run(
        process, "import subprocess\nc = [subprocess.Popen(['sleep', '9']) for _ in range(60)]"
    )
    assert "BlockingIOError" in told


def test_closing_the_box_ends_every_process_in_it(warm, tmp_path):
    inside = warm.enter(tmp_path, [], "vae")
    run(
        inside,
        "import subprocess\n"
        "for _ in range(5): subprocess.Popen('setsid nohup sleep 1000 &', shell=True).wait()",
    )
    assert inside.box.usage().processes >= 5
    inside.close()
    assert inside.box.usage().processes == 0


def test_usage_is_measured_from_outside(process):
    before = process.box.usage()
    run(process, "x = bytearray(200 * 2**20)\nfor i in range(10**6): pass")
    after = process.box.usage()
    assert after.memory - before.memory > 150 * 2**20 and after.cpu >= before.cpu


def test_torch_is_there_before_the_first_import(process):
    assert value(process, "'torch' in sys.modules")


def test_forks_that_do_nothing_take_next_to_nothing(process):
    """They share their pages with the process that made them."""
    idle = "for _ in range(30):\n    if os.fork() == 0:\n        time.sleep(60); os._exit(0)"
    run(process, f"import os, time\n{idle}")
    used = process.box.usage()
    assert used.processes >= 31 and used.memory < 2**30
