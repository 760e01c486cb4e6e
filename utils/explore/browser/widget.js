// Shows an explorer as a notebook widget (utils/explore/widgets.py); stands after the module.

function render({ model, el }) {
  const root = document.createElement("div");
  el.append(root);
  const seen = (found) => {
    for (const [key, value] of Object.entries(found)) model.set(key, value);
    model.save_changes();
  };
  let explorer = null;
  try {
    const source = new Source(model.get("content"));
    explorer = mount(root, model.get("name"), source, { ...model.get("options"), onChange: seen });
  } catch (error) {
    complain(root, error);
  }
  root.append(h("p", { class: "vae-small" }, model.get("note")));
  const keep = setInterval(() => { // what a saved notebook shows when the kernel is gone
    const seen = [...root.querySelectorAll("canvas.vae-picture:not([aria-hidden])")]
      .filter((canvas) => canvas.offsetWidth > 40).slice(0, 4)
      .map((canvas) => [canvas.toDataURL(), Math.round(canvas.offsetWidth), canvas.getAttribute("aria-label")]);
    if (JSON.stringify(seen) === JSON.stringify(model.get("last"))) return;
    model.set("last", seen);
    model.save_changes();
  }, 1500);
  // Python moves z by message: a change of the trait may be the late echo of an older move here
  const move = ({ z }) => {
    if (explorer?.z?.length === z.length) explorer.z = z;
  };
  if (model.get("z").length) move({ z: model.get("z") });
  model.on("msg:custom", move);
  return () => {
    clearInterval(keep);
    model.off("msg:custom", move);
    explorer?.stop();
  };
}
export default { render };
