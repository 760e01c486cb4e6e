"""The playground page, used in a real browser as a visitor does."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from autograder.cli import main
from autograder.release import playground
from utils import data, graph
from utils.explore import browser, models

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
THREE = [
    (90, 70),
    (120, 50),
    (170, 50),
    (195, 85),
    (175, 120),
    (135, 135),
    (180, 150),
    (200, 190),
    (165, 230),
    (115, 232),
    (85, 205),
]
LETTER = [(40, 240), (140, 30), (240, 240), (190, 150), (90, 150)]  # A: no encoder has seen one
DIGITS = '[data-explorer="{}"]'


@pytest.fixture(scope="session")
def page_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("playground") / "index.html"
    playground.write(path)
    return path


@pytest.fixture
def page(visit, page_file):
    page = visit(page_file.as_uri(), viewport={"width": 1100, "height": 900})
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    yield page
    known = ("data:", page_file.as_uri())
    assert not [url for url in requests if not url.startswith(known)], "an external request"


@pytest.fixture(scope="session")
def means():
    """The mean test image of each class, (10, 784)."""
    test = data.load("MNIST", train=False, root="embedded")
    return torch.stack([test.images[test.labels == k].mean(0).flatten() for k in range(10)])


def step(page, name):
    """Open the step of one explorer alone."""
    number = page.evaluate(
        """(name) => 1 + [...document.querySelectorAll('main > section')].findIndex((section) =>
          section.querySelector(`[data-explorer="${name}"]`))""",
        name,
    )
    page.goto(f"{page.url.split('#')[0]}?only={number}")
    return page.locator(DIGITS.format(name)).first


def pixels(canvas):
    """The ink (H, W) in 0…1 that a canvas shows."""
    shape, values = canvas.evaluate(
        "c => [[c.height, c.width], Array.from(c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data.filter((_, i) => i % 4 === 0))]"
    )
    return 1 - np.array(values, float).reshape(shape) / 255


def draw(page, pad, points):
    pad.evaluate("pad => pad.scrollIntoView({block: 'center'})")
    box = pad.bounding_box()
    scale = box["width"] / 280
    at = [(box["x"] + scale * x, box["y"] + scale * y) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for place in at[1:]:
        page.mouse.move(*place, steps=3)
    page.mouse.up()


def test_the_command_writes_one_small_file(tmp_path, capsys):
    target = tmp_path / "site" / "index.html"
    assert main(["playground", "--to", str(target)]) == 0
    assert target.stat().st_size <= 5_000_000
    assert str(target) in capsys.readouterr().out
    text = target.read_text("utf8")
    assert not re.search(r'(src|href)="(https?:)?//', text), "something is loaded from elsewhere"


def test_a_missing_run_is_a_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(playground.MODELS, "MNIST", ["absent"])
    assert main(["playground", "--to", str(tmp_path / "index.html")]) == 1
    assert "needs the run 'absent'" in capsys.readouterr().err
    assert not (tmp_path / "index.html").exists()


def test_steps_are_revealed_one_after_the_other(page):
    steps = page.locator("main > section")
    assert steps.count() >= 8
    assert [s.is_visible() for s in steps.all()] == [True] + [False] * (steps.count() - 1)
    page.get_by_role("button", name="Next:").click()
    assert steps.nth(1).is_visible() and not steps.nth(2).is_visible()
    assert page.evaluate("document.activeElement.id") == "step-2"
    for term in ("z", "μ", "σ", "prior", "β", "dream"):
        assert term in page.locator("main").text_content().lower()


def test_every_explorer_works_with_both_datasets(page):
    page.locator(".all").click()
    for dataset in ("MNIST", "FashionMNIST"):
        page.locator(f'input[value="{dataset}"]').check()
        assert page.locator(".explorer").count() == page.locator(".explorer .vae-bar").count()
        assert page.get_by_role("alert").count() == 0
    assert page.get_by_role("button", name="Load a Sneaker").count() > 0


@pytest.mark.parametrize("name", ["autoencoder", "beta-0", "fashion-autoencoder", "fashion-beta-0"])
def test_without_a_kl_codes_lie_where_the_prior_is_not(name, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "embedded")
    run = playground.find(name)
    lengths = run.encode(models.test_images(run, 500)[0]).norm(dim=1)
    assert lengths.median() > 3 * run.nz**0.5  # a draw from the prior is √nz long


def test_a_slider_moves_by_keyboard_and_changes_the_picture(page):
    explorer = step(page, "latents")
    picture, sliders = explorer.locator(".vae-large"), explorer.locator(".vae-rows input")
    assert sliders.count() == 12
    explorer.get_by_role("button", name="Reset").click()
    before = pixels(picture)
    sliders.nth(5).focus()
    page.keyboard.press("Shift+ArrowRight")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    assert float(sliders.nth(5).input_value()) == pytest.approx(0.8, abs=0.01)
    assert np.abs(pixels(picture) - before).max() > 0.1
    assert explorer.locator(".vae-rows output").nth(5).inner_text() == "0.80"


def test_the_picture_is_what_torch_decodes(page):
    explorer = step(page, "latents")
    explorer.get_by_role("button", name="Randomize").click()
    z = explorer.locator(".vae-rows input").evaluate_all("all => all.map((s) => s.valueAsNumber)")
    run = playground.find("beta-5")
    packed = browser.pack(run, "", small=True)
    logits = graph.run(run._graph["decode"], browser.unpack_weights(packed), torch.tensor([z]))[0]
    shown = pixels(explorer.locator(".vae-large"))
    # sliders hold z to 0.01, and a canvas holds 256 shades
    assert np.abs(shown - torch.sigmoid(logits)[0, 0].numpy()).max() < 0.06


def test_tiles_show_a_posterior_and_reset_returns_to_the_prior(page):
    explorer = step(page, "latents")
    explorer.get_by_role("button", name="posterior of a 7").click()
    texts = explorer.locator(".vae-posterior").all_inner_texts()
    assert len(texts) == 12 and len(set(texts)) > 6
    assert all(re.fullmatch(r"μ −?\d+\.\d\d σ \d+\.\d\d", text) for text in texts)
    assert "(7)" in explorer.locator(".vae-from").inner_text()
    explorer.get_by_role("button", name="Reset").click()
    assert set(explorer.locator(".vae-posterior").all_inner_texts()) == {"μ 0.00 σ 1.00"}
    assert set(explorer.locator(".vae-rows output").all_inner_texts()) == {"0.00"}


def test_a_drawn_three_decodes_to_a_three(page, means):
    explorer = step(page, "pad")
    explorer.get_by_role("button", name="Clear").click()
    assert "empty" in explorer.locator(".vae-main").inner_text()
    draw(page, explorer.locator(".vae-pad"), THREE)
    explorer.locator(".vae-score").filter(has_text="nats").first.wait_for()
    sheet = pixels(explorer.locator(".vae-wide"))
    decoded = [sheet[29 * (k // 5) :, 29 * (k % 5) :][:28, :28] for k in range(10)]
    mean = torch.tensor(np.mean(decoded, 0)).flatten().float()
    assert torch.linalg.norm(means - mean, dim=1).argmin() == 3
    seen = pixels(explorer.locator(".vae-medium").first)
    rows, columns = np.nonzero(seen > 0.1)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20, 21), "MNIST's box of 20 pixels"
    undo = explorer.get_by_role("button", name="Undo")
    undo.click()
    assert "empty" in explorer.locator(".vae-main").inner_text() and undo.is_disabled()


def test_the_pad_can_be_used_from_the_keyboard(page):
    explorer = step(page, "pad")
    explorer.get_by_role("button", name="Clear").click()
    explorer.locator(".vae-pad").focus()
    page.keyboard.press("Space")
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    explorer.locator(".vae-score").filter(has_text="nats").first.wait_for()
    explorer.get_by_role("button", name="Clear").click()
    assert "empty" in explorer.locator(".vae-main").inner_text()


def test_a_dream_moves_smoothly_and_stays_near_the_prior(page):
    explorer = step(page, "latents")
    explorer.get_by_role("button", name="Dream", exact=True).click()
    frames = page.evaluate(
        """() => new Promise((done) => {
          const sliders = [...document.querySelectorAll('.vae-rows input')], frames = [];
          const start = performance.now();
          const look = (now) => {
            frames.push(sliders.map((s) => s.valueAsNumber));
            if (now - start < 2000) requestAnimationFrame(look); else done(frames);
          };
          requestAnimationFrame(look);
        })"""
    )
    explorer.get_by_role("button", name="Stop dreaming").click()
    z = np.array(frames)
    steps = np.linalg.norm(np.diff(z, axis=0), axis=1)
    assert len(z) >= 10 and np.linalg.norm(z[-1] - z[0]) > 0.3, "it moves"
    assert steps.max() < 0.8, "and does not jump"
    assert np.linalg.norm(z, axis=1).max() < 2.5 * np.sqrt(12)


def test_beta_changes_the_pictures_and_the_losses(page):
    explorer = step(page, "ladder")
    control = explorer.locator("input[type=range]")
    assert int(control.get_attribute("max")) >= 7, "at least eight steps"
    shown = {}
    for key in ("Home", "End"):
        control.focus()
        page.keyboard.press(key)
        chosen = explorer.locator(".vae-chosen").inner_text().replace("−", "-").split()
        pictures = explorer.locator(".vae-strip-picture")
        shown[key] = [float(value) for value in chosen], pixels(pictures.nth(1))
    (low, sharp), (high, blurred) = shown["Home"], shown["End"]
    assert low[0] == 0 and high[0] == 10
    assert low[1] < high[1] and low[2] > high[2], "reconstruction rises, KL falls"
    assert np.abs(sharp - blurred).mean() > 0.03


def test_a_point_of_the_plane_loads_its_image(page):
    explorer = step(page, "plane")
    points = explorer.locator(".vae-map .vae-c4")
    assert points.count() == playground.EACH
    box = points.nth(3).bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert "Test image" in explorer.inner_text() and "σ = (" in explorer.inner_text()
    explorer.locator(".vae-map").focus()
    before = explorer.locator("output").first.inner_text()
    page.keyboard.press("ArrowRight")
    assert explorer.locator("output").first.inner_text() != before


def test_a_walk_starts_and_ends_at_the_two_images(page):
    explorer = step(page, "interpolation")
    strip = explorer.locator(".vae-wide").first
    large = explorer.locator(".vae-walk .vae-medium").first
    for key, column in (("Home", 0), ("End", 8)):
        explorer.locator("input[type=range]").focus()
        page.keyboard.press(key)
        part = pixels(strip)[:, 29 * column : 29 * column + 28]
        assert np.abs(pixels(large) - part).max() < 0.01


def test_on_a_phone_nothing_is_wider_than_the_screen(visit, page_file):
    page = visit(page_file.as_uri(), **PHONE)
    page.locator(".all").tap()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
    pad = page.locator(".vae-pad").first
    pad.scroll_into_view_if_needed()
    pad.tap()
    page.locator(".vae-sum").filter(has_text="nats").wait_for()


def test_dark_follows_the_system(visit, page_file):
    colours = []
    for scheme in ("light", "dark"):
        page = visit(page_file.as_uri(), color_scheme=scheme)
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours[0] == "rgb(255, 255, 255)" and colours[1] != colours[0]


def test_every_control_has_a_name(page):
    page.locator(".all").click()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, canvas, svg')].filter((e) =>
          !e.closest('[aria-hidden]') && !(e.labels?.length || e.getAttribute('aria-label') ||
          e.textContent.trim())).map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert nameless == []


def test_a_browser_that_lacks_something_says_so_in_a_sentence(visit, page_file, tmp_path):
    broken = page_file.read_text("utf8").replace(
        "const packed = JSON",
        "HTMLCanvasElement.prototype.getContext = () => null;\nconst packed = JSON",
        1,
    )
    (tmp_path / "index.html").write_text(broken, encoding="utf8")
    page = visit((tmp_path / "index.html").as_uri())
    assert "This browser cannot draw" in page.get_by_role("alert").first.inner_text()


# -- what a visitor does --------------------------------------------------------------------------


def losses(explorer):
    """(−log p(x|z), KL, loss) as the linked view says them."""
    said = explorer.locator(".vae-term b").all_inner_texts()
    return [float(text.replace("−", "-")) for text in said]


def test_the_first_step_starts_with_a_picture_and_moves_by_itself(page):
    explorer = page.locator(DIGITS.format("plane")).first
    where = explorer.locator("output").first
    explorer.locator(".vae-ellipse ellipse").first.wait_for(state="attached")
    seen = page.evaluate(
        """() => new Promise((done) => {
          const output = document.querySelector('[data-explorer=plane] output'), seen = new Set();
          const look = (now) => { seen.add(output.textContent);
            seen.size > 3 ? done(seen.size) : requestAnimationFrame(look); };
          requestAnimationFrame(look);
        })"""
    )
    assert seen > 3 and where.is_visible()


def test_two_bars_add_up_to_the_loss_and_follow_the_point(page):
    explorer = step(page, "linked")
    reconstruction, kl, loss = losses(explorer)
    assert loss == pytest.approx(reconstruction + kl, abs=0.11) and kl > 0
    explorer.locator(".vae-map").focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    moved = losses(explorer)
    assert moved[0] != reconstruction and moved[1] != kl
    assert moved[2] == pytest.approx(moved[0] + moved[1], abs=0.11)
    assert f"{loss:.1f}" in explorer.locator(".vae-sum .vae-small").inner_text()
    explorer.get_by_role("button", name="Back to the encoder").click()
    assert losses(explorer)[2] == pytest.approx(loss, abs=0.01)


def test_the_bars_are_what_torch_computes(page):
    explorer = step(page, "linked")
    said = explorer.locator(".vae-said").filter(has_text="The encoder says").inner_text()
    said = [float(value) for value in re.findall(r"-?\d+\.\d+", said.replace("−", "-"))]
    mu, sigma = np.array(said[:2]), np.array(said[2:])
    kl = (0.5 * (mu**2 + sigma**2 - 1 - np.log(sigma**2))).sum()
    assert losses(explorer)[1] == pytest.approx(kl, abs=0.25)  # said to two digits


def test_a_drawing_is_named_and_its_network_is_drawn(page):
    explorer = step(page, "linked")
    explorer.get_by_role("button", name="Clear").click()
    draw(page, explorer.locator(".vae-pad"), THREE)
    explorer.get_by_text("The drawing looks most like: 3").wait_for()
    assert "hidden" in explorer.locator(".vae-network").get_attribute("aria-label")


def test_a_dimension_shows_which_pixels_it_moves(page):
    explorer = step(page, "latents")
    assert not explorer.locator(".vae-moves").is_visible()
    explorer.locator(".vae-rows input").first.focus()
    assert explorer.locator(".vae-moves").is_visible()
    assert "z0" in explorer.locator(".vae-said").first.inner_text()


def test_a_point_of_the_curve_chooses_its_beta(page):
    explorer = step(page, "ladder")
    explorer.locator(".vae-rates circle").last.click()
    chosen = explorer.locator(".vae-chosen th").inner_text()
    assert f"β {chosen}" == explorer.locator(".vae-rates .vae-on text").text_content()
    assert "pass for digits" in explorer.locator(".vae-passing").first.inner_text()


def test_a_small_vae_learns_in_the_page(page):
    explorer = step(page, "training")
    explorer.get_by_role("button", name="Train").click()
    said = explorer.locator(".vae-said")
    said.filter(has_text=re.compile(r"[2-9]\.\d epochs of 2000")).wait_for(timeout=60_000)
    explorer.get_by_role("button", name="Pause").click()
    loss = [float(value) for value in re.findall(r"(\d+\.\d) ?[+n]", said.inner_text())]
    assert 0 < sum(loss) < 250, "an untrained one has 540, the mean image 206"
    draw(page, opened(explorer).locator(".vae-pad"), THREE)
    explorer.get_by_role("button", name="Learn from my drawing").click()
    said.filter(has_text="of 2001 images").wait_for()
    assert "nats" in said.inner_text(), "what was reached stays while it rests"


def opened(explorer):
    explorer.locator("summary").click()
    return explorer


def test_a_question_is_answered_by_doing(page):
    explorer = step(page, "linked")
    quest = page.locator('[data-quest="beat"]')
    assert not quest.locator(".answer").is_visible()
    explorer.get_by_role("button", name="Clear").click()
    draw(page, explorer.locator(".vae-pad"), LETTER)
    explorer.locator(".vae-map").focus()
    right, left, up, down = (f"Shift+Arrow{way}" for way in ("Right", "Left", "Up", "Down"))
    for key, back in [(right, left), (up, down)] * 2:
        for ahead, undo in [(key, back), (back, key)]:
            before = losses(explorer)[2]
            for _ in range(12):
                page.keyboard.press(ahead)
                now = losses(explorer)[2]
                if now >= before:
                    page.keyboard.press(undo)
                    break
                before = now
    quest.locator(".answer").wait_for()


def test_the_address_holds_step_data_and_beta_and_the_back_button_returns(page):
    page.get_by_role("link", name=re.compile("^Step 6")).click()
    ladder = page.locator(DIGITS.format("ladder"))
    ladder.locator("input[type=range]").focus()
    page.keyboard.press("End")
    page.wait_for_url("**/*beta=10*")
    assert "step=6" in page.url
    page.reload()
    assert ladder.locator(".vae-chosen th").inner_text() == "10"
    page.locator('input[value="FashionMNIST"]').check()
    assert "data=FashionMNIST" in page.url
    page.go_back()
    page.locator('body[data-dataset="MNIST"]').wait_for()


def test_one_step_alone_for_a_slide(visit, page_file):
    page = visit(page_file.as_uri() + "?only=2#step=2&z=0.5,-1")
    assert page.locator("main > section:visible").count() == 1
    assert not page.locator("nav").is_visible()
    assert "μ = (0.50, −1.00)" in page.locator(DIGITS.format("linked")).inner_text()


def test_the_words_follow_the_data(page):
    page.locator('input[value="FashionMNIST"]').check()
    first = page.locator("main > section").first.inner_text()
    assert "boot" in first and "digit" not in first


def moments(ink):
    """How far a picture leans, how much ink it has, how wide it is."""
    rows, columns = np.indices(ink.shape)
    x, y = columns - (ink * columns).sum() / ink.sum(), rows - (ink * rows).sum() / ink.sum()
    return {
        "slant": -(ink * x * y).sum() / (ink * y * y).sum(),
        "boldness": ink.sum(),
        "width": np.sqrt((ink * x * x).sum() / ink.sum()),
    }


@pytest.mark.parametrize("quantity", ["slant", "boldness", "width"])
def test_a_direction_moves_what_it_is_named_after(page, quantity):
    explorer, seen = step(page, "directions"), []
    explorer.get_by_label(quantity, exact=True).focus()
    for key in ["Shift+ArrowLeft", "Shift+ArrowRight", "Shift+ArrowRight"]:
        for _ in range(4 if not seen else 3):
            page.keyboard.press(key)
        seen.append(moments(pixels(explorer.locator(".vae-large")))[quantity])
    assert seen[0] < seen[1] < seen[2]


def test_an_explorer_is_walked_through_by_keyboard_alone(page):
    explorer = step(page, "latents")
    picture, said = explorer.locator(".vae-large"), explorer.locator(".vae-from")

    def tab_to(what):
        for _ in range(40):
            page.keyboard.press("Tab")
            focused = page.locator(":focus")
            ring = focused.evaluate("e => parseFloat(getComputedStyle(e).outlineWidth)")
            kind = focused.evaluate("e => getComputedStyle(e).outlineStyle")
            assert ring >= 2 and kind != "none", focused.evaluate("e => e.outerHTML")
            if focused.evaluate("(e, what) => e.matches(what)", what):
                return
        pytest.fail(f"the Tab key never comes to {what}")

    for wanted, key in {".vae-rows input": "Shift+ArrowRight", ".vae-tile": "Enter"}.items():
        before = pixels(picture)
        tab_to(wanted)
        for _ in range(3):
            page.keyboard.press(key)
        assert np.abs(pixels(picture) - before).max() > 0.1
    assert "(0)" in said.inner_text()


def test_forced_colours_leave_step_and_bars_visible(visit, page_file):
    page = visit(page_file.as_uri(), forced_colors="active")
    ground = "e => getComputedStyle(e).backgroundColor"
    links = page.locator("nav a")
    assert links.nth(0).evaluate(ground) != links.nth(1).evaluate(ground)
    step(page, "linked").locator(".vae-sum").filter(has_text="nats").wait_for()
    shown = page.locator(".vae-part.vae-kl").first.screenshot()
    assert len(Image.open(io.BytesIO(shown)).convert("RGB").getcolors()) > 1


def test_nothing_moves_by_itself_where_motion_is_reduced(visit, page_file):
    page = visit(page_file.as_uri(), reduced_motion="reduce")
    cross = page.locator(".vae-cross circle").first
    places = cross.evaluate(
        """async (circle) => {
          const places = [];
          for (let i = 0; i < 20; i++) {
            await new Promise(requestAnimationFrame);
            places.push(circle.getAttribute("cx"));
          }
          return places;
        }"""
    )
    assert len(set(places)) == 1


def test_without_javascript_the_words_can_be_read(chromium, page_file):
    page = chromium.new_page(java_script_enabled=False)
    page.goto(page_file.as_uri())
    assert "switched off" in page.locator("noscript").inner_text()
    assert page.get_by_text("Two things are wanted of the cloud").is_visible()
    page.close()


def test_axe_finds_nothing_in_either_theme(visit, page_file):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = visit(page_file.as_uri(), viewport={"width": 1100, "height": 900})
    page.locator(".all").click()
    page.locator("summary").evaluate_all("all => all.forEach((each) => each.click())")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = axe.Axe().run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == [], scheme
