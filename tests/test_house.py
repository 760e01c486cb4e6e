"""The rooms of ARCHITECTURE.md: who may import whom, no circles, nothing outgrown."""

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
