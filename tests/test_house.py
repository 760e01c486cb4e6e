"""The rooms of ARCHITECTURE.md: who may import whom, no circles, nothing outgrown."""

import re
from collections import Counter

from autograder.key import catalogue
from tests.support import house


def test_every_room_imports_only_what_it_may():
    assert house.trespasses(house.graph()) == []


def test_a_trespass_and_a_circle_would_be_found():
    links = {
        "utils.data": {"autograder.key.catalogue"},
        "autograder.key.catalogue": {"autograder.exam.verdict"},
        "autograder.exam.verdict": {"autograder.key.catalogue"},
    }
    assert house.trespasses(links) == [
        "autograder.key.catalogue imports autograder.exam.verdict",
        "utils.data imports autograder.key.catalogue",
    ]
    assert house.cycles(links) == [["autograder.exam.verdict", "autograder.key.catalogue"]]


def test_no_modules_import_in_a_circle():
    assert house.cycles(house.graph()) == []


def test_no_module_and_no_folder_outgrows_its_reader():
    found = house.modules("autograder", "utils", "tests")
    long = {name for name, path in found.items() if len(path.read_text("utf-8").splitlines()) > 700}
    assert long == set()
    rooms = Counter(
        path.parent.relative_to(house.ROOT).as_posix()
        for path in found.values()
        if path.name != "__init__.py"
    )
    for assignment in catalogue.ASSIGNMENTS:  # a module a question, as many as the author likes
        del rooms[f"autograder/key/{assignment}"]
    assert {room for room, modules in rooms.items() if modules > 12} == set()


def test_the_map_in_the_readme_is_true():
    """Every folder on it is there; of what has rooms, every room is on it."""
    readme = (house.ROOT / "README.md").read_text("utf-8")
    [tree] = re.findall(r"^```\n(solutions/.*?)^```", readme, re.M | re.S)
    on_the_map: dict[str, set[str]] = {}
    for line in tree.splitlines():
        named = re.findall(r"\b(\w+)/(?=\s|$)", line)
        if not line.startswith(" "):
            here = on_the_map.setdefault(named[0], set())
        else:
            here.update(named)
    there = {folder: _rooms(folder) if on_the_map[folder] else set() for folder in on_the_map}
    assert there == on_the_map
    assert len(tree.splitlines()) < 40  # one screen


def _rooms(folder):
    within = [path for path in (house.ROOT / folder).iterdir() if path.is_dir()]
    return {
        path.name
        for path in within
        if any(f.is_file() and "__pycache__" not in f.parts for f in path.rglob("*"))
    }
