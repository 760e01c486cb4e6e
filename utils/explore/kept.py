"""What a notebook keeps of an explorer: the last picture, for when its kernel is gone.

A widget lives in its kernel. Whoever opens a saved notebook would find "Error displaying widget:
model not found" in its place. So an explorer writes a second output above itself, plain HTML with
its last picture and what to do, which is seen only where the explorer itself does not live.
"""

import asyncio
import base64
import html

from IPython.display import HTML, display

LIVE = "vae-live"  # the class of explorers that have a kernel
STYLE = """<style>
.vae-kept { display: none; }
.jp-OutputArea-child:has(.vae-kept) + .jp-OutputArea-child:not(:has(.vae-live)) { display: none; }
.jp-OutputArea-child:not(:has(+ .jp-OutputArea-child .vae-live)) > * > * > .vae-kept,
.jp-OutputArea-child:not(:has(+ .jp-OutputArea-child .vae-live)) .vae-kept,
.vae-kept:not(.jp-OutputArea .vae-kept) { display: block; }
.vae-kept img { image-rendering: pixelated; background: #fff; margin: 0 8px 4px 0; }
.vae-kept img { max-width: 100%; }
[data-jp-theme-light="false"] .vae-kept img { filter: invert(0.93) hue-rotate(180deg); }
</style>"""
AGAIN = "Run the cell again to use this explorer; here is what it showed last."


def page(pictures):
    """HTML of pictures, each (address, width in pixels, words), and what to do."""
    images = "".join(
        f'<img src="{html.escape(url)}" width="{width}" alt="{html.escape(words)}">'
        for url, width, words in pictures
    )
    return f'{STYLE}<div class="vae-kept"><p>{AGAIN}</p>{images}</div>'


def address(png):
    """PNG bytes as the address of a picture."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


class Kept:
    """For a widget with `pictures()`: displays it with what is kept, and `keep()` renews that."""

    _kept = _waiting = None

    def _ipython_display_(self, **options):
        self.add_class(LIVE)
        self._kept = display(HTML(page(self.pictures())), display_id=True)
        bundle = self._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        display(data, metadata=metadata, raw=True)

    def keep(self, *_):
        """Renew what is kept, once nothing has changed for a second."""
        if self._kept is None:
            return
        if self._waiting:
            self._waiting.cancel()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # outside a kernel nobody moves the explorer
            return self._renew()
        self._waiting = loop.call_later(1, self._renew)

    def _renew(self):
        self._kept.update(HTML(page(self.pictures())))
