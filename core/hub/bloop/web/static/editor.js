/* The page on which a lesson is written: the preview follows the text, the text is saved by itself, and
what could not be saved is kept in this browser. Without it the buttons of the form do the same. */

const form = document.getElementById("editing");
const text = form?.elements.text;
const saving = document.getElementById("saving");
const look = document.getElementById("look");
const key = form && `bloop:lesson:${form.dataset.item}`;
const LOOK = 500; // Milliseconds after the last key.
const SAVE = 2000;
let stopped = false; // Somebody else has changed it: the form decides.
let sent = form && written();

function written() {
  const { title, text: area, language, href } = form.elements;
  return JSON.stringify([title.value, area?.value ?? "", language.value, href?.value ?? ""]);
}

// -- the preview: made anew in a frame behind the one that is seen, which leaves no trace in the history

function frame() {
  return form.querySelector(".seen iframe");
}

function show() {
  const old = frame();
  const fresh = old.cloneNode();
  fresh.removeAttribute("src");
  fresh.name = `preview-${Date.now()}`;
  fresh.classList.add("behind");
  old.after(fresh);
  look.formTarget = fresh.name;
  look.dataset.quiet = "yes";
  form.requestSubmit(look);
  delete look.dataset.quiet;
  fresh.addEventListener("load", () => {
    fresh.classList.remove("behind");
    for (const one of form.querySelectorAll(".seen iframe")) if (one !== fresh) one.remove();
  });
}

addEventListener("message", ({ source, data }) => {
  for (const one of form?.querySelectorAll(".seen iframe") ?? []) {
    if (source === one.contentWindow && Number.isFinite(data?.height)) one.style.height = `${Math.min(data.height, 20_000)}px`;
  }
});

// -- saved by itself

function keep() {
  try {
    localStorage.setItem(key, JSON.stringify({ version: form.elements.version.value, text: written() }));
  } catch {
    // A full or closed store: the hub has what was saved last.
  }
}

function forget() {
  try {
    localStorage.removeItem(key);
  } catch {
    // As above.
  }
}

function body() {
  const { title, text: area, language, href, mode } = form.elements;
  const values = { title: title.value, language: language.value.trim() || null };
  if (mode.value === "link") values.data = { href: href.value.trim() };
  else if (area) values[mode.value === "html" ? "html" : "markdown"] = area.value;
  return JSON.stringify(values);
}

async function save() {
  const now = written();
  if (stopped || now === sent) return;
  saving.textContent = form.dataset.saving;
  try {
    const answer = await fetch(`/api/v1/items/${form.dataset.item}/draft`, {
      method: "PUT",
      body: body(),
      headers: {
        "content-type": "application/json",
        "x-csrf-token": form.elements.csrf.value,
        "if-match": `"v${form.elements.version.value}"`,
      },
    });
    if (answer.status === 412 || answer.status === 409) {
      stopped = true;
      saving.textContent = form.dataset.conflict;
      return;
    }
    const answered = await answer.json();
    if (!answer.ok) {
      saving.textContent = answered.detail ?? form.dataset.unsaved;
      return;
    }
    form.elements.version.value = answered.row_version;
    const discard = document.querySelector("form[action$='/discard'] [name=version]");
    if (discard) discard.value = answered.row_version;
    sent = now;
    if (written() === now) forget();
    saving.textContent = form.dataset.saved;
  } catch {
    saving.textContent = form.dataset.unsaved;
  }
}

// One after the other: the second needs the version that the first was given.
let queue = Promise.resolve();
let looking = 0;
let waiting = 0;

function later() {
  keep();
  if (text && look) {
    clearTimeout(looking);
    looking = setTimeout(show, LOOK);
  }
  clearTimeout(waiting);
  waiting = setTimeout(() => (queue = queue.then(save)), SAVE);
}

// -- what this browser kept of a text that never arrived

function offer() {
  let kept = null;
  try {
    kept = JSON.parse(localStorage.getItem(key));
  } catch {
    return;
  }
  if (!kept || kept.text === written()) return;
  const note = document.createElement("div");
  note.className = "notice warn";
  note.setAttribute("role", "status");
  const words = document.createElement("p");
  words.textContent = form.dataset.kept;
  const take = document.createElement("button");
  take.type = "button";
  take.className = "button";
  take.textContent = form.dataset.take;
  take.addEventListener("click", () => {
    const { title, text: area, language, href } = form.elements;
    const values = JSON.parse(kept.text);
    [title, area, language, href].forEach((field, n) => field && (field.value = values[n]));
    note.remove();
    later();
  });
  note.append(words, take);
  form.before(note);
}

if (form) {
  offer();
  for (const moved of ["select", "keyup", "click"]) {
    text?.addEventListener(moved, () => (form.elements.at.value = text.selectionEnd)); // Where a file goes.
  }
  form.addEventListener("input", (event) => {
    if (event.target.type !== "file" && event.target.name !== "alt") later();
  });
  form.addEventListener("submit", (event) => {
    if (event.submitter === look) {
      if (!look.dataset.quiet) {
        event.preventDefault();
        show();
      }
      return;
    }
    clearTimeout(waiting);
    stopped = true;
    if (written() === sent) forget();
  });
}
