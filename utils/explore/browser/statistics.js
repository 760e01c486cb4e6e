// Means and standard deviations of the codes of each class, as a table to save.

import { ModelError } from "./decoder.js";
import { Picture, choice, figure, h, modelChoice, number } from "./pieces.js";
import { statistics } from "./source.js";

export function classStatistics(root, source, { model: first = source.names[0], names = source.names } = {}) {
  const { images } = source;
  if (!images) throw new ModelError("Statistics need test images.");
  const holder = h("div", { class: "vae-scroll", tabindex: "0", role: "region", "aria-label": "Table of statistics" });
  const save = h("a", { download: "statistics.csv", href: "#" }, "Save as CSV");
  const classes = images.classes.length;
  const middles = new Picture("Decoded mean of each class", { columns: classes, gap: 2, className: "vae-strip-picture" });
  let name = first, which = "mean";
  const pickModel = modelChoice(source, names, first, (value) => { name = value; show(); });
  const pick = choice("Show", [["mean", "means of μ"], ["std", "standard deviations of μ"]], which,
    (value) => { which = value; show(); });

  function show() {
    const model = source.model(name);
    const tables = statistics(source.codes(model), images.labels, classes);
    middles.draw(tables.mean.map((mean) => model.decode(mean)), images.classes.join(", "));
    const values = tables[which].flat().filter(Number.isFinite).sort((a, b) => a - b);
    const middle = which === "mean" ? 0 : values[values.length >> 1];
    const width = Math.max(...values.map((value) => Math.abs(value - middle)), 1e-9);
    const head = ["class", ...Array.from({ length: model.nz }, (_, d) => `z${d}`)];
    const cell = (value) => {
      const share = (value - middle) / width, colour = share > 0 ? "--vae-warm" : "--vae-cold";
      return h("td", { style: `background: rgb(var(${colour}) / ${(0.6 * Math.abs(share)).toFixed(2)})` }, number(value));
    };
    holder.replaceChildren(h("table", { class: "vae-table" },
      h("caption", {}, `${which === "mean" ? "mean" : "standard deviation"} of μ over ` +
        `${images.labels.length / classes} test images of each class`),
      h("thead", {}, h("tr", {}, ...head.map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, ...tables[which].map((row, label) =>
        h("tr", {}, h("th", { scope: "row" }, images.classes[label]), ...row.map(cell))))));
    const columns = Object.keys(tables).flatMap((key) => head.slice(1).map((z) => `${key} ${z}`));
    const lines = images.classes.map((text, label) =>
      [text, ...tables.mean[label], ...tables.std[label]].join(","));
    save.href = "data:text/csv;charset=utf-8," + encodeURIComponent([["class", ...columns].join(","), ...lines].join("\n") + "\n");
  }
  root.append(h("div", { class: "vae-bar" }, pickModel.row, pick.row, save),
    figure(middles, "the mean code of each class, decoded"), holder);
  show();
  return { stop() {} };
}
