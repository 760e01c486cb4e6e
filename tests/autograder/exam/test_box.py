"""What a process in a box can see, reach and use; every line asked of a real one."""

import json
import os

import pytest

from autograder.exam.box import Limits
from autograder.exam.warm import Warm
from autograder.student import wire


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    course = tmp_path_factory.mktemp("course")
    (course / "gradebook.db").write_text("grades")
    with Warm(Limits(memory=2**30, disk=32 * 2**20, processes=40), [course]) as server:
        yield server


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


def test_it_sees_a_copy_of_the_submission_and_no_other_file_of_the_host(process, warm):
    assert value(process, "os.listdir()") == ["mine.txt"]
    assert value(process, "os.getcwd()") == "/home/student/vae"
    assert value(process, "os.listdir('/home')") == ["student"]
    assert value(process, "sorted(os.listdir('/etc'))") == sorted(
        set(value(process, "os.listdir('/etc')"))
        & {
            "alternatives",
            "fonts",
            "group",
            "hosts",
            "ld.so.cache",
            "ld.so.conf",
            "ld.so.conf.d",
            "localtime",
            "passwd",
        }
    )
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


def test_it_has_no_privilege_and_cannot_get_one(process):
    status = run(process, "print(open('/proc/self/status').read())")
    fields = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    assert {fields[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
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
    assert value(process, "[name for _, name in socket.if_nameindex()]") == ["lo"]
    assert "Error" in run(process, "import socket; socket.create_connection(('1.1.1.1', 53), 2)")
    assert "Error" in run(process, "import socket; socket.socket(40, socket.SOCK_STREAM)")


def test_it_sees_only_its_own_processes(process):
    seen = value(process, "[int(p) for p in os.listdir('/proc') if p.isdigit()]")
    assert len(seen) <= 4 and max(seen) < 20
    assert os.getpid() not in seen or os.getpid() < 20


def test_its_environment_is_clean(process, monkeypatch):
    names = value(process, "sorted(os.environ)")
    assert not [
        n for n in names if "TOKEN" in n or "KEY" in n or "SECRET" in n or n.startswith("SSH")
    ]
    assert value(process, "os.environ['HOME']") == "/home/student"
    assert "kit" not in run(process, "print(open('/proc/1/cmdline').read())")


def test_it_writes_only_into_its_own_bounded_folders(process):
    places = "('/', '/usr', '/dev', '/home', '/proc/sys/kernel', *sys.path[:2], sys.prefix)"
    assert value(process, f"[p for p in {places} if os.access(p, os.W_OK)]") in (
        [],
        ["/home/student/vae"],
    )
    for folder in (".", "/tmp", "/dev/shm"):
        told = run(
            process, f"for n in range(99): open(f'{folder}/{{n}}', 'wb').write(bytes(2**20))"
        )
        assert "OSError" in told


def test_nothing_of_one_box_is_left_in_the_next(warm, tmp_path):
    first = warm.enter(tmp_path, [], "vae")
    run(first, "for f in ('/tmp', '/dev/shm', '.'): open(f + '/left', 'w').write('behind')")
    run(first, "import torch; torch.manual_seed(0); torch.left = 'behind'")
    first.close()
    second = warm.enter(tmp_path, [], "vae")
    try:
        assert value(second, "[os.listdir(f) for f in ('.', '/dev/shm')]") == [[], []]
        assert not value(second, "os.path.exists('/tmp/left')")
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
    assert inside.box.usage().processes >= 6
    inside.close()
    assert inside.box.usage().processes == 0


def test_usage_is_measured_from_outside(process):
    before = process.box.usage()
    run(process, "x = bytearray(200 * 2**20)\nfor i in range(10**6): pass")
    after = process.box.usage()
    assert after.memory - before.memory > 150 * 2**20 and after.cpu >= before.cpu


def test_torch_is_there_before_the_first_import(process):
    assert value(process, "'torch' in sys.modules")
