/* The outline of a course, moved with the mouse and with keys: what a form of the page does as well.
Alt with an arrow moves the row that has the focus: up, down, into the module above it, or out. */

const box = document.getElementById("outline-editor");
const STEPS = { ArrowUp: "up", ArrowDown: "down", ArrowRight: "in", ArrowLeft: "out" };
const rtl = document.dir === "rtl";
let dragged = null;
let busy = false;

const rows = () => [...box.querySelectorAll("[data-node]")];

function say(words) {
  box.querySelector(".said").textContent = words;
}

async function send(values) {
  if (busy) return;
  busy = true;
  const body = new URLSearchParams({ csrf: box.dataset.csrf, ...values });
  try {
    const answer = await fetch(`/courses/${box.dataset.course}/places`, {
      method: "POST",
      body,
      headers: { accept: "text/html" },
    });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("outline-editor");
    if (!fresh) throw new Error(answer.status);
    if (!answer.ok) {
      say(box.dataset.failed);
      return;
    }
    for (const open of fresh.querySelectorAll(".tools")) open.remove();
    for (const open of fresh.querySelectorAll(".is-open")) open.classList.remove("is-open");
    box.replaceChildren(...fresh.childNodes);
    begin();
    say(box.dataset.moved);
    document.getElementById(`n-${values.node}`)?.querySelector("a.change")?.focus();
  } catch {
    say(box.dataset.failed);
  } finally {
    busy = false;
  }
}

function among(parent) {
  return rows().filter((row) => row.dataset.parent === parent && row !== dragged);
}

function inside(row) {
  for (let one = row; one; one = document.getElementById(`n-${one.dataset.parent}`)) if (one === dragged) return true;
  return false;
}

// Where on a row something is dropped: before it, behind it, or into it where it is a module.
function aim(row, y) {
  const { top, height } = row.querySelector(".spot").getBoundingClientRect();
  const part = (y - top) / height;
  if (row.classList.contains("is-module") && part > 0.3 && part < 0.9) return "into";
  return part < 0.5 ? "before" : "behind";
}

function mark(row, where) {
  for (const one of rows()) one.classList.remove("drop-before", "drop-behind", "drop-into");
  if (row) row.classList.add(`drop-${where}`);
}

function target(event) {
  const row = event.target.closest?.("[data-node]");
  return row && dragged && !inside(row) ? row : null;
}

function begin() {
  for (const row of rows()) {
    row.draggable = !row.classList.contains("is-open");
    row.ondragstart = (event) => {
      dragged = row;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", row.dataset.node);
      row.classList.add("is-dragged");
    };
    row.ondragend = () => {
      row.classList.remove("is-dragged");
      mark(null);
      dragged = null;
    };
  }
}

if (box?.dataset.csrf) {
  begin();
  box.addEventListener("dragover", (event) => {
    const row = target(event);
    if (!row) return;
    event.preventDefault();
    mark(row, aim(row, event.clientY));
  });
  box.addEventListener("drop", (event) => {
    const row = target(event);
    if (!row) return;
    event.preventDefault();
    const where = aim(row, event.clientY);
    const parent = where === "into" ? row.dataset.node : row.dataset.parent;
    const others = among(parent);
    const index = where === "into" ? others.length : others.indexOf(row) + (where === "behind" ? 1 : 0);
    send({ node: dragged.dataset.node, do: "move", parent, index });
  });
  box.addEventListener("keydown", (event) => {
    const row = event.target.closest("[data-node]");
    let step = event.altKey && !event.ctrlKey && !event.metaKey ? STEPS[event.key] : undefined;
    if (!row || !step || event.target.matches("input, textarea, select")) return;
    event.preventDefault();
    if (rtl && (step === "in" || step === "out")) step = step === "in" ? "out" : "in";
    send({ node: row.dataset.node, do: step });
  });
}
