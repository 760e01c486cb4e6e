// The page: steps that are revealed one after the other, questions that are answered by doing, and
// a state that stands in the address.

/** The images to learn from, which travel deflated, in 16 shades. */
async function unpacked({ pixels, labels }) {
  const stream = new Blob([asBytes(pixels)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const shades = new Uint8Array(await new Response(stream).arrayBuffer());
  return { pixels: shades.map((shade) => 17 * shade), labels: asBytes(labels) };
}

const packed = JSON.parse(document.getElementById("data").textContent);
const sources = Object.fromEntries(Object.entries(packed).map(([name, each]) =>
  [name, new Source({ ...each, training: each.training && (() => unpacked(each.training)) })]));
const sections = [...document.querySelectorAll("main > section")];
const explorers = new Map(); // element -> what mount returned
const only = Number(new URLSearchParams(location.search).get("only")) || null;
let revealed = 0, state = read();

/** What the address says: {step, data, beta, z}; also #step-3, as links of old have it. */
function read() {
  const said = new URLSearchParams(location.hash.slice(1).replace(/^step-/, "step="));
  const step = Math.min(Math.max(only ?? Math.trunc(Number(said.get("step")) || 1), 1), sections.length);
  const data = said.get("data") in sources ? said.get("data") : "MNIST";
  const beta = said.has("beta") ? Number(said.get("beta")) : undefined;
  const z = said.get("z")?.split(",").map(Number);
  return { step, data, beta: Number.isFinite(beta) ? beta : undefined, z: z?.every(Number.isFinite) ? z : undefined };
}

function address() {
  const said = new URLSearchParams({ step: state.step });
  if (state.data !== "MNIST") said.set("data", state.data);
  if (state.beta !== undefined) said.set("beta", state.beta);
  if (state.z) said.set("z", state.z.map((v) => Number(v.toFixed(2))).join(","));
  return `#${decodeURIComponent(said)}`;
}

/** Notes a change in the address; with `push` the back button returns to what was before. */
function note(change, push = false) {
  Object.assign(state, change);
  clearTimeout(note.timer);
  const write = () => {
    if (address() !== location.hash) history[push ? "pushState" : "replaceState"](null, "", address());
    share();
  };
  if (push) write();
  else note.timer = setTimeout(write, 300);
}

function share() {
  const page = location.href.split(/[?#]/)[0];
  document.querySelector(".link").value = page + address();
  document.querySelector(".embed").value =
    `<iframe src="${page}?only=${state.step}${address()}" width="1000" height="900" title="${sections[state.step - 1].dataset.title}"></iframe>`;
}

// -- questions ------------------------------------------------------------------------------------

// Each is told of what is seen, and remembers in `past`; true when it has been answered.
const QUESTS = {
  border({ z, label }, past) {
    const pair = state.data === "MNIST" ? [4, 9] : [9, 7];
    const before = past.last;
    past.last = { z, label };
    return Boolean(before) && before.label !== label && pair.includes(label) && pair.includes(before.label) &&
      Math.hypot(before.z[0] - z[0], before.z[1] - z[1]) < 0.8;
  },
  beat: ({ placed, now, mine }) => placed && now.reconstruction + now.kl < mine.reconstruction + mine.kl - 1,
  house: ({ own, below }) => own && below !== null && below <= 0.01,
  gap: ({ z, real, model }, past) => {
    if (model.kind !== "autoencoder") return false;
    past.codes ??= sources[state.data].codes(model);
    const far = Math.max(...past.codes.slice(0, 100).map(({ mu }) => Math.hypot(...mu)));
    return real < 0.5 && Math.hypot(...z) < 0.8 * far;
  },
  best({ beta, all }, past) {
    (past.tried ??= new Set()).add(beta);
    const most = Math.max(...all.filter(([, passed]) => passed !== undefined).map(([, passed]) => passed));
    return past.tried.size >= 4 && all.find(([each]) => each === beta)[1] === most;
  },
  sum: ({ label, real, operands }) => operands && real > 0.5 && !operands.includes(label),
  learn: ({ elbo }) => elbo > (state.data === "MNIST" ? -180 : -290),
  third: ({ seen, ends, t }) => t > 0.1 && t < 0.9 && seen.some(({ label, real }) => real > 0.5 && !ends.includes(label)),
};

// Each sets up a question that is answered in a field; true when the answer is right.
const FIELDS = {
  idle(field, source) {
    const model = source.model(source.names.find((name) => name.endsWith("beta-5")) ?? source.names[0]);
    const codes = source.codes(model);
    const idle = [...Array(model.nz).keys()].filter((d) =>
      codes.reduce((sum, { mu, logvar }) => sum + 0.5 * (mu[d] ** 2 + Math.exp(logvar[d]) - 1 - logvar[d]), 0) / codes.length < 0.05);
    return () => field.value !== "" && Number(field.value) === idle.length;
  },
  spread(field, source) {
    const { images } = source, model = source.model(source.names.find((name) => name.endsWith("beta-1")));
    const { std } = statistics(source.codes(model), images.labels, images.classes.length);
    const sums = std.map((row) => row.reduce((sum, v) => sum + v, 0));
    field.replaceChildren(new Option("choose", ""), ...images.classes.map((name, i) => new Option(name, i)));
    return () => field.value !== "" && Number(field.value) === sums.indexOf(Math.min(...sums));
  },
};

function quests(section) {
  for (const quest of section.querySelectorAll(".quest")) {
    const name = quest.dataset.quest, field = quest.querySelector("input, select"), past = {};
    quest.classList.remove("done");
    quest.querySelector(".mark")?.remove();
    const told = h("p", { class: "mark", role: "status" });
    quest.querySelector(".answer").before(told);
    const done = () => {
      if (quest.classList.contains("done")) return;
      quest.classList.add("done");
      told.textContent = "Found.";
    };
    quest.seen = (what) => { if (QUESTS[name]?.(what, past)) done(); };
    if (!field) continue;
    const right = FIELDS[name](field, sources[state.data]);
    field.value = "";
    field.onchange = () => {
      if (right()) done();
      else told.textContent = field.value === "" ? "" : "Not that. Look again.";
    };
  }
}

// -- steps ----------------------------------------------------------------------------------------

function start(element, begin = {}) {
  explorers.get(element)?.stop?.();
  delete element.dataset.touched;
  const { explorer, model, only: wanted, reference, moving } = element.dataset;
  const prefix = state.data === "MNIST" ? "" : "fashion-", source = sources[state.data];
  const names = wanted.split(",").map((name) => prefix + name).filter((name) => source.names.includes(name));
  const quest = element.parentElement.querySelector(".quest"), step = sections.indexOf(element.parentElement) + 1;
  const options = { names, start: 3, moving: Boolean(moving) && !begin.z, ...begin,
    onChange: ({ z }) => { if (z && mine()) note({ z }); },
    onSeen: (what) => {
      if (what.beta !== undefined && mine()) note({ beta: what.beta });
      if (element.dataset.touched) quest?.seen?.(what);
    } };
  const mine = () => step === state.step && element.dataset.touched; // not what the page does by itself
  if (model) options.model = names.includes(prefix + model) ? prefix + model : names[0];
  if (reference) options.reference = prefix + reference;
  explorers.set(element, mount(element, explorer, source, options));
}

function open(section, begin) {
  section.hidden = false;
  quests(section);
  section.querySelectorAll(".explorer").forEach((element) => start(element, begin));
}

function reveal(count) {
  for (; revealed < count; revealed++)
    if (!only || only === revealed + 1) open(sections[revealed], revealed + 1 === state.step ? { z: state.z, beta: state.beta } : {});
  document.querySelectorAll(".next").forEach((button, i) => { button.hidden = i + 1 !== revealed; });
  document.querySelectorAll("nav a").forEach((link, i) => link.classList.toggle("seen", i < revealed));
  document.querySelector(".all").hidden = revealed === sections.length;
}

function go(step, push = true) {
  if (push) note({ step, z: undefined, beta: undefined }, true);
  else state.step = step;
  reveal(Math.max(step, revealed));
  document.querySelectorAll("nav a").forEach((link, i) => {
    if (i + 1 === step) link.setAttribute("aria-current", "step");
    else link.removeAttribute("aria-current");
  });
  const heading = sections[step - 1].querySelector("h2");
  heading.focus({ preventScroll: true });
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  heading.scrollIntoView({ behavior: still ? "auto" : "smooth" });
}

function take(data, push) {
  if (push) note({ data, z: undefined }, true);
  document.body.dataset.dataset = data;
  document.querySelector(`input[value="${data}"]`).checked = true; // some browsers restore another choice
  sections.slice(0, revealed).forEach((section) => { if (!section.hidden) open(section); });
}

for (const kind of ["pointerdown", "pointermove", "keydown", "input"]) addEventListener(kind, ({ target }) => {
  const element = target.closest?.(".explorer");
  if (element) element.dataset.touched = "yes";
}, { capture: true, passive: true });
sections.forEach((section, i) => {
  section.hidden = true;
  const heading = h("h2", { id: `step-${i + 1}`, tabindex: "-1" },
    h("small", {}, `Step ${i + 1} of ${sections.length}`), section.dataset.title);
  section.prepend(heading);
  section.setAttribute("aria-labelledby", heading.id);
  if (i + 1 < sections.length)
    section.append(h("button", { type: "button", class: "next", onclick: () => go(i + 2) },
      `Next: ${sections[i + 1].dataset.title}`));
  const show = (event) => { event.preventDefault(); go(i + 1); };
  document.querySelector("nav ol").append(h("li", {}, h("a", { href: `#step-${i + 1}`, onclick: show,
    "aria-label": `Step ${i + 1}: ${section.dataset.title}`, title: section.dataset.title }, String(i + 1))));
});
document.querySelectorAll("input[name=dataset]").forEach((radio) =>
  radio.addEventListener("change", () => take(radio.value, true)));
document.querySelector(".all").addEventListener("click", () => reveal(sections.length));
document.querySelectorAll(".share input").forEach((field) => field.addEventListener("focus", () => field.select()));
addEventListener("popstate", () => {
  const before = state.data;
  state = read();
  if (state.data !== before) take(state.data, false);
  go(state.step, false);
});
document.body.classList.toggle("only", Boolean(only));
take(state.data, false);
if (state.step > 1 && !only) go(state.step, false);
else reveal(state.step);
share();
