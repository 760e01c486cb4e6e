// The live count of the words of an answer (utils/hand_in/counter.py). The rule comes from utils/hand_in/answers.py.

export function words(source, rules) {
  for (const [pattern, instead] of rules) source = source.replace(new RegExp(pattern, "g"), instead);
  return source.split(/\s+/).filter((part) => /[\p{L}\p{N}]/u.test(part)).length;
}

export function told(count, limit) {
  if (!limit) return `${count} word${count === 1 ? "" : "s"}`;
  const over = count > limit ? `: ${count - limit} too many` : "";
  return `${count} of ${limit} words${over}`;
}

// The notebook's own model in JupyterLab and Notebook 7; elsewhere null, and what was saved is shown
const notebookOf = (model) => model.widget_manager?.context?.model ?? null;

function cellOf(notebook, id) {
  const name = id.replace(".", "-");
  return [...(notebook?.cells ?? [])].find(
    (cell) => cell.getMetadata("nbgrader")?.grade_id === name && cell.type !== "raw",
  );
}

function line(answer) {
  const make = (tag, name, text = "") =>
    Object.assign(document.createElement(tag), { className: name, textContent: text });
  const root = make("div", "vae-count");
  const said = make("p", "vae-count-said");
  const bar = make("progress", "");
  bar.setAttribute("aria-hidden", "true");
  root.append(said, bar);
  if (answer.asked) root.append(make("p", "vae-count-asked", `Asked: ${answer.asked}`));
  const show = (count, limit, live) => {
    said.textContent = told(count, limit) + (live ? "" : ", when the notebook was last saved");
    root.classList.toggle("vae-count-over", Boolean(limit) && count > limit);
    bar.hidden = !limit;
    bar.max = limit || 1;
    bar.value = count;
  };
  return { root, show };
}

function render({ model, el }) {
  const notebook = notebookOf(model);
  const watched = new Map(); // what to stop listening to
  const lines = model.get("counted").map((answer) => {
    const { root, show } = line(answer);
    el.append(root);
    return { answer, show };
  });
  const update = () => {
    for (const { answer, show } of lines) {
      const cell = cellOf(notebook, answer.id);
      if (!cell) {
        show(answer.words, answer.limit, false);
        continue;
      }
      if (watched.get(answer.id) !== cell) {
        watched.get(answer.id)?.contentChanged.disconnect(update);
        cell.contentChanged.connect(update);
        watched.set(answer.id, cell);
      }
      const limit = cell.getMetadata("answer")?.words ?? answer.limit;
      const source = cell.sharedModel.getSource().replace(answer.stub, " ");
      show(words(source, model.get("rules")), limit, true);
    }
  };
  update();
  notebook?.cells.changed.connect(update); // a cell that was moved is another cell
  return () => {
    notebook?.cells.changed.disconnect(update);
    for (const cell of watched.values()) cell.contentChanged.disconnect(update);
  };
}

export default { render };
