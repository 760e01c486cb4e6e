"""What the explorers of ipywidgets share: the box, a sentence in its place, when it draws."""

import contextlib
import functools
import html
import io

import ipywidgets as widgets
import traitlets
from PIL import Image

from utils import data, runs
from utils.explore.kept import Kept, address
from utils.explore.named import names
from utils.explore.seen import Seen


def explorer(build):
    """Show a sentence in place of an explorer that cannot be built."""

    @functools.wraps(build)
    def built(*args, **kwargs):
        try:
            return build(*args, **kwargs)
        except (runs.RunError, data.DataError) as problem:
            return Sentence(f"This explorer cannot start: {problem}")

    return built


class Sentence(widgets.HTML):
    """A sentence in place of an explorer."""

    def __init__(self, text):
        super().__init__(f'<p role="alert">{html.escape(text)}</p>')


class Box(Kept, Seen, widgets.VBox):
    """What explorers are: a column of controls and pictures."""

    held = False  # while several controls change

    @traitlets.default("keys")
    def _default_keys(self):  # the browser draws the controls: a move costs it no message more
        return [key for key in super()._default_keys() if key not in Seen.class_trait_names()]

    def __init__(self, children):
        super().__init__([*children, *names()])

    def pictures(self):
        shown = [getattr(self, name, None) for name in ("map", "picture")]
        return [
            (address(bytes(each.value)), Image.open(io.BytesIO(each.value)).width, "last picture")
            for each in shown
            if isinstance(each, widgets.Image) and each.value
        ]


def one_of(loaded, build):
    """The explorer of a trained run; of several, under a menu to choose from."""
    if len(loaded) == 1:
        return build(loaded[0])
    menu = widgets.Dropdown(options=[(run.folder.name, run) for run in loaded], description="model")
    box = widgets.VBox()

    def show():
        box.children = [menu, build(menu.value)]

    connect(show, menu)
    return box


def connect(show, *controls):
    """Call `show` now and whenever one of the controls changes."""

    def changed(_):
        box = getattr(show, "__self__", None)
        if not getattr(box, "held", False):
            show()
            if isinstance(box, Kept):
                box.keep()

    for control in controls:
        control.observe(changed, "value")
    show()


@contextlib.contextmanager
def holding(box):
    """Change several controls of a box and draw once, at the end."""
    box.held = True
    try:
        yield
    finally:
        box.held = False
    box.show()
    box.keep()


def beside(*parts):
    """Parts side by side, or below each other where there is no room."""
    return widgets.HBox(parts, layout=widgets.Layout(flex_flow="row wrap"))


def note(text):
    """A line of small text; empty where there is nothing to say."""
    return widgets.HTML(f"<small>{html.escape(text)}</small>") if text else widgets.HTML()


def picture():
    """An empty picture, to be filled with PNG."""
    # without tooltip: JupyterLab 4 fails to show an Image that has one
    within = widgets.Layout(align_self="flex-start", max_width="calc(100% - 4px)")  # 4 px of margin
    return widgets.Image(format="png", layout=within)
