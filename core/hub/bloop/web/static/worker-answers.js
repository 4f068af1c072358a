/* Answers that wait: each is kept on the device before it is sent, under the key it is sent with, and
forgotten when the hub has said what became of it. The hub answers a key once (Idempotency-Key), so
that one which was cut off is sent again without counting twice. */

const ANSWERS = /^\/(attempts\/[^/]+\/questions\/\d+|reviews)$/;
const LATER = new Set([401, 403, 408, 425, 429]); // Nothing is wrong with the answer itself.

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
      change.onabort = change.onerror = () => reject(change.error);
    });
  } finally {
    database.close();
  }
}

const fact = (name) => stored("facts", "readonly", (facts) => facts.get(name));
const note = (name, value) => stored("facts", "readwrite", (facts) => facts.put(value, name));
const drop = (key) => stored("answers", "readwrite", (answers) => answers.delete(key));
const keepAnswer = (answer) => stored("answers", "readwrite", (answers) => answers.put(answer));

async function waiting() {
  const [all, reader] = [await stored("answers", "readonly", (some) => some.getAll()), await fact("reader")];
  return all.filter((one) => one.reader === reader).sort((a, b) => a.at - b.at);
}

/* The page of the question that an answer is to. */
function page(pathname, key) {
  if (pathname === "/reviews") return `/reviews?key=${key}`;
  const [attempt, place] = pathname.split("/questions/");
  return `${attempt}?question=${place}`;
}

/* What the page of a question sends: now where the hub is there, or later. */
async function takeAnswer(request) {
  const form = await request.clone().formData();
  const csrf = form.get("csrf") ?? "";
  form.delete("csrf");
  const { pathname } = new URL(request.url);
  const about = page(pathname, form.get("key"));
  if (form.has("shown")) {
    const now = Math.round(Date.now() / 1000);
    form.set("at", now);
    form.set("seconds", Math.max(0, now - Number(form.get("shown"))));
  }
  let before;
  let answer;
  try {
    before = (await waiting()).find((one) => one.about === about && !one.refused);
    // One that was sent may have arrived: it is not to be changed any more.
    answer = before?.sent
      ? before
      : {
          key: before?.key ?? crypto.randomUUID(),
          path: pathname,
          about,
          body: new URLSearchParams(form).toString(),
          reader: await fact("reader"),
          at: Date.now(),
        };
    await keepAnswer({ ...answer, sent: true });
  } catch {
    return fetch(request); // A device that keeps nothing still sends it.
  }
  try {
    return await deliver(answer, csrf);
  } catch {
    await keepAnswer({ ...answer, sent: Boolean(before?.sent) || navigator.onLine });
    await self.registration.sync?.register("answers").catch(() => {});
    return Response.redirect(`/offline?kept=${encodeURIComponent(about)}`, 303);
  }
}

/* Sends an answer; what the hub said. Raises where it did not come to it. */
async function deliver(answer, csrf) {
  const send = (key) =>
    fetch(answer.path, {
      method: "POST",
      body: answer.body,
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

/* Sends all that waits, in order; whoever asks meanwhile waits for it. */
function sendWaiting() {
  return navigator.locks.request("answers", async () => {
    const some = (await waiting()).filter((one) => !one.refused);
    if (!some.length) return;
    const account = await fetch("/api/v1/account", { headers: { accept: "application/json" } });
    if (!account.ok) return;
    const { csrf_token: csrf } = await account.json();
    let failed;
    for (const answer of some) {
      await keepAnswer({ ...answer, sent: true });
      // One that can't be sent holds up none of the others.
      await deliver({ ...answer, sent: true }, csrf).catch((error) => (failed = error));
    }
    if (failed) throw failed;
  });
}
