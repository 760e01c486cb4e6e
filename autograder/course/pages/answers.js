// Saves what is entered, answer by answer, and shows what the gradebook holds.
const token = document.querySelector("meta[name=token]").content;
const question = document.body.dataset.question;
const status = document.getElementById("status");
const list = document.getElementById("comments");
const all = [...document.querySelectorAll(".answer")];
let current = null;
let names = null;

const fields = (answer) => ({
  criteria: [...answer.querySelectorAll("[data-criterion]")],
  marks: answer.querySelector("[name=marks]"),
  comment: answer.querySelector("[name=comment]"),
});
const entered = (answer) => JSON.parse(answer.dataset.entered);

function tell(text) {
  status.textContent = text;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => { status.textContent = ""; }, 6000);
}

// written: what the fields held when they were sent; one that has changed since is left alone.
function show(answer, state, written = null) {
  const { criteria, marks, comment } = fields(answer);
  answer.dataset.entered = JSON.stringify(state);
  const put = (input, value, key) => {
    if (written === null || input.value === written[key]) input.value = value ?? "";
  };
  for (const input of criteria) put(input, state.criteria[input.dataset.criterion], input.dataset.criterion);
  put(marks, state.marks, "marks");
  put(comment, state.comment, "comment");
  answer.classList.toggle("waiting", state.waiting);
  const note = answer.querySelector(".entered");
  const after = state.marks !== null && state.score !== state.marks;
  note.textContent = [
    state.score === null ? "" : after ? say("In the gradebook: {} (after the length).", state.score) : say("In the gradebook: {}.", state.score),
    state.waiting ? say("Still to grade.") : "",
  ].join(" ");
}

function count() {
  const waiting = all.filter((a) => a.classList.contains("waiting")).length;
  document.getElementById("waiting").textContent = waiting;
  const progress = document.querySelector("nav a[aria-current] .done");
  if (progress) progress.textContent = all.length - waiting;
}

function remember(comment) {
  const known = [...list.querySelectorAll("button")].map((button) => button.textContent);
  for (const part of comment.split("\n\n").filter((text) => text && !known.includes(text))) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = part;
    const item = document.createElement("li");
    item.append(button);
    list.append(item);
  }
}

async function save(answer) {
  const { criteria, marks, comment } = fields(answer);
  const inputs = [...criteria, marks];
  const wrong = inputs.find((input) => !input.validity.valid);
  if (wrong) { wrong.reportValidity(); return; }
  const number = (input) => (input.value === "" ? null : Number(input.value));
  const sent = {
    marks: number(marks), comment: comment.value, was: entered(answer),
    criteria: Object.fromEntries(criteria.map((input) => [input.dataset.criterion, number(input)])),
  };
  const written = { marks: marks.value, comment: comment.value };
  for (const input of criteria) written[input.dataset.criterion] = input.value;
  try {
    const reply = await fetch(`/marks/${answer.dataset.key}`, {
      method: "PUT", body: JSON.stringify(sent), headers: { "Content-Type": "application/json", "X-Token": token },
    });
    const told = reply.status === 409 || reply.ok ? await reply.json() : null;
    if (!told) throw new Error(await reply.text());
    if (told.problem) {
      show(answer, told.now, {});  // keeps what was typed
      count();
      tell(told.problem);
      return;
    }
    if (JSON.stringify(sent.was) !== JSON.stringify(told)) done.push({ answer, before: sent.was });
    show(answer, told, written);
    count();
    remember(told.comment);
    tell(say("{} saved", answer.getAttribute("aria-label")));
  } catch (error) {
    tell(say("Not saved: {}.", error.message));
  }
}
const done = [];  // what was saved here, to take it back: {answer, before}
function undo() {
  const last = done.pop();
  if (!last) { tell(say("There is nothing to take back.")); return; }
  const { criteria, marks, comment } = fields(last.answer);
  for (const input of criteria) input.value = last.before.criteria[input.dataset.criterion] ?? "";
  marks.value = last.before.marks ?? "";
  comment.value = last.before.comment;
  choose(last.answer);
  const kept = done.length;
  queue(last.answer).then(() => { done.length = Math.min(done.length, kept); });
}

// A criterion by its number: all of its marks, then half, then none, then not given.
function mark(number) {
  if (!current) { tell(say("Choose an answer first.")); return; }
  const { criteria, marks } = fields(current);
  const input = criteria[number - 1] ?? (criteria.length ? null : marks);
  if (!input) return;
  const most = Number(input.max);
  const steps = [most, most / 2, 0].filter((m) => m % 0.5 === 0 || m === most).map(String).concat("");
  const at = steps.indexOf(input.value === "" ? "" : String(Number(input.value)));
  input.value = steps[(at + 1) % steps.length];
  tell(`${input.closest("label").firstChild.textContent.trim()}: ${input.value || say("not given")}`);
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

const saving = new Map();  // one request an answer at a time, in order
function queue(answer) {
  const next = (saving.get(answer) ?? Promise.resolve()).then(() => save(answer));
  saving.set(answer, next);
  return next;
}

function choose(answer, inside = null) {
  current?.classList.remove("current");
  current = answer;
  answer.classList.add("current");
  (inside ?? answer).focus();
  answer.scrollIntoView({ block: "nearest" });
}
function step(by, only = () => true) {
  const shown = all.filter((a) => a === current || (a.offsetParent !== null && only(a)));
  const next = shown[shown.indexOf(current) + by] ?? (current ? null : shown[0]);
  if (next) choose(next);
  return next;
}
function insert(button) {
  if (!button || !current) { tell(say("Choose an answer first.")); return; }
  const { comment } = fields(current);
  comment.value = [comment.value.trim(), button.textContent].filter(Boolean).join("\n\n");
  comment.focus();
  queue(current);
}

for (const answer of all) {
  show(answer, entered(answer));
  answer.addEventListener("focusin", (event) => {
    if (event.target.type === "number") event.target.select();
    current?.classList.remove("current");
    current = answer;
    answer.classList.add("current");
  });
  answer.addEventListener("change", (event) => {
    const { criteria, marks } = fields(answer);
    if (criteria.includes(event.target)) {
      const set = criteria.filter((input) => input.value !== "");
      // The total counts as given when every criterion has its marks.
      marks.value = set.length === criteria.length ? set.reduce((sum, i) => sum + Number(i.value), 0) : marks.value;
      if (set.length !== criteria.length) return;
    } else if (event.target === marks) {
      const sum = criteria.reduce((total, i) => total + Number(i.value), 0);
      if (sum !== Number(marks.value)) for (const input of criteria) input.value = "";
    }
    queue(answer);
  });
  answer.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
}
count();
list.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) insert(button);
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=checkbox]), textarea");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    document.activeElement.blur();
    const next = step(1, (a) => a.classList.contains("waiting"));
    if (next) (fields(next).criteria[0] ?? fields(next).marks).focus();
  } else if (event.altKey && /^Digit[1-9]$/.test(event.code)) {
    event.preventDefault();
    insert(list.querySelectorAll("button")[Number(event.code.slice(5)) - 1]);
  } else if (event.key === "Escape" && typing && current) {
    current.focus();
  } else if (!typing && !event.ctrlKey && !event.altKey && !event.metaKey) {
    if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "n") step(1, (a) => a.classList.contains("waiting"));
    else if (event.key === "u") undo();
    else if (/^[1-9]$/.test(event.key)) mark(Number(event.key));
    else if (event.key === "Enter" && event.target === current) {
      event.preventDefault();
      (fields(current).criteria[0] ?? fields(current).marks).focus();
    }
  }
});

document.getElementById("open-only").addEventListener("change", (event) => {
  document.body.classList.toggle("open-only", event.target.checked);
});
document.getElementById("names").addEventListener("click", async (event) => {
  const shown = event.target.getAttribute("aria-pressed") !== "true";
  names ??= await (await fetch(`/names/${question}`)).json();
  for (const answer of all) answer.querySelector(".name").textContent = shown ? names[answer.dataset.key] : "";
  event.target.setAttribute("aria-pressed", shown);
  event.target.textContent = shown ? say("Hide names") : say("Show names");
});

// What was entered in the formgrader, or by somebody else, shows when one comes back to the page.
document.addEventListener("visibilitychange", async () => {
  if (document.visibilityState !== "visible") return;
  try {
    const now = await (await fetch(`/marks/${question}`)).json();
    for (const answer of all) {
      if (!answer.contains(document.activeElement) && now[answer.dataset.key]) show(answer, now[answer.dataset.key]);
    }
    count();
  } catch { tell(say("The server does not answer: is `autograder answers` still running?")); }
});
