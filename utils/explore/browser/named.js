// Gives names to what ipywidgets leaves nameless (utils/explore/named.py).

function render({ el }) {
  const name = (box) => {
    for (const handle of box.querySelectorAll(".noUi-handle")) {
      const label = handle.closest(".widget-inline-hbox, .widget-slider")?.querySelector(".widget-label");
      if (label) handle.setAttribute("aria-label", label.textContent);
      handle.setAttribute("data-lm-suppress-shortcuts", "true"); // else Jupyter takes arrow keys
    }
    for (const control of box.querySelectorAll("input, select, button"))
      control.setAttribute("data-lm-suppress-shortcuts", "true");
    for (const picture of box.querySelectorAll("img:not([alt])"))
      picture.alt = "What this explorer shows now; the controls beside it and the line below say what it is.";
  };
  const start = () => {
    const box = el.closest(".vae-live");
    if (!box) return;
    name(box);
    new MutationObserver(() => name(box)).observe(box, { childList: true, subtree: true });
  };
  requestAnimationFrame(start);
}
export default { render };
