"""The widget behind `answers.count`: it reads the notebook's cell in the browser, as one types."""

from pathlib import Path

import anywidget
import traitlets

from utils.hand_in.words import NOT_WORDS, plain


class Counter(anywidget.AnyWidget):
    """Words of some answers against their limits. It writes nothing, anywhere."""

    _esm = (Path(__file__).with_name("words.js")).read_text("utf8")
    _css = """
    .vae-count { max-width: 60em; font-size: var(--jp-ui-font-size1, 13px); }
    .vae-count p { margin: 0.3em 0; }
    .vae-count-said { font-weight: 600; font-variant-numeric: tabular-nums; }
    .vae-count progress { width: 100%; height: 6px; accent-color: #0072b2; }
    .vae-count-over .vae-count-said { color: #d55e00; }
    .vae-count-over progress { accent-color: #d55e00; }
    .vae-count-asked { opacity: 0.75; }
    """
    counted = traitlets.List(traitlets.Dict()).tag(sync=True)
    rules = traitlets.List().tag(sync=True)

    def __init__(self, found):
        self._text = "\n".join(map(str, found))
        super().__init__(
            counted=[
                {
                    "id": a.id,
                    "words": a.words,
                    "limit": a.limit,
                    "asked": plain(a.asked),
                    "stub": a.stub,
                }
                for a in found
            ],
            rules=[list(rule) for rule in NOT_WORDS],
        )

    def __repr__(self):  # what is shown where widgets do not work
        return self._text
