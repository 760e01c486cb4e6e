"""Time from a slider's move to the new picture, in headless Chromium, and take screenshots.

    python benchmarks/explorers.py                  the latencies, as a markdown table
    python benchmarks/explorers.py --screenshots    pictures of page and widgets into docs/figures

Each way is moved 20 times, one move after the other. The clock starts with the event that moves the
slider and stops when the new picture is decoded and stands in the document (a canvas is read back).
Exit status 1 if the browser's own decoding takes more than 10 ms, plain ipywidgets more than 45, a
handler of β or t more than 4, the page's first paint more than 500, or training in the page gives
fewer than 20 epochs a minute.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from machine import machine
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests/support/lab.py starts JupyterLab

from autograder.release import playground  # noqa: E402
from tests.autograder.release.test_playground import PHONE, THREE, draw  # noqa: E402
from tests.conftest import ARGUMENTS, chromium_path  # noqa: E402
from tests.support import lab  # noqa: E402
from utils.explore import explorers  # noqa: E402

GOALS = {"page": 10, "lab": 10, "ipywidgets": 45, "beta": 4, "t": 4, "paint": 500}
LEAST = {"epochs": 20, "frames": 55}
MOVES = 20

BASELINE = """
import ipywidgets, matplotlib.pyplot as plt, torch
from utils import runs
run = runs.load("beta-0")
z = torch.zeros(1, run.nz)
@ipywidgets.interact(z1=ipywidgets.FloatSlider(0, min=-4, max=4, step=0.05))
def draw(z1):
    z[0, 0] = z1
    plt.imshow(torch.sigmoid(run.decode(z))[0, 0], cmap="gray_r")
    plt.show()
"""
CELLS = [
    "from utils import explorers, widgets\nwidgets.latents('beta-0')",
    "explorers.latents('beta-0')",
    BASELINE,
]
WAYS = {  # name: (what it is, element that holds slider and picture)
    "page": ("the playground page, JavaScript", '[data-explorer="latents"]'),
    "lab": ("`widgets.latents` in JupyterLab, JavaScript", ".jp-OutputArea-output .vae"),
    "ipywidgets": ("`explorers.latents` in JupyterLab, kernel and PNG", ".jp-Cell:nth-child(2)"),
    "matplotlib": ("`interact` and matplotlib in JupyterLab", ".jp-Cell:nth-child(3)"),
}

# What a move of a slider costs the page itself, until its handler returns.
HANDLERS = {
    "beta": ("β on the page, the handler", '[data-explorer="ladder"] .vae-bar input'),
    "t": ("t on the page, the handler", '[data-explorer="interpolation"] .vae-bar input'),
    "drag": ("the linked view, an arrow key, the handler", '[data-explorer="linked"] .vae-map'),
}
OPENING = {
    "paint": "the page opened from a file: its first paint",
    "ready": "the same: its first explorer is there",
}
KERNEL = {"kernel": "a move of `explorers.latents`, what the kernel computes of it"}
WAITS = OPENING | {name: what for name, (what, _) in (WAYS | HANDLERS).items()} | KERNEL
COUNTS = {"epochs": "epochs a minute, training in the page", "frames": "frames a second meanwhile"}
HANDLER = """async ([root, count]) => {
  const control = document.querySelector(root), times = [];
  for (let i = 0; i < count + 3; i++) {
    const key = i % 2 ? 'ArrowLeft' : 'ArrowRight';
    const range = control.type === 'range', by = (control.max - control.min) > 2 ? 1 : 0.01;
    if (range) control.value = control.valueAsNumber + (i % 2 ? -by : by);
    const event = range ? new Event('input', { bubbles: true })
      : new KeyboardEvent('keydown', { key, bubbles: true });
    const start = performance.now();
    control.dispatchEvent(event);
    times.push(performance.now() - start);
    await new Promise((later) => setTimeout(later, 120));
  }
  return times.slice(3);
}"""
OPENED = """() => [
  performance.getEntriesByName('first-contentful-paint')[0].startTime,
  performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd, // its script has run
]"""
LEARNING = """(seconds) => new Promise((done) => {
  const said = document.querySelector('[data-explorer="training"] .vae-said');
  const epochs = () => Number(/([\\d.]+) epochs/.exec(said.textContent)[1]);
  const first = epochs(), start = performance.now();
  let frames = 0;
  const look = (now) => {
    frames++;
    if (now - start < 1000 * seconds) requestAnimationFrame(look);
    else done([(epochs() - first) * 60 / seconds, frames / seconds]);
  };
  requestAnimationFrame(look);
})"""

WIDGETS = {
    "latents": "from utils import explorers, widgets\nwidgets.latents('tuned', 'beta-1')",
    "plane": "widgets.plane('plane', 'plane-autoencoder')",
    "pad": "widgets.pad('tuned', 'autoencoder')",
    "beta": "widgets.beta()",
    "interpolation": "widgets.interpolation()",
    "statistics": "widgets.statistics('beta-1')",
    "fallback": "explorers.latents('beta-1')",
}
WIDE = {"viewport": {"width": 1040, "height": 900}}

# The same random numbers for every screenshot.
SEEDED = "let seed = 1; Math.random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;"

# Moves the slider once and waits until the picture has changed; milliseconds.
MOVE = """async ([root, step]) => {
  const element = document.querySelector(root);
  const native = element.querySelector('.vae-rows input');
  const seen = async () => {
    const canvas = element.querySelector('canvas.vae-large');
    if (canvas) {
      const { data } = canvas.getContext('2d').getImageData(0, 0, 28, 28);
      return data.reduce((sum, value, i) => (31 * sum + value * (i % 97)) % 1e9, 0);
    }
    const shown = '.widget-image, .jp-OutputArea-output img:not(.vae-kept img)';
    const image = element.querySelector(shown);
    if (image) await image.decode().catch(() => null);
    return image?.src;
  };
  const before = await seen();
  const start = performance.now();
  if (native) {
    native.value = native.valueAsNumber + step;
    native.dispatchEvent(new Event('input', { bubbles: true }));
  } else {
    const handle = [...element.querySelectorAll('.noUi-handle')].at(-1); // a z, not the speed
    const key = step > 0 ? 'PageUp' : 'PageDown';
    handle.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  }
  for (;;) {
    const now = await seen();
    if (now && now !== before) return performance.now() - start;
    if (performance.now() - start > 10000) throw new Error('no new picture in 10 s');
    await new Promise((later) => {
      const channel = new MessageChannel();
      channel.port1.onmessage = later;
      channel.port2.postMessage(0);
    });
  }
}"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--screenshots", action="store_true", help="only take the pictures")
    options = parser.parse_args()
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
        page_file = Path(folder) / "playground" / "index.html"
        lab_folder = Path(folder) / "lab"  # beside no folder that has runs
        lab_folder.mkdir()
        playground.write(page_file)
        if options.screenshots:
            of_page(browser, page_file)
            return of_widgets(browser, lab_folder)
        times = opening(browser, page_file) | in_page(browser, page_file)
        times |= in_lab(browser, lab_folder) | in_kernel()
        version = browser.version
        browser.close()
    return report(times, version)


def opening(browser, page_file, count=10):
    """How long a visitor waits for the page."""
    times = []
    for _ in range(count):
        page = browser.new_page()
        page.goto(page_file.as_uri())
        page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
        times.append(page.evaluate(OPENED))
        page.close()
    return dict(zip(OPENING, zip(*times, strict=True), strict=True))


def in_page(browser, page_file):
    page = browser.new_page()
    page.goto(page_file.as_uri())
    page.click(".all")
    page.wait_for_timeout(5000)  # what is computed beforehand, in idle moments, is there then
    times = {"page": moves(page, WAYS["page"][1])}
    for name, (_, root) in HANDLERS.items():
        page.locator(root).first.scroll_into_view_if_needed()
        times[name] = page.evaluate(HANDLER, [root, MOVES])
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_timeout(2000)
    epochs, frames = page.evaluate(LEARNING, 10)
    page.get_by_role("button", name="Pause").click()
    return times | {"epochs": [epochs], "frames": [frames]}


def in_lab(browser, folder):
    lab.write(folder / "test.ipynb", CELLS)
    with lab.serve(folder) as address:
        page = browser.new_page(viewport={"width": 1300, "height": 1600})
        page.goto(f"{address}/lab/tree/test.ipynb?reset")
        lab.run_all(page)
        for selector in (
            ".vae-rows input",
            ".jp-Cell:nth-child(2) .widget-image",
            ".jp-Cell:nth-child(3) .jp-OutputArea-output img",
        ):
            page.locator(selector).first.wait_for(timeout=120_000)
        return {name: moves(page, WAYS[name][1]) for name in ("lab", "ipywidgets", "matplotlib")}


def in_kernel():
    """A move of a plain explorer without Jupyter and browser."""
    slider, times = explorers.latents("beta-0").sliders[0], []
    for move in range(MOVES + 3):
        start = time.perf_counter()
        slider.value = 0.2 + 0.1 * move
        times.append(1000 * (time.perf_counter() - start))
    return {"kernel": times[3:]}


def moves(page, root):
    page.locator(root).first.scroll_into_view_if_needed()
    steps = [0.2, 0.2, 0.2, 0.2, -0.2, 0.2, -0.2, -0.2] * MOVES  # none back to where z was before
    times = []
    for step in steps[: MOVES + 3]:
        times.append(page.evaluate(MOVE, [root, step]))
        page.wait_for_timeout(100)
    return times[3:]  # the first moves compile


def report(times, version):
    print(f"{machine()}, Chromium {version}\n")
    print("| way | median, ms | fastest to slowest, ms |\n|---|--:|--:|")
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, what in WAITS.items():
        spread = f"{min(times[name]):.1f} to {max(times[name]):.1f}"
        print(f"| {what} | {medians[name]:.1f} | {spread} |")
    print("\n| what | number |\n|---|--:|")
    for name, what in COUNTS.items():
        print(f"| {what} | {medians[name]:.0f} |")
    slow = any(medians[name] > goal for name, goal in GOALS.items())
    return int(slow or any(medians[name] < least for name, least in LEAST.items()))


def of_page(browser, page_file):
    """docs/figures/playground-*.png: light and dark on a desktop, and a phone."""
    for name, explorer, context in [
        ("playground-linked", "linked", WIDE),
        ("playground-latents", "latents", WIDE),
        ("playground-plane-dark", "plane", WIDE | {"color_scheme": "dark"}),
        ("playground-pad", "pad", WIDE),
        ("playground-beta", "ladder", WIDE),
        ("playground-phone", "latents", PHONE | {"device_scale_factor": 2}),
        ("playground-phone-pad", "pad", PHONE | {"device_scale_factor": 2, "color_scheme": "dark"}),
    ]:
        page = browser.new_page(**context)
        page.add_init_script(SEEDED)
        page.goto(page_file.as_uri())
        page.click(".all")
        page.add_style_tag(content=".bar { position: static } .explorer { padding: 12px }")
        keep(name, page.locator(f'[data-explorer="{explorer}"]').first)
        page.close()


def of_widgets(browser, folder):
    """docs/figures/widget-*.png: the same explorers in JupyterLab, light and dark."""
    lab.write(folder / "test.ipynb", WIDGETS.values())
    with lab.serve(folder) as address:
        page = browser.new_page(viewport={"width": 1300, "height": 6000})  # Lab draws what is seen
        page.add_init_script(SEEDED)
        page.goto(f"{address}/lab/tree/test.ipynb?reset")
        lab.run_all(page)
        cells = page.locator(".jp-CodeCell")
        for number, name in enumerate(WIDGETS):
            keep(f"widget-{name}", cells.nth(number).locator(".jp-OutputArea-output > *").last)
        dark = "jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
        page.evaluate(dark)
        page.wait_for_selector('[data-jp-theme-light="false"]', state="attached")
        keep("widget-plane-dark", cells.nth(1).locator(".jp-OutputArea-output > *").last)
    return 0


def keep(name, explorer):
    """Use an explorer a little and keep its picture in docs/figures."""
    explorer.locator("canvas:visible, .widget-image").first.wait_for(timeout=120_000)
    if (pad := explorer.locator(".vae-pad")).count():
        draw(explorer.page, pad, THREE)
    elif tiles := explorer.locator(".vae-tile").all():
        tiles[3].click()
    explorer.page.wait_for_timeout(800)  # captions follow the picture a moment later
    target = ROOT / "docs" / "figures" / f"{name}.png"
    explorer.screenshot(path=target)
    print(target)


if __name__ == "__main__":
    sys.exit(main())
