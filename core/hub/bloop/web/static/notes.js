/* Notes beside a lesson: what is marked in its text becomes a highlight or the quote of a note, what
was marked before is painted, and a moment of a film is kept and found again. Without it the form of
the panel does the same by itself: a passage is pasted, a time is typed.
What comes from the frame is shown as text, and goes no further than into the form. */

const QUOTE = ["quote", "prefix", "suffix", "position"];
const panel = document.getElementById("notes");
const frame = document.querySelector(".framed > iframe:not(.player)");
const said = () => panel.querySelector(".said");
const form = () => panel.querySelector(".jot");
let marked = null;
let bar = null;
let came = null; // Where on the page somebody was who was taken down to the form.

function fill(values) {
  for (const name of [...QUOTE, "at", "video"]) {
    const field = form().elements[name];
    if (field) field.value = values[name] ?? "";
  }
  const about = form().querySelector("details");
  about.open = Boolean(values.quote || values.at);
}

function write() {
  const words = form().elements.words;
  came = scrollY;
  words.focus({ preventScroll: true });
  words.scrollIntoView({ block: "nearest", behavior: calm() });
}

function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
}

// -- what is marked in the text

function asked({ exact, prefix, suffix, position }) {
  return { quote: exact, prefix, suffix, position };
}

function offer(place) {
  bar.hidden = !marked;
  if (!marked) return;
  const most = frame.offsetWidth - bar.offsetWidth - 8;
  bar.style.top = `${frame.offsetTop + place.bottom + 8}px`;
  bar.style.left = `${frame.offsetLeft + Math.max(8, Math.min(place.left, most))}px`;
}

async function act(what) {
  if (!marked || !what) return;
  const words = form().elements.words.value;
  fill(asked(marked));
  marked = null;
  bar.hidden = true;
  if (what === "note") write();
  else {
    form().elements.words.value = "";
    await keep(form());
    form().elements.words.value = words;
  }
}

function paint() {
  if (!frame) return;
  const passages = [...panel.querySelectorAll("[data-passage]")].map((note) => {
    const { exact, prefix, suffix } = JSON.parse(note.dataset.passage);
    return { id: note.id, exact, prefix, suffix };
  });
  frame.contentWindow.postMessage({ passages }, "*");
}

function go(id) {
  const note = document.getElementById(String(id));
  if (!note || !panel.contains(note)) return;
  note.scrollIntoView({ block: "nearest", behavior: calm() });
  note.focus({ preventScroll: true });
}

// -- kept without leaving the page

async function keep(sent) {
  const body = new URLSearchParams(new FormData(sent));
  const button = sent.querySelector("button");
  button.disabled = true; // Twice is not wanted.
  try {
    const answer = await fetch(sent.action, { method: "POST", body, headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("notes");
    if (!fresh) throw new Error(answer.status);
    panel.replaceChildren(...fresh.childNodes);
    if (answer.ok) {
      said().textContent = said().dataset.kept;
      const below = getComputedStyle(panel).position !== "sticky";
      if (came !== null && below) scrollTo({ top: came, behavior: calm() });
      came = null;
    }
  } catch {
    said().textContent = said().dataset.failed;
    said().classList.add("loud");
  }
  button.disabled = false;
  begin();
}

// -- films: of the page itself, and in the frame

const films = [...document.querySelectorAll(".reading :is(video, audio)")];

function at(ms) {
  const seconds = Math.floor(ms / 1000);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60];
  if (seconds >= 3600) parts.unshift(Math.floor(seconds / 3600));
  return parts.map((part, n) => (n ? String(part).padStart(2, "0") : part)).join(":");
}

function tick(place, ms, video) {
  place.hidden = false;
  const button = place.querySelector("button");
  button.textContent = button.dataset.words.replace("{time}", at(ms));
  button.onclick = () => {
    fill({ at: at(ms), video });
    write();
  };
}

function momentPlace() {
  return document.getElementById("at-moment").content.firstElementChild.cloneNode(true);
}

function jump(ms, video) {
  if (video === undefined && films.length) {
    films[0].currentTime = ms / 1000;
    films[0].scrollIntoView({ block: "center", behavior: calm() });
    films[0].focus({ preventScroll: true });
  } else frame?.contentWindow.postMessage({ jump: ms, film: Number(video ?? 0) }, "*");
}

function begin() {
  paint();
  panel.onsubmit = (event) => {
    if (!event.target.matches(".jot")) return;
    event.preventDefault();
    keep(event.target);
  };
}

if (panel && form()) {
  begin();
  if (frame) {
    bar = document.getElementById("marking").content.firstElementChild.cloneNode(true);
    frame.after(bar);
    bar.addEventListener("click", ({ target }) => act(target.dataset.do));
    bar.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") bar.hidden = true;
    });
    const place = momentPlace();
    frame.parentElement.after(place);
    addEventListener("message", ({ source, data }) => {
      if (source !== frame.contentWindow) return;
      if (data.marked !== undefined) {
        marked = data.marked;
        offer(data.place);
      } else if (Number.isFinite(data.film)) tick(place, data.ms, data.film);
      else if (data.noted !== undefined) go(data.noted);
      else if (Number.isFinite(data.height) && !frame.dataset.painted) {
        frame.dataset.painted = "yes"; // It listens from its first word on.
        paint();
      }
    });
  }
  for (const film of films) {
    const place = momentPlace();
    film.after(place);
    for (const moved of ["timeupdate", "seeked", "pause"]) {
      film.addEventListener(moved, () => tick(place, film.currentTime * 1000));
    }
  }
  panel.addEventListener("click", (event) => {
    const link = event.target.closest("[data-reveal], [data-seek]");
    if (!link) return;
    event.preventDefault();
    if (link.dataset.seek) jump(Number(link.dataset.seek), link.dataset.video);
    else frame?.contentWindow.postMessage({ reveal: link.closest("li").id }, "*");
  });
}

const moment = /^#t=(\d{1,6})$/.exec(location.hash); // For who has no notes, too: search leads here.
if (moment) addEventListener("load", () => jump(Number(moment[1]) * 1000));
