"""The picture of a named mistake in README.md, from the feedback that `make demo` leaves behind.

make demo && python benchmarks/feedback_picture.py
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.conftest import ARGUMENTS, chromium_path  # noqa: E402

PAGE = ROOT / "build" / "demo" / "feedback" / "casey-half" / "vae" / "vae.html"
PICTURE = ROOT / "docs" / "figures" / "feedback-mistake.png"


def main() -> int:
    if not PAGE.is_file():
        print(f"no {PAGE}: run `make demo` first", file=sys.stderr)
        return 1
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 760, "height": 700})
        page.goto(PAGE.as_uri())
        page.locator("#vae-kl_gaussian").screenshot(path=PICTURE)
        browser.close()
    print(PICTURE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
