/* The one script that may run in the frame that a text of others is shown in: it tells the page
around it how tall the text is, which of the hub's own lessons somebody wants to read, what they mark
in it and where a film of it is; and paints what they have marked before.
It takes what it needs before the text is parsed, whose elements could put themselves in its place. */
(() => {
  const page = window.parent;
  const root = document.documentElement;
  const named = document.getElementById.bind(document);
  const all = document.querySelectorAll.bind(document);
  const first = document.querySelector.bind(document);
  const range = document.createRange.bind(document);
  const selection = document.getSelection.bind(document);
  if (page === window) {
    root.className = "alone";
    return;
  }
  let ready = false;
  // An opaque origin knows no other's; only the hub's pages may frame this one (frame-ancestors).
  const tell = (what) => page.postMessage(what, "*");
  const measure = () => {
    if (!ready) return;
    const players = Array.from(all("[data-player]"), (place) => {
      const { top, left, width, height } = place.getBoundingClientRect();
      return [place.getAttribute("data-player"), top, left, width, height];
    });
    tell({ height: Math.ceil(root.getBoundingClientRect().height), players });
  };
  const seek = (name) => {
    const found = named(name) ?? named(decodeURIComponent(name));
    if (found) tell({ top: found.getBoundingClientRect().top });
  };

  // What is marked is told by its letters: the text without blanks, a formula as its LaTeX.
  const BLOCKS = "p, li, td, th, h1, h2, h3, h4, h5, h6, pre, dt, dd, blockquote, figcaption, summary, div";
  const CONTEXT = 64;
  const bare = (text) => text.replace(/\s+/g, "");
  const read = () => {
    const pieces = [];
    let letters = "";
    const put = (node, text, whole) => {
      const block = (whole ? node : node.parentElement).closest(BLOCKS);
      pieces.push({ node, text, whole, block, at: letters.length });
      letters += bare(text);
    };
    const walk = (node) => {
      if (node.nodeType === Node.TEXT_NODE) put(node, node.data, false);
      if (node.nodeType !== Node.ELEMENT_NODE || node.matches("annotation, [data-player]")) return;
      const latex = node.matches("math") && node.getAttribute("alttext");
      if (latex) put(node, `$${latex}$`, true);
      else node.childNodes.forEach(walk);
    };
    const prose = first("main > .prose");
    if (prose) walk(prose);
    return { prose, pieces, letters };
  };
  // How many letters stand before a place in the text.
  const before = ({ pieces, letters }, node, offset, end) => {
    const point = range();
    point.setStart(node, offset);
    for (const piece of pieces) {
      if (piece.node === node) return piece.at + bare(node.data?.slice(0, offset) ?? "").length;
      if (piece.whole && piece.node.contains(node)) return piece.at + (end ? bare(piece.text).length : 0);
      if (point.comparePoint(piece.node, 0) >= 0) return piece.at;
    }
    return letters.length;
  };
  // The words between two letters, as they are read.
  const words = ({ pieces }, from, to) => {
    let found = "";
    let block = null;
    for (const piece of pieces) {
      const start = from - piece.at;
      const end = to - piece.at;
      const count = bare(piece.text).length;
      if (start >= count || end <= 0) {
        if (found && end > 0 && !count) found += piece.text;
        continue;
      }
      if (found && block !== piece.block) found += "\n";
      block = piece.block;
      const first = start > 0 ? spot(piece.text, start) : 0;
      const last = end < count ? spot(piece.text, end - 1) + 1 : piece.text.length;
      found += piece.whole ? piece.text : piece.text.slice(first, last);
    }
    return found.trim();
  };
  // Where the letter of a number stands in a text.
  const spot = (text, number) => {
    for (let at = 0; at < text.length; at++) if (!/\s/.test(text[at]) && number-- === 0) return at;
    return text.length;
  };
  const spanned = ({ pieces }, from, to) => {
    const found = range();
    const start = pieces.findLast((piece) => piece.at <= from && bare(piece.text));
    const end = pieces.findLast((piece) => piece.at < to && bare(piece.text));
    if (!start || !end) return null;
    if (start.whole) found.setStartBefore(start.node);
    else found.setStart(start.node, spot(start.text, from - start.at));
    if (end.whole) found.setEndAfter(end.node);
    else found.setEnd(end.node, spot(end.text, to - end.at - 1) + 1);
    return found;
  };
  const mark = () => {
    const chosen = selection();
    const text = read();
    if (!text.prose || !chosen.rangeCount || chosen.isCollapsed) return tell({ marked: null });
    const one = chosen.getRangeAt(0);
    if (!one.intersectsNode(text.prose)) return tell({ marked: null });
    const from = before(text, one.startContainer, one.startOffset, false);
    const to = before(text, one.endContainer, one.endOffset, true);
    if (to <= from) return tell({ marked: null });
    const { top, bottom, left, right } = one.getBoundingClientRect();
    tell({
      marked: {
        exact: words(text, from, to),
        prefix: words(text, Math.max(0, from - CONTEXT / 2), from),
        suffix: words(text, to, to + CONTEXT / 2),
        position: from,
      },
      place: { top, bottom, left, right },
    });
  };
  let waiting;
  const markSoon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(mark, 200);
  };

  let painted = [];
  const paint = (passages) => {
    const text = read();
    painted = [];
    for (const { id, exact, prefix, suffix } of passages) {
      const letters = bare(exact);
      const around = bare(prefix);
      const whole = text.letters.indexOf(around + letters + bare(suffix));
      const at = whole < 0 ? text.letters.indexOf(letters) : whole + around.length;
      const found = letters && at >= 0 ? spanned(text, at, at + letters.length) : null;
      if (found) painted.push({ id, range: found });
    }
    if (typeof Highlight === "function") {
      CSS.highlights.set("noted", new Highlight(...painted.map((one) => one.range)));
    }
  };
  const under = ({ clientX: x, clientY: y }) =>
    painted.find((one) =>
      Array.from(one.range.getClientRects()).some(
        (box) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom,
      ),
    );
  const reveal = (id) => {
    const found = painted.find((one) => one.id === id);
    if (found) tell({ top: found.range.getBoundingClientRect().top });
  };

  const films = () => Array.from(all("main > .prose :is(video, audio)"));
  const clock = ({ target }) => {
    const film = films().indexOf(target);
    if (film >= 0) tell({ film, ms: Math.round(target.currentTime * 1000) });
  };
  const jump = (ms, number) => {
    const film = films()[number];
    if (!film) return;
    film.currentTime = ms / 1000;
    tell({ top: film.getBoundingClientRect().top });
  };

  addEventListener("DOMContentLoaded", () => {
    ready = true;
    new ResizeObserver(measure).observe(root);
  });
  addEventListener("load", measure);
  addEventListener("message", ({ source, data }) => {
    if (source !== page) return;
    measure();
    if (typeof data.anchor === "string") seek(data.anchor);
    if (Array.isArray(data.passages)) {
      paint(data.passages);
      document.addEventListener("selectionchange", markSoon);
    }
    if (typeof data.reveal === "string") reveal(data.reveal);
    if (Number.isFinite(data.jump)) jump(data.jump, data.film);
  });
  for (const moved of ["timeupdate", "seeked", "pause"]) addEventListener(moved, clock, true);
  addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!event.isTrusted || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (!link) {
      const noted = under(event);
      if (noted) tell({ noted: noted.id });
      return;
    }
    const address = link.getAttribute("href");
    if (address.startsWith("#")) seek(address.slice(1));
    else if (address.startsWith("/lessons/")) {
      event.preventDefault();
      tell({ open: address });
    }
  });
})();
