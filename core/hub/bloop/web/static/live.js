/* Keeps what runs in the background up to date on its pages. Each works without it, by reloading.

A job that runs or is about to is followed by its own stream of events, which moves its bar; every few
seconds, and at once when a job begins or ends, the part of the page marked data-live is fetched anew
from the server. */

const SECONDS = 5;
const MOST = 3; // Streams at a time: a browser opens six connections to a host, for all its tabs.

const live = document.querySelector("[data-live]");
const said = document.querySelector("p[data-said]");
const language = document.documentElement.lang;
const streams = new Map();
let busy = false;

function follow() {
  const waits = (row) => Number(row.dataset.state !== "running");
  const followed = [...live.querySelectorAll("[data-follow]")].sort((a, b) => waits(a) - waits(b));
  const running = new Map(followed.slice(0, MOST).map((row) => [row.dataset.job, row]));
  for (const [job, stream] of streams) {
    if (!running.has(job)) {
      stream.close();
      streams.delete(job);
    }
  }
  for (const [job, row] of running) {
    if (!streams.has(job)) {
      const stream = new EventSource(row.dataset.follow);
      stream.onmessage = (event) => show(JSON.parse(event.data));
      streams.set(job, stream);
    }
  }
}

function show(job) {
  const row = live.querySelector(`[data-job="${CSS.escape(job.id)}"]`);
  const bar = row?.querySelector("progress");
  if (!row || row.dataset.state !== job.state || (!bar && job.progress_total)) {
    refresh();
    return;
  }
  const count = row.querySelector("[data-count]");
  if (job.progress_done === null || !count) return;
  if (bar) {
    bar.max = job.progress_total;
    bar.value = job.progress_done;
  }
  count.textContent = words(count.dataset.words, job.progress_done, job.progress_total);
  row.querySelector("[data-message]").textContent = job.progress_message ?? "";
}

function words(template, done, total) {
  if (total === null) return done.toLocaleString(language);
  return template
    .replace("{done}", done.toLocaleString(language))
    .replace("{total}", total.toLocaleString(language));
}

async function refresh() {
  if (busy || document.hidden) return;
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      take(page.querySelector("[data-live]"));
    }
  } catch {
    // The hub is away: the next round tries again.
  } finally {
    busy = false;
  }
}

function take(fresh) {
  if (!fresh || fresh.innerHTML === live.innerHTML) return;
  const before = new Map(
    [...live.querySelectorAll("[data-job]")].map((row) => [row.dataset.job, row.dataset.state]),
  );
  const focused = document.activeElement?.id;
  live.replaceChildren(...fresh.childNodes);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  const ended = [...live.querySelectorAll("[data-job]:not([data-follow])")].filter(
    (row) => before.get(row.dataset.job) === "running" && row.dataset.state !== "waiting",
  );
  if (said && ended.length) said.textContent = ended.map((row) => row.dataset.said).join(", ");
  follow();
}

function rest() {
  for (const stream of streams.values()) stream.close();
  streams.clear();
}

if (live) {
  follow();
  setInterval(refresh, SECONDS * 1000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) rest();
    else refresh().then(follow);
  });
  addEventListener("pagehide", rest);
}
