/* Answers that wait: each is kept on the device before it is sent, under the key it is sent with, and
forgotten when the hub has said what became of it. The hub answers a key once (Idempotency-Key), so
that one which was cut off is sent again without counting twice. Each is of the reader whose page it
was given on, and sent only while that reader is logged in. */

const ANSWERS = /^\/(attempts\/[^/]+\/questions\/\d+|reviews)$/;
const LATER = new Set([401, 403, 408, 425, 429]); // Nothing is wrong with the answer itself.
const PATIENCE = 30_000; // Milliseconds until an answer waits that the hub says nothing to.
const LONG = 30 * 24 * 60 * 60 * 1000; // After which whoever has the device may discard another's.

function device() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open("bloop", 1);
    asked.onupgradeneeded = () => {
      asked.result.createObjectStore("answers", { keyPath: "key" });
      asked.result.createObjectStore("facts");
    };
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

async function stored(name, mode, act) {
  const database = await device();
  try {
    return await new Promise((resolve, reject) => {
      const change = database.transaction(name, mode, { durability: "strict" });
      const asked = act(change.objectStore(name));
      change.oncomplete = () => resolve(asked.result);
      change.onabort = () => reject(change.error ?? asked.error);
    });
  } finally {
    database.close();
  }
}

const fact = (name) => stored("facts", "readonly", (facts) => facts.get(name));
const note = (name, value) => stored("facts", "readwrite", (facts) => facts.put(value, name));
const drop = (key) => stored("answers", "readwrite", (answers) => answers.delete(key));
const everybodys = () => stored("answers", "readonly", (answers) => answers.getAll());

/* An answer is worth more than pages, which can be had again. */
async function keepAnswer(answer) {
  const keep = () => stored("answers", "readwrite", (answers) => answers.put(answer));
  try {
    await keep();
  } catch (error) {
    if (error?.name !== "QuotaExceededError") throw error;
    await caches.delete(VISITED);
    await keep();
  }
}

/* What waits of a reader, of who is logged in where none is named; the first first. */
async function waiting(reader) {
  const whose = reader ?? (await fact("reader"));
  return (await everybodys()).filter((one) => whose && one.reader === whose).sort((a, b) => a.at - b.at);
}

/* How many wait of others, and how many of these so long that they may be discarded. */
async function ofOthers() {
  const reader = await fact("reader");
  const all = (await everybodys()).filter((one) => !reader || one.reader !== reader);
  return { count: all.length, old: all.filter((one) => Date.now() - one.at > LONG).length };
}

async function dropOld() {
  const reader = await fact("reader");
  for (const one of await everybodys()) if (one.reader !== reader && Date.now() - one.at > LONG) await drop(one.key);
}

/* Of one question only one answer is under way, whichever page or worker sends it. */
const inTurn = (reader, about, act) => navigator.locks.request(`answer ${reader} ${about}`, act);

/* The page of the question that an answer is to. */
function page(pathname, key) {
  if (pathname === "/reviews") return `/reviews?key=${key}`;
  const [attempt, place] = pathname.split("/questions/");
  return `${attempt}?question=${place}`;
}

/* What the page of a question sends: now where the hub is there, or later. */
async function takeAnswer(request) {
  const form = await request.clone().formData();
  const [csrf, reader] = [form.get("csrf") ?? "", form.get("reader")];
  if (!reader) return fetch(request); // Nobody knows whose it would be later.
  form.delete("csrf");
  // A copy of the device says when it was shown by the device's clock, and other pages by the hub's.
  if (form.has("here")) form.set("seconds", Math.max(0, Math.round((Date.now() - form.get("here")) / 1000)));
  form.delete("here");
  const { pathname } = new URL(request.url);
  const about = page(pathname, form.get("key"));
  const given = { path: pathname, about, body: new URLSearchParams(form).toString(), reader, at: Date.now() };
  return inTurn(reader, about, () => give(given, csrf, request));
}

async function give(given, csrf, request) {
  let before;
  let answer;
  try {
    before = (await waiting(given.reader)).find((one) => one.about === given.about && !one.refused);
    // One that was sent may have arrived: it is not to be changed any more.
    answer = before?.sent ? before : { key: before?.key ?? crypto.randomUUID(), ...given };
    await keepAnswer({ ...answer, sent: true });
  } catch {
    return fetch(request); // A device that keeps nothing still sends it.
  }
  try {
    return await deliver(answer, csrf);
  } catch {
    await keepAnswer({ ...answer, sent: Boolean(before?.sent) || navigator.onLine }).catch(() => {}); // It is kept.
    await self.registration.sync?.register("answers").catch(() => {});
    return Response.redirect(`/offline?kept=${encodeURIComponent(given.about)}`, 303);
  }
}

/* Sends an answer; what the hub said. Raises where it did not come to it. */
async function deliver(answer, csrf) {
  const body = new URLSearchParams(answer.body);
  body.set("reader", answer.reader);
  // How long ago, for the clock of a device may be wrong. What dates itself has a key of its own too.
  if (answer.path === "/reviews") body.set("ago", Math.max(0, Math.round((Date.now() - answer.at) / 1000)));
  const send = (key) =>
    fetch(answer.path, {
      method: "POST",
      body: body.toString(),
      signal: AbortSignal.timeout(PATIENCE),
      redirect: "manual",
      headers: {
        accept: "text/html",
        "content-type": "application/x-www-form-urlencoded",
        "idempotency-key": key,
        "x-csrf-token": csrf,
      },
    });
  let said = await send(answer.key);
  // Also said where its twin is under way, or what became of it was lost. The same answer to the same
  // question changes nothing, so that only one which differs from what is known is refused again.
  if (said.status === 409) said = await send(crypto.randomUUID());
  if (said.type === "opaqueredirect" || said.ok) await drop(answer.key);
  else if (said.status < 500 && !LATER.has(said.status)) await keepAnswer({ ...answer, refused: true });
  else throw new Error(`the hub said ${said.status}`);
  return said;
}

/* Sends all that waits of who is logged in, in order; whoever asks meanwhile waits for it. */
function sendWaiting() {
  return navigator.locks.request("answers", async () => {
    const known = await fact("reader");
    const some = (await waiting(known)).filter((one) => !one.refused);
    if (!some.length) return;
    const signal = AbortSignal.timeout(PATIENCE);
    const account = await fetch("/api/v1/account", { headers: { accept: "application/json" }, signal });
    if (!account.ok) return;
    const { csrf_token: csrf, reader } = await account.json();
    if (reader !== known) return;
    let failed;
    // One that can't be sent holds up none of the others.
    for (const { key, about } of some) {
      await inTurn(reader, about, () => sendAgain(key, csrf)).catch((error) => (failed = error));
    }
    if (failed) throw failed;
  });
}

/* Sends one that waits, as it is now: a page may have changed, sent or discarded it meanwhile. */
async function sendAgain(key, csrf) {
  const answer = await stored("answers", "readonly", (answers) => answers.get(key));
  if (!answer || answer.refused) return;
  // A device that is full sends it all the same.
  await keepAnswer({ ...answer, sent: true }).catch(() => {});
  await deliver({ ...answer, sent: true }, csrf);
}
