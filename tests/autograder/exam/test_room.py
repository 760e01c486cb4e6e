"""How many submissions fit into memory at a time."""

from types import SimpleNamespace

import pytest

from autograder.exam import room
from autograder.exam.walls.common import Limits

GIBI = 2**30


def machine(root, available=8 * GIBI, groups=(), line="0::/\n"):
    """A /proc and a /sys: {path below /sys/fs/cgroup: content}."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal: 99 kB\nMemAvailable: {available // 1024} kB\n")
    (root / "proc/self/cgroup").write_text(line)
    for name, content in dict(groups).items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(content))
    return root


def test_what_the_machine_has(tmp_path):
    assert room.free(machine(tmp_path)) == 8 * GIBI


def test_a_container_of_version_2_allows_less_and_its_cache_makes_room(tmp_path):
    groups = {
        "memory.max": 4 * GIBI,
        "memory.current": 3 * GIBI,
        "memory.stat": f"anon {GIBI}\ninactive_file {2 * GIBI}\n",
    }
    assert room.free(machine(tmp_path, groups=groups)) == 3 * GIBI


def test_the_group_above_counts_too_and_one_without_a_limit_does_not(tmp_path):
    groups = {
        "user/memory.max": 2 * GIBI,
        "user/memory.current": GIBI,
        "user/job/memory.max": "max",
        "user/job/memory.current": 5,
    }
    assert room.free(machine(tmp_path, groups=groups, line="0::/user/job\n")) == GIBI


def test_a_container_of_version_1_is_told_a_path_that_it_does_not_see(tmp_path):
    groups = {
        "memory/memory.limit_in_bytes": 3 * GIBI,
        "memory/memory.usage_in_bytes": GIBI,
        "memory/memory.stat": "total_inactive_file 0\n",
    }
    root = machine(tmp_path, groups=groups, line="8:pids:/\n4:memory:/docker/abc\n")
    assert room.free(root) == 2 * GIBI


def test_a_system_that_tells_nothing_limits_nothing(tmp_path):
    assert room.free(tmp_path) is None
    assert room.boxes(2 * GIBI, 4, None) == 4


@pytest.mark.parametrize(
    ("wall", "kept", "files"),
    [("namespaces", "ext4", True), ("landlock", "tmpfs", True), ("landlock", "ext4", False)],
)
def test_files_count_where_they_lie_in_memory(monkeypatch, tmp_path, wall, kept, files):
    disk = SimpleNamespace(mountpoint=str(tmp_path.parent), fstype=kept)
    root = SimpleNamespace(mountpoint="/", fstype="overlay")
    monkeypatch.setattr(room.psutil, "disk_partitions", lambda all: [disk, root])
    monkeypatch.setattr(room.tempfile, "gettempdir", lambda: str(tmp_path))
    limits = Limits(memory=GIBI, disk=GIBI // 4)
    assert room.taken(limits, wall) == GIBI + (GIBI // 4 if files else 0)


@pytest.mark.parametrize("there", [0, 1, 2, 3, 6, 9, 40])
@pytest.mark.parametrize("wanted", [1, 2, 8])
def test_boxes_never_exceed_what_is_there(there, wanted):
    fit = room.boxes(2 * GIBI, wanted, there * GIBI)
    assert fit <= wanted and fit * 2 <= there
    assert (fit >= 1) == (there >= 2)
