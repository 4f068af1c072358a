/* The hub without a connection: its service worker (https://www.w3.org/TR/service-workers). Pages come
from the hub wherever it answers. Where it does not, they come from the device, and answers wait. */

const FRAMED = /\/(text|summary)$/; // Documents with an origin of their own, which no worker is of.
const SLOW = 6000; // Milliseconds after which a page of the device is better than none.

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const files = await caches.open(FILES);
      // What outlives a login is nobody's: pages are had without cookies.
      await files.addAll(HUB.files.map((one) => new Request(one, { credentials: "omit" })));
      await self.skipWaiting();
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      const names = (await caches.keys()).filter((name) => ![FILES, VISITED, KEPT].includes(name));
      await Promise.all(names.map((name) => caches.delete(name)));
      await tidy();
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== location.origin) return;
  if (request.method === "POST" && request.mode === "navigate") {
    // What is sent from here has a token that another site can't have, so it must be of our pages.
    if (request.destination !== "document" || !isOurs(request.referrer)) return;
    if (ANSWERS.test(pathname)) event.respondWith(takeAnswer(request));
    else if (pathname === "/logout") event.respondWith(leave(request));
  } else if (request.method === "GET" && pathname.startsWith("/static/")) {
    event.respondWith(file(event));
  } else if (request.method === "GET" && request.mode === "navigate" && request.destination === "document" && !FRAMED.test(pathname)) {
    event.respondWith(answerPage(event, pathname));
  }
});

self.addEventListener("sync", (event) => {
  if (event.tag === "answers") event.waitUntil(sendWaiting());
});

self.addEventListener("message", (event) => {
  const [port] = event.ports;
  const { ask, ...given } = event.data;
  const answers = {
    state: async () => ({
      waiting: await waiting(),
      others: await ofOthers(),
      pages: await readable(),
      courses: (await fact("courses")) ?? [],
    }),
    keep: () => keepAll(given.course, given.addresses, (done) => port.postMessage(done)),
    letGo: () => letGo(given.id),
    send: () => sendWaiting(),
    drop: () => drop(given.key),
    dropOld: () => dropOld(),
  };
  if (!port || !Object.hasOwn(answers, ask)) return;
  event.waitUntil(
    answers[ask]().then(
      (result) => port.postMessage({ ...result, over: true }),
      (error) => port.postMessage({ error: String(error), over: true }),
    ),
  );
});

function isOurs(referrer) {
  return URL.canParse(referrer) && new URL(referrer).origin === location.origin;
}

async function file(event) {
  const { request } = event;
  const files = await caches.open(FILES);
  const found = await files.match(request, { ignoreVary: true });
  if (found) return found;
  const answer = await fetch(request);
  // A device that is full keeps nothing, and shows it all the same.
  if (answer.status === 200) await files.put(request, answer.clone()).catch(() => {});
  if ((await files.keys()).length > HUB.files.length + MOST_FILES) event.waitUntil(tidy());
  return answer;
}

async function answerPage(event, pathname) {
  const { request } = event;
  const { search } = new URL(request.url);
  const address = pathname + search;
  const who = await fact("leaving").catch(() => null);
  if (who) await finishLeaving(who).catch(() => {});
  const since = turn();
  since.catch(() => {});
  const asked = fetch(request).then((answer) => {
    const again = answer.clone();
    event.waitUntil(remember(address, pathname, answer.redirected ? null : again, since).catch(() => {}));
    return answer;
  });
  asked.catch(() => {});
  const here = find(address);
  const slow = here.then(async (found) => {
    if (!found) return asked;
    await new Promise((done) => setTimeout(done, SLOW));
    throw new Error("slow");
  });
  try {
    return await Promise.race([asked, slow]);
  } catch {
    const about = await (await caches.open(FILES)).match("/offline", { ignoreVary: true });
    const found = pathname === "/offline" ? undefined : await here;
    if (!found) return about ?? Response.error();
    const waits = (await waiting()).some((one) => one.about === address);
    return copy(found, about, waits);
  }
}

async function remember(address, pathname, answer, since) {
  if (!answer) return;
  const now = await meet(answer, await since);
  const reader = answer.headers.get("x-bloop-reader");
  if (!reader || reader === NOBODY) return;
  const keeps = answer.ok && READABLE.test(pathname) && !(await isFresh(address));
  // Where the device is full, what waits is sent all the same.
  if (keeps) await keepOpened(address, answer, now).catch(() => {});
  await sendWaiting();
}

/* Logging out takes what is on the device with it; what waits is sent first, where that is soon. Where
the hub is not reached, the session is ended before anything else is asked of it. */
async function leave(request) {
  const late = new Promise((done) => setTimeout(done, SLOW));
  await Promise.race([sendWaiting().catch(() => {}), late]);
  try {
    return await fetch(request);
  } catch {
    await note("leaving", await fact("reader")).catch(() => {});
    return Response.redirect("/offline?left=1", 303);
  } finally {
    await forget().catch(() => {});
  }
}

/* Ends the session of who has left; that of who came after them stays. */
async function finishLeaving(who) {
  const signal = AbortSignal.timeout(SLOW);
  const account = await fetch("/api/v1/account", { headers: { accept: "application/json" }, signal });
  if (account.ok) {
    const { csrf_token: csrf, reader } = await account.json();
    const headers = { "x-csrf-token": csrf };
    const said = reader === who && (await fetch("/logout", { method: "POST", redirect: "manual", headers, signal }));
    if (said && said.type !== "opaqueredirect" && !said.ok) return;
  } else if (account.status !== 401) return;
  await note("leaving", null);
}
