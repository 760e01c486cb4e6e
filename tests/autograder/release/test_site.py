"""The site: every document a page, every link leads somewhere, and everybody can read it."""

import pytest

from autograder.cli import main
from autograder.release import site


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("site")
    (target / "mine.txt").write_text("kept")
    assert main(["site", "--to", str(target)]) == 0
    return target


def test_every_document_is_a_page_that_the_menu_leads_to(folder):
    index = (folder / "index.html").read_text("utf8")
    for path in (site.ROOT / "docs").glob("*.md"):
        assert (folder / f"{path.stem}.html").is_file()
        assert f'href="{path.stem}.html"' in index
    assert (folder / "playground.html").is_file() and (folder / "mine.txt").is_file()
    assert (folder / "figures" / "playground-latents.png").is_file()


def test_a_link_that_leads_nowhere_is_found(folder, tmp_path, monkeypatch, capsys):
    broken = '<a href="absent.html">x</a><a href="#nowhere">y</a><img src="figures/no.png">'
    (folder / "broken.html").write_text(broken)
    assert len(site.broken_links(folder, ["broken.html"])) == 3
    (folder / "broken.html").unlink()
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "docs/for-students.md", "docs/for-instructors.md", "docs/desks.md"):
        (tmp_path / name).write_text("# Title\n\n[gone](gone.md)\n")
    monkeypatch.setattr(site, "ROOT", tmp_path)
    assert main(["site", "--to", str(tmp_path / "site")]) == 1
    assert "README.md links to gone.md" in capsys.readouterr().err


def test_a_long_page_shows_contents_and_closed_sections(visit, folder):
    page = visit((folder / "hidden-tests.html").as_uri())
    assert page.locator("details").count() > 30
    table = page.locator("details details, main > details").last.locator("table").first
    assert not table.is_visible()
    page.locator(".contents summary").click()
    page.locator(".contents a").last.click()
    assert page.locator("main > details").last.locator("summary").is_visible()


@pytest.mark.parametrize(
    "name", ["index", "what-is-tested", pytest.param("", marks=pytest.mark.long)]
)
def test_axe_finds_nothing_on_a_page(visit, folder, name):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    names = [f"{name}.html"] if name else [path.name for path in folder.glob("*.html")]
    for each in names:
        page = visit((folder / each).as_uri(), color_scheme="dark")
        found = axe.Axe().run(page).response["violations"]
        assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == [], each
