"""Fixtures that several test modules share: a real browser."""

import contextlib
import shutil
from pathlib import Path

import hypothesis
import pytest

from tests.__main__ import DEAREST

hypothesis.settings.register_profile("any machine", deadline=None)  # a disk may be slow
hypothesis.settings.load_profile("any machine")


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="also what takes a minute each")
    parser.addoption(
        "--whole-bank",
        action="store_true",
        help="grade every answer of tests/bank, not a tenth; and compare both ways to grade on "
        "each (half an hour), not on two a question",
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes a minute and repeats what others show (--long)")
    config.addinivalue_line("markers", "dear: takes seconds; not in `make quick`")
    config.addinivalue_line("markers", "browser: needs a Chromium")
    config.addinivalue_line("markers", "bank: grades the bank of answers")


def pytest_collection_modifyitems(config, items):
    order = {path: place for place, path in enumerate(DEAREST)}
    items.sort(key=lambda item: order.get(item.nodeid.partition("::")[0], len(order)))
    skip = pytest.mark.skip(reason="long; run it with --long")
    for item in items:
        if item.get_closest_marker("long") and not config.getoption("--long"):
            item.add_marker(skip)
        if "chromium" in item.fixturenames:
            item.add_marker("browser")
        if "rows" in item.fixturenames:
            item.add_marker("bank")


def pytest_terminal_summary(terminalreporter):
    """Whoever has no Chromium learns how to bring one."""
    skipped = [
        r for r in terminalreporter.stats.get("skipped", []) if NO_CHROMIUM in str(r.longrepr)
    ]
    if skipped:
        terminalreporter.write_line(
            f"{len(skipped)} tests in a browser were skipped: {NO_CHROMIUM}. Bring one with "
            "`apt install chromium`, or everywhere with `python -m playwright install chromium`."
        )


NO_CHROMIUM = "no Chromium is installed"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Chromium as root and in small containers; drawing without a GPU
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


def chromium_path():
    """Where a Chromium is installed, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium; tests that need it are skipped where there is none."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: nothing is tested in a browser"
    )
    with playwright.sync_playwright() as driver:
        path = chromium_path() or driver.chromium.executable_path  # playwright's own
        if not Path(path).is_file():
            pytest.skip(NO_CHROMIUM)
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@contextlib.contextmanager
def visitor(chromium):
    """visit(url, **context) -> a page; an error at the end if its console has shown one."""
    complaints = []
    with contextlib.ExitStack() as stack:

        def visit(url, ignore=(), **context):
            made = chromium.new_context(**context)
            stack.callback(made.close)
            page = made.new_page()
            page.set_default_timeout(20_000)

            def note(text):
                if not any(part in text for part in ignore):
                    complaints.append(text)

            page.on("pageerror", lambda error: note(str(error)))
            page.on("console", lambda message: message.type == "error" and note(message.text))
            page.goto(url)
            return page

        yield visit
    assert not complaints, f"the browser's console shows {complaints}"


@pytest.fixture
def visit(chromium):
    """visit(url, **context) -> a page; the test fails if its console shows an error."""
    with visitor(chromium) as visit:
        yield visit
