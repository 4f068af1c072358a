/* Pages on the device: those that were opened lately, and those of courses that somebody keeps here.
They belong to one reader (X-Bloop-Reader), and go when another comes, or nobody is logged in. Files
are nobody's, and go when no page that is kept refers to them. */

const FILES = "files-1";
const VISITED = "visited-1";
const KEPT = "kept-1";
const NOBODY = "-";
const MOST_VISITED = 60;
const MOST_FILES = 200;
const FRESH = 60 * 60 * 1000; // Milliseconds.
const MOST_PICTURE = 4 * 1024 * 1024;
const READABLE = /^\/($|courses$|courses\/[^/]+$|lessons\/[^/]+$|attempts\/[^/]+$|reviews(\/|$)|notes$|next$)/;
const FRAME = /<iframe src="(\/[^"]+)"(?= title="[^"]*" height="\d+" sandbox=)/g;
const FILE = /["'](\/static\/[^"']*\/)[^"'/]+["']/g;
const PICTURE = /(<img\b[^>]*?\ssrc=")(\/[^"]+)"/g;

const text = (said) => said.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
const plain = (said) => said.replaceAll("&#34;", '"').replaceAll("&#39;", "'").replaceAll("&amp;", "&");

/* Goes up whenever all is forgotten: what was asked for before is not kept any more. It is on the
device, for while a worker is replaced there are two. */
const turn = async () => (await fact("turn")) ?? 0;

async function nextTurn() {
  const before = await stored("facts", "readwrite", (facts) => {
    const asked = facts.get("turn");
    asked.onsuccess = () => facts.put((asked.result ?? 0) + 1, "turn");
    return asked;
  });
  return (before ?? 0) + 1;
}

async function forget() {
  const mine = await nextTurn().catch(() => -1); // A device that is full forgets all the same.
  await Promise.all([caches.delete(VISITED), caches.delete(KEPT)]);
  await Promise.all([note("courses", []), note("reader", null)]);
  await tidy();
  return mine;
}

/* Who reads, as an answer tells it that was asked for in the turn `since`; the turn to keep it in.
Nobody keeps what another has left, and nothing is kept of who has left meanwhile. */
async function meet(answer, since) {
  if (since !== (await turn())) return since;
  const said = answer.headers.get("x-bloop-reader");
  if (answer.status !== 401 && !said) return since;
  const reader = answer.status === 401 || said === NOBODY ? null : said;
  if (reader === ((await fact("reader")) ?? null)) return since;
  const mine = await forget();
  if (reader && mine === (await turn())) await note("reader", reader);
  return mine;
}

/* What a page is called, and the folders of the files that it refers to. */
function told(html) {
  const title = plain(html.match(/<h1[^>]*>([^<]*)/)?.[1] ?? "");
  return { title, files: [...new Set([...html.matchAll(FILE)].map(([, folder]) => folder))] };
}

/* The same of a page that is kept, which may be long with its pictures. */
async function toldBy(found) {
  const said = found.headers.get("x-kept-about");
  return said ? JSON.parse(decodeURIComponent(said)) : told(await found.text());
}

/* Drops files that no page needs which is kept: of versions that are no more, and of pages that were
only opened. Where there are too many all the same, the oldest go. */
function tidy() {
  return navigator.locks.request("files", async () => {
    const folder = (path) => path.slice(0, path.lastIndexOf("/") + 1);
    const [own, needed] = [new Set(HUB.files.map(folder)), new Set()];
    for (const name of [KEPT, VISITED]) {
      const cache = await caches.open(name);
      for (const request of await cache.keys()) {
        const found = await cache.match(request);
        if (found) for (const one of (await toldBy(found)).files) needed.add(one);
      }
    }
    const files = await caches.open(FILES);
    const others = (await files.keys()).filter((one) => !own.has(folder(new URL(one.url).pathname)));
    const kept = others.filter((one) => needed.has(folder(new URL(one.url).pathname)));
    const stay = new Set(kept.length > MOST_FILES ? kept.slice(-MOST_FILES / 2) : kept);
    for (const one of others) if (!stay.has(one)) await files.delete(one);
  });
}

async function replaced(whole, pattern, act) {
  const found = [...whole.matchAll(pattern)];
  const instead = await Promise.all(found.map(act));
  let at = 0;
  let made = "";
  found.forEach((one, place) => {
    made += whole.slice(at, one.index) + instead[place];
    at = one.index + one[0].length;
  });
  return made + whole.slice(at);
}

function inline(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

async function pictured([whole, before, address]) {
  try {
    const answer = await fetch(plain(address));
    const size = Number(answer.headers.get("content-length") ?? 0);
    const fits = answer.ok && size <= MOST_PICTURE && answer.headers.get("content-type").startsWith("image/");
    return fits ? `${before}${await inline(await answer.blob())}"` : whole;
  } catch {
    return whole;
  }
}

/* A page as it is kept: a frame's document can't be had from here, for nothing of the hub's reaches
into it, so that it stands in the page itself, with its pictures and under its own policy. */
async function kept(answer) {
  let policy = answer.headers.get("content-security-policy") ?? "";
  const html = await replaced(await answer.text(), FRAME, async ([whole, source]) => {
    const framed = await fetch(plain(source), { headers: { accept: "text/html" } });
    if (!framed.ok) return whole;
    const own = framed.headers.get("content-security-policy") ?? "";
    for (const name of ["script-src", "style-src"]) {
      const hash = own.match(new RegExp(`${name} ('sha256-[^']+')`))?.[1] ?? "";
      policy = policy.replace(`${name} 'self'`, `${name} 'self' ${hash}`);
    }
    if (!policy.includes("style-src-attr")) policy += "; style-src-attr 'unsafe-inline'";
    const document = await replaced(await framed.text(), PICTURE, pictured);
    return `<iframe srcdoc="${text(document)}"`;
  });
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": policy,
    "x-kept-at": String(Date.now()),
    "x-kept-about": encodeURIComponent(JSON.stringify(told(html))),
  };
  return new Response(html, { headers });
}

async function keepPage(address, answer, name, since) {
  const page = await kept(answer);
  if (since !== (await turn())) return;
  const cache = await caches.open(name);
  await cache.put(address, page);
  if (since !== (await turn())) await cache.delete(address);
  if (name !== VISITED) return;
  const all = await cache.keys();
  for (const old of all.slice(0, Math.max(0, all.length - MOST_VISITED))) await cache.delete(old);
}

/* Lessons change seldom, and keeping one asks for its text once more. */
async function isFresh(address) {
  const at = Number((await find(address))?.headers.get("x-kept-at") ?? 0);
  return address.startsWith("/lessons/") && Date.now() - at < FRESH;
}

/* A page that was opened. Who has kept a course has the other questions,
of an attempt or of the day's reviews, with the one that was opened. */
async function keepOpened(address, answer, since) {
  const [keeps, html] = [await (await caches.open(KEPT)).match(address), await answer.clone().text()];
  await keepPage(address, answer, keeps ? KEPT : VISITED, since);
  const courses = (await fact("courses")) ?? [];
  const others = address.startsWith("/reviews")
    ? (courses.length && html.match(/data-later="([^"]*)"/)?.[1].split(" ").filter(Boolean)) || []
    : courses.some((one) => html.includes(`href="/courses/${one.id}"`))
      ? [...html.matchAll(/href="(\/attempts\/[^"#]+\?question=\d+)"/g)].map(([, other]) => other)
      : [];
  for (const other of others) {
    if (other === address || (await find(other))) continue;
    const page = await fetch(other, { headers: { accept: "text/html" } });
    if (page.ok) await keepPage(other, page, VISITED, since);
  }
}

async function find(address) {
  for (const name of [KEPT, VISITED]) {
    const found = await (await caches.open(name)).match(address, { ignoreVary: true });
    if (found) return found;
  }
  return undefined;
}

/* A page of the device, which says that it is one. */
async function copy(found, about, waits) {
  const html = await found.text();
  const said = await about.clone().text();
  const [words, more] = ["copy", "waits"].map((name) => said.match(`data-${name}="([^"]*)"`)?.[1] ?? "");
  const language = html.match(/<html lang="([\w-]+)"/)?.[1];
  const at = new Date(Number(found.headers.get("x-kept-at"))).toLocaleString(language, {
    dateStyle: "medium",
    timeStyle: "short",
  });
  const notice = `<p class="notice offline" role="status">${words.replace("{time}", at)}${waits ? ` ${more}` : ""}</p>`;
  const shown = html.replace(/ name="shown" value="\d+"/, ` name="here" value="${Date.now()}"`);
  return new Response(shown.replace(/<main [^>]*>/, (main) => main + notice), { headers: found.headers });
}

/* Fetches the pages of a course; told of each. */
async function keepAll(course, addresses, tell) {
  let done = 0;
  let failed = 0;
  let since = await turn();
  for (const address of addresses) {
    try {
      const answer = await fetch(address, { headers: { accept: "text/html" } });
      since = await meet(answer, since);
      if (answer.ok) await keepPage(address, answer, KEPT, since);
      else failed += 1;
    } catch {
      failed += 1;
    }
    done += 1;
    tell({ done, all: addresses.length, failed });
  }
  const courses = ((await fact("courses")) ?? []).filter((one) => one.id !== course.id);
  if (failed < addresses.length && since === (await turn())) await note("courses", [...courses, { ...course, addresses }]);
  return { failed };
}

async function letGo(id) {
  const courses = (await fact("courses")) ?? [];
  const cache = await caches.open(KEPT);
  const others = courses.filter((one) => one.id !== id);
  const needed = new Set(others.flatMap((one) => one.addresses));
  const gone = courses.filter((one) => one.id === id).flatMap((one) => one.addresses);
  for (const address of gone) if (!needed.has(address)) await cache.delete(address);
  await note("courses", others);
  await tidy();
}

/* What there is to read: addresses with their titles, by the course they are kept for. */
async function readable() {
  const found = [];
  for (const name of [KEPT, VISITED]) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const { pathname, search } = new URL(request.url);
      if (found.some((one) => one.address === pathname + search)) continue;
      const page = await cache.match(request);
      if (page) found.push({ address: pathname + search, title: (await toldBy(page)).title || pathname });
    }
  }
  return found;
}
