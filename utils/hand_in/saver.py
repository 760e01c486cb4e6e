"""The widget behind `preflight.check`: has the front end save the notebook, then looks at it."""

import anywidget
import traitlets

SAVE = """
async function render({ model, el }) {
  const show = () => (el.innerHTML = model.get("said"));
  show();
  model.on("change:said", show);
  const context = model.widget_manager?.context; // in JupyterLab and Notebook 7
  if (!context?.save || model.get("done")) return;
  await context.save();
  model.send("saved");
}
export default { render };
"""


class Preflight(anywidget.AnyWidget):
    """What a pre-flight finds, looked at again as soon as the notebook is saved."""

    _esm = SAVE
    said = traitlets.Unicode(help="HTML, made by preflight.Result").tag(sync=True)
    done = traitlets.Bool(False).tag(sync=True)

    def __init__(self, result, look):
        """result: what is known now. look() -> the same once the notebook has been saved."""
        self._text, self._look = str(result), look
        super().__init__(said=result.html())
        self.on_msg(self._saved)

    def _saved(self, widget, content, buffers):
        self.done, self.said = True, self._look().html()

    def __repr__(self):  # what is shown where widgets do not work
        return self._text
