"""The solution report: all that was asked for is in it, whatever stands in the answers."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from tests.utils.conftest import ROOT
from utils import plots, runs
from utils.hand_in import answers, notebook, report
from utils.hand_in.report import formulas, markdown, page, paper

pytestmark = pytest.mark.dear  # PDF, and formulas drawn


def png(size=(60, 40), noise=False):
    made = np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), np.uint8)
    image = Image.fromarray(made if noise else made * 0 + 90)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def shows(title):
    """A cell's output as plots makes it."""
    data = {"image/png": png(), "text/plain": title}
    metadata = {"image/png": {"alt": f"{title}: an example."}}
    return {"output_type": "display_data", "data": data, "metadata": metadata}


TITLES = {  # below which cell of the release
    "autoencoder": {"check-sample_prior": ["25 codes from N(0, I), decoded"]},
    "vae": {
        f"check-run-{run}": [
            f"β = {beta}: training",
            f"β = {beta}: test reconstructions",
            f"β = {beta}: 16 prior samples",
        ]
        for run, beta in (("beta-0", 0), ("beta-10", 10), ("tuned", 0.7))
    },
    "interpolation": {
        "interpolation-interpolate": [f"From {pair}" for pair in ("0 to 8", "3 to 8", "6 to 9")]
    },
    "autodecoder": {"autodecoder-tsne": []},
    "explore": {},
}
SCORES = plots.Table({"VAD": {"train": 0.051, "test": 0.06}}, "Auto-decoder and variational …")


@pytest.fixture
def course(tmp_path):
    """course(answer, attachments, without) writes five run notebooks; every answer is `answer`."""

    def write(answer="An answer.", attachments=None, without=""):
        for assignment, below in TITLES.items():
            nb = json.loads((ROOT / f"assignments/{assignment}/{assignment}.ipynb").read_text())
            for cell in nb["cells"]:
                about = cell["metadata"].get("nbgrader", {})
                if about.get("grade") and about.get("solution"):
                    cell["source"] = f"*Your answer, at most 150 words:*\n\n{answer}"
                    if about["grade_id"] == "vae-beta_0":
                        cell["attachments"] = attachments or {}
                if about.get("grade_id") != without and cell["cell_type"] == "code":
                    cell["outputs"] = [shows(t) for t in below.get(about.get("grade_id"), [])]
            if assignment == "autodecoder":
                output = {"output_type": "display_data", "data": SCORES._mimebundle()[0]}
                nb["cells"][-2]["cell_type"], nb["cells"][-2]["outputs"] = "code", [output]
            (tmp_path / assignment).mkdir(exist_ok=True)
            path = tmp_path / assignment / f"{assignment}.ipynb"
            path.write_text(json.dumps(nb), "utf8")
        return tmp_path

    return write


def cells_of_all():
    for assignment in TITLES:
        path = ROOT / f"assignments/{assignment}/{assignment}.ipynb"
        yield from json.loads(path.read_text("utf8"))["cells"]


def test_all_that_the_course_asks_for_is_in_both_files(course, capsys):
    written = report.make(course(), name="Zoë Müller")
    said = capsys.readouterr().out
    html, pdf = written[0].read_text("utf8"), written[1].read_bytes()
    for below in TITLES.values():
        for title in sum(below.values(), []):
            assert f'alt="{title}: an example."' in html
    shown = "Zoë Müller", "Auto-decoder and variational", "0.051", "vae.beta_0, 2 of 150 words"
    assert all(text in html for text in shown)
    asked = [cell["metadata"].get("answer") for cell in cells_of_all()]
    assert html.count('<div class="answer"') == sum(map(bool, asked)) and "please read" not in said
    assert "http" not in re.sub(r"http-equiv", "", html)  # needs nothing from elsewhere
    assert pdf.startswith(b"%PDF") and len(re.findall(rb"/Subtype\s*/Image", pdf)) >= 1


@pytest.mark.parametrize("part", [p for p in report.PARTS if p.wanted], ids=lambda p: p.heading)
def test_the_notebooks_make_what_the_report_looks_for(part):
    nb = notebook.read(ROOT / f"assignments/{part.assignment}/{part.assignment}.ipynb")
    assert not part.below or part.below in nb.released
    names, below = [cell.name for cell in nb.cells], ""
    after = names.index(part.below) + 1 if part.below else 0
    for cell in nb.cells[after:]:
        if cell.name and part.below:
            break
        below += cell.source
    shown = {
        "25 codes": "25 codes from N(0, I)",
        "β = ": "report(",
        "From": 'title=f"From {',
        "Auto-decoder": "Auto-decoder and variational",
    }
    (wanted,) = [text for title, text in shown.items() if part.titles.startswith(title)]
    assert wanted in below


def test_what_is_missing_is_said_with_where_to_get_it(course, capsys):
    folder = course(without="check-run-beta-0")
    (folder / "interpolation" / "interpolation.ipynb").write_text("{")
    report.make(folder)
    said = capsys.readouterr().out
    assert "Missing: 3 pictures or tables. Run all cells of vae.ipynb" in said
    assert "interpolation.ipynb is no notebook any more" in said


def test_pictures_that_a_notebook_lacks_are_drawn_from_its_run(course):
    folder = course(without="check-run-beta-0")
    (folder / "vae" / "runs").mkdir()
    (folder / "vae" / "runs" / "beta-0").symlink_to(runs.REFERENCE / "beta-0")
    found = dict(report.collect(folder).chapters)["VAE with β = 0"]
    titles = [block.alt.split(":")[1].strip() for block in found[:3]]
    assert titles == ["training", "test reconstructions", "16 prior samples"]
    assert "Drawn from" in found[3].text


ODD = {
    "script": "<script>alert(1)</script> [x](javascript:alert(1)) <img src=x onerror=alert(1)>",
    "closing": "</div></body><iframe src='https://example.org'></iframe>",
    "100,000 words": "word " * 100_000,
    "one long word": "x" * 20_000,
    "right to left": "בטא גדול מדי: **השחזורים** מטושטשים.\n\n- النموذج يتجاهل المتغير",
    "emoji and scripts": "🙂 🚀 漢字 naïve ½ \ue000\ue0017\ue001 \u202e \0 \x1b[31m",
    "formulas": r"$\undefined{x$ and $$\frac{1}{2}\sum_j \mu_j^2$$, $\hspace{99999}$ and $"
    + "{" * 300
    + "$",
    "many formulas": " ".join(f"$x_{{{n}}}$" for n in range(1_500)),
    "nesting": ">" * 500 + "- " * 500 + "**" * 3000 + "[" * 3000,
    "lists": "\n".join("  " * n + "- deep" for n in range(40)),
    "table": "|a|b|\n|-|-|\n|1|2|\n| $x$ | <b> |\n",
    "code": "```\n$not math$ <b>\n```\nand `$x$`",
    "pictures": "![a](attachment:none.png) ![b](../../secret.png) ![c](https://example.org/x.png) "
    "![d](data:image/png;base64,!!!!)",
}


@pytest.fixture(scope="module")
def odd():
    """A report with every odd answer in it."""
    formulas.formula.cache_clear()
    yield report.Report(
        "Odd",
        "",
        [
            (name, [report.Written("What?", answers.own(answer)[: report.LONGEST], "")])
            for name, answer in ODD.items()
        ],
    )
    formulas.formula.cache_clear()


def test_odd_answers_are_printed(odd):
    assert paper.pdf(odd).startswith(b"%PDF")


def test_letters_that_the_usual_font_lacks_come_from_an_installed_one():
    # matplotlib brings STIX, which has these; a Chinese name needs a font of the machine's
    letters = "𝐀𝐁"
    named = report.Report(f"Report of {letters}", "", [("1", [report.Written("?", letters, "")])])
    assert paper.Paper(named).printable(letters) == letters
    assert len(paper.pdf(named)) > len(paper.pdf(report.Report("Report of AB", "", [])))
    plain = paper.Paper(report.Report("Report of AB", "", []))
    assert plain.printable(letters) == "\u25a1\u25a1"


def test_a_name_that_no_font_can_show_is_said_by_its_script(course, capsys, monkeypatch):
    monkeypatch.setattr(paper, "_other_font", lambda text: None)  # a machine without such fonts
    report.make(course("我的答案 답"), name="王小明")
    said = capsys.readouterr().out
    assert "Chinese: 王小明" in said and "Korean: 답" in said and "Noto Sans CJK" in said
    report.make(course("Zoë ß Ω и"))
    assert "no font" not in capsys.readouterr().out


@pytest.mark.parametrize("assignment", TITLES)
def test_every_formula_of_a_notebook_is_typeset(assignment):
    nb = notebook.read(ROOT / f"assignments/{assignment}/{assignment}.ipynb")
    text = "\n\n".join(cell.source for cell in nb.cells if cell.kind == "markdown")
    found = [match[0] for match in re.finditer(markdown.FORMULA, text, re.S)]
    formulas.formula.cache_clear()
    bad = [f for f in dict.fromkeys(found) if formulas.formula(f.strip("$").strip()) is None]
    assert bad == []


def test_odd_answers_are_shown_safely(odd):
    html = page.html(odd)
    tags = set(re.findall(r"<([a-zA-Z]\w*)", html))
    assert not tags & {"script", "iframe", "object", "form", "link", "base", "svg"}
    assert not re.search(r"<[^>]*\s(on\w+=|href=.(?!https?:))", html.partition("<body>")[2])
    assert len(re.findall(r"<img", html)) == html.count('src="data:image/png;base64,')


def test_a_pasted_picture_of_20_mb_is_scaled_down(course):
    big = {"image/png": png((2900, 2400), noise=True)}
    assert len(big["image/png"]) > 20e6
    attachments = {"big.png": big, "bomb.png": {"image/png": base64.b64encode(b"\x89PNG").decode()}}
    folder = course("![my sketch](attachment:big.png) ![](attachment:bomb.png)", attachments)
    for other in ("autoencoder", "interpolation", "autodecoder", "explore"):
        (folder / other / f"{other}.ipynb").unlink()
    made = report.collect(folder)
    html = page.html(made)
    assert 'alt="my sketch"' in html and "cannot be shown" in html and len(html) < 8e6
    assert len(paper.pdf(made)) < 8e6


@pytest.mark.parametrize(
    "source",
    [
        r"f(x) = \begin{cases} x & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases}",
        r"\Sigma = \begin{pmatrix} \sigma_1^2 & 0 \\[2pt] 0 & \sigma_2^2 \end{pmatrix}, \mu = 0",
        r"\begin{bmatrix} 1 \\ 2 \end{bmatrix}^T \begin{vmatrix} a & b \\ c & d \end{vmatrix}",
        r"A = \left(\begin{array}{c|c} 1 & 2 \\ \hline 3 & 4 \end{array}\right)",
        r"\begin{equation*} \begin{aligned} a &= b \\ &= \begin{cases} 1 & c \\ 2 & d \end{cases} "
        r"\end{aligned} \end{equation*}",
        r"\begin{alignat}{2} a &= b &\quad c &= d \\ e &= f \end{alignat}",
    ],
)
def test_tables_of_formulas_are_typeset(source):
    formulas.formula.cache_clear()
    assert formulas.formula(source).height > 1.5 * formulas.formula("x = y").height
    assert formulas.formula(source.replace(r"\end{", r"\ned{")) is None  # shown as it was written


def test_formulas_are_drawn_or_shown_as_they_were_written():
    formulas.formula.cache_clear()
    drawn = formulas.formula(r"\tfrac12 \mu^2 + \log \sigma \,\|\, \text{prior}")
    assert drawn.png.startswith(b"\x89PNG") and 0 < drawn.depth < drawn.height < 40
    alone = formulas.formula(r"\log p(x) \ge \mathbb E_q[\log p(x \mid z)]")
    aligned = r"\log p &\ge \mathcal N(0, I) \\ &\le \frac1k, a \implies b"
    aligned = rf"\begin{{aligned}} {aligned} \end{{aligned}}"
    assert formulas.formula(aligned).height > 1.5 * alone.height
    for source in (r"\undefined", "{", r"\hspace{99999}", "x" * 1000):
        assert formulas.formula(source) is None
    (paragraph,) = markdown.tree("a $x_1*y*z_2$ b")
    kinds = [child["type"] for child in paragraph["children"][0]["children"]]
    assert kinds == ["text", "math", "text"]  # Markdown left the _ and * alone
