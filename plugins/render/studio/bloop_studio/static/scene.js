/* A scene's form with a picture that follows what is typed. Without it, "Preview" and "Hear it" send
the form and show the page again. Nothing is kept before "Keep" is pressed. */

const PAUSE = 700; // Milliseconds without a key before a picture is asked for.

const form = document.querySelector("[data-scene]");
const look = (name) => form.querySelector(`[data-${name}]`);
const words = JSON.parse(look("state").dataset.words);
let waiting = null;
let drawing = false;
let sent = body();
let leaving = false;

function body(does = "preview") {
  const given = new URLSearchParams(new FormData(form));
  given.set("do", does);
  return given.toString();
}

async function ask(does) {
  const answer = await fetch(form.dataset.preview, {
    method: "POST",
    body: new URLSearchParams(body(does)),
    headers: { accept: "application/json" },
  });
  if (!answer.headers.get("content-type")?.includes("json")) throw new Error(answer.status);
  return answer.json();
}

function tell(found) {
  const list = look("problems");
  list.replaceChildren(
    ...[...(found.problems ?? []), found.cure].filter(Boolean).map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }),
  );
  for (const old of form.querySelectorAll(".fault")) old.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
  for (const [name, text] of Object.entries(found.faults ?? {})) {
    const field = form.elements[name];
    const note = document.createElement("p");
    note.className = "fault";
    note.id = `fault-${name}`;
    note.textContent = text;
    if (field?.id) {
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-describedby", note.id);
      field.after(note);
    } else list.append(Object.assign(document.createElement("li"), { textContent: text }));
  }
}

/* One picture at a time: what is typed meanwhile is asked for when the one before has come. */
async function draw() {
  clearTimeout(waiting);
  sent = body();
  if (drawing) return;
  drawing = true;
  look("state").textContent = words.drawing;
  try {
    let asked, found;
    do {
      asked = sent;
      found = await ask("preview");
    } while (asked !== sent);
    tell(found);
    if (found.parts) {
      look("parts").replaceChildren(
        ...found.parts.flatMap((name) => [Object.assign(document.createElement("code"), { textContent: name }), " "]),
      );
    }
    if (found.picture && look("picture")) look("picture").src = found.picture;
    look("state").textContent = found.picture ? words.drawn : words.wrong;
  } catch {
    look("state").textContent = words.failed;
  } finally {
    drawing = false;
  }
}

async function hear() {
  const before = look("state").textContent;
  look("state").textContent = words.saying;
  try {
    const found = await ask("hear");
    tell(found);
    if (found.sound) {
      const sound = look("sound");
      sound.hidden = false;
      sound.src = found.sound;
      sound.play().catch(() => {}); // Refused by the browser: its controls are there.
    }
    look("state").textContent = before;
  } catch {
    look("state").textContent = words.failed;
  }
}

form.addEventListener("input", (event) => {
  if (event.target === look("kind")) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => body() !== sent && draw(), PAUSE);
});
look("kind").addEventListener("change", () => form.requestSubmit(look("change")));
look("change").hidden = true;
form.addEventListener("submit", (event) => {
  const does = event.submitter;
  if (does && (does === look("draw") || does === look("hear"))) {
    event.preventDefault();
    if (does === look("draw")) draw();
    else hear();
  } else leaving = true;
});

// What was typed and not kept is asked about before the page is left.
const first = body();
addEventListener("beforeunload", (event) => {
  if (!leaving && body() !== first) event.preventDefault();
});
