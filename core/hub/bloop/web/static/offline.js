/* What somebody keeps on this device, and the answers that wait on it. The worker holds both; this asks
it. Where a browser has no workers, nothing of this is shown. */

const language = document.documentElement.lang;

/* Asks the worker; told of its progress, and in the end of its result. */
function ask(what, given = {}, tell = () => {}) {
  return navigator.serviceWorker.ready.then(
    ({ active }) =>
      new Promise((resolve, reject) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = ({ data }) => {
          if (!data.over) tell(data);
          else if (data.error) reject(new Error(data.error));
          else resolve(data);
        };
        active.postMessage({ ask: what, ...given }, [port2]);
      }),
  );
}

function words(template, values) {
  return template.replace(/{(\w+)}/g, (whole, name) => values[name]?.toLocaleString(language) ?? whole);
}

function element(name, text, attributes = {}) {
  const made = Object.assign(document.createElement(name), attributes);
  made.textContent = text;
  return made;
}

/* The part of a course's page that keeps the course. */
function keeping(part, state) {
  const [keep, letGo] = part.querySelectorAll("button");
  const [bar, said] = [part.querySelector("progress"), part.querySelector("[role=status]")];
  const course = { id: part.dataset.keep, title: document.querySelector("h1").textContent };
  const links = [...document.querySelectorAll('.modules a[href^="/lessons/"]')];
  const addresses = [...new Set(["/", "/courses", location.pathname, ...links.map((a) => a.getAttribute("href"))])];
  const show = (kept) => {
    [keep.hidden, letGo.hidden, bar.hidden] = [kept, !kept, true];
    part.hidden = false;
  };
  const begin = async () => {
    [bar.hidden, bar.max, bar.value, keep.disabled] = [false, addresses.length, 0, true];
    try {
      const { failed } = await ask("keep", { course, addresses }, ({ done }) => (bar.value = done));
      said.textContent = failed ? words(part.dataset.some, { failed }) : part.dataset.done;
      show(failed < addresses.length);
    } catch {
      said.textContent = part.dataset.failed;
      show(false);
    }
    keep.disabled = false;
  };
  keep.addEventListener("click", begin);
  letGo.addEventListener("click", async () => {
    await ask("letGo", { id: course.id });
    said.textContent = "";
    show(false);
    keep.focus();
  });
  show(state.courses.some((one) => one.id === course.id));
}

/* The next question on this device that no answer waits for: after this one of its attempt, or any
other that is to be reviewed. */
function following(about, waiting, pages) {
  const [start, place] = about.split("=");
  const others = pages
    .map((one) => one.address)
    .filter((one) => one.startsWith(`${start}=`) && !waiting.some((some) => some.about === one));
  const number = (address) => Number(address.split("=")[1]);
  if (!about.startsWith("/attempts/")) return others[0];
  return others.filter((one) => number(one) > Number(place)).sort((a, b) => number(a) - number(b))[0];
}

/* The page of what is on this device. */
function shelf(part, { waiting, others, pages }) {
  const asked = new URLSearchParams(location.search);
  part.querySelector("[data-part=left]").hidden = !asked.has("left");
  const about = asked.get("kept") ?? "";
  const kept = part.querySelector("[data-part=kept]");
  if (waiting.some((one) => one.about === about && !one.refused)) {
    const later = following(about, waiting, pages);
    const next = kept.querySelector("a");
    [kept.hidden, next.hidden] = [false, !later];
    if (later) next.href = later;
  }
  const [answers, list] = ["answers", "pages"].map((name) => part.querySelector(`[data-part=${name}]`));
  answers.hidden = !waiting.length;
  answers.querySelector("ul").replaceChildren(
    ...waiting.map((one) => {
      // The page of a question may have made room for others, or be gone with a login.
      const title = pages.find((page) => page.address === one.about)?.title ?? part.dataset.untitled;
      const number = Number(one.about.split("?question=")[1]);
      const called = number ? words(part.dataset.answer, { title, number }) : title;
      const at = new Date(one.at).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
      const row = element("li", "", { className: "row" });
      row.append(element("a", called, { href: one.about }));
      row.append(element("span", ` ${at}${one.refused ? ` · ${part.dataset.refused}` : ""} `, { className: "quiet small" }));
      if (one.refused) {
        const drop = element("button", part.dataset.drop, { type: "button", className: "button" });
        drop.addEventListener("click", async () => {
          await ask("drop", { key: one.key });
          shelf(part, await ask("state"));
        });
        const act = element("div", "", { className: "act" });
        act.append(drop);
        row.append(act);
      }
      return row;
    }),
  );
  const theirs = part.querySelector("[data-part=others]");
  theirs.hidden = !others?.count;
  theirs.querySelector("p").textContent = words(theirs.dataset.others, { count: others?.count ?? 0 });
  theirs.querySelector("button").hidden = !others?.old;
  const lessons = pages.filter((one) => one.address.startsWith("/lessons/"));
  list.querySelector("ul").replaceChildren(
    ...lessons.map((one) => {
      const row = element("li", "", { className: "row" });
      row.append(element("a", one.title, { href: one.address }));
      return row;
    }),
  );
  list.hidden = !lessons.length;
  part.querySelector("[data-part=none]").hidden = lessons.length > 0 || waiting.length > 0;
}

/* What there is, shown; and told to whoever asks. */
async function show() {
  const state = await ask("state");
  const [keep, shelves, notice] = ["[data-keep]", "[data-shelf]", "[data-wait]"].map((one) => document.querySelector(one));
  if (keep && !keep.dataset.ready) keeping(keep, state);
  if (keep) keep.dataset.ready = "yes";
  if (shelves) shelf(shelves, state);
  if (notice && !shelves) {
    notice.hidden = !state.waiting.length;
    notice.querySelector("a").textContent = words(notice.dataset.wait, { count: state.waiting.length });
  }
  return state;
}

async function again(before) {
  await ask("send").catch(() => {});
  const left = (await show()).waiting.length;
  const said = document.querySelector("[data-sent]");
  if (said) said.textContent = words(left ? said.dataset.left : said.dataset.sent, { count: left || before });
}

if (navigator.serviceWorker) {
  await navigator.serviceWorker.register("/worker.js");
  const send = async () => again((await ask("state")).waiting.length);
  const { waiting } = await show();
  if (navigator.onLine && waiting.length) await again(waiting.length);
  addEventListener("online", send);
  document.querySelector("[data-send]")?.addEventListener("click", send);
  document.querySelector("[data-drop-old]")?.addEventListener("click", async () => {
    await ask("dropOld");
    await show();
  });
}
