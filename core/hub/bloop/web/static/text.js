/* The one script that may run in the frame that a text of others is shown in: it tells the page
around it how tall the text is, and which of the hub's own lessons somebody wants to read.
It takes what it needs before the text is parsed, whose elements could put themselves in its place. */
(() => {
  const page = window.parent;
  const root = document.documentElement;
  const named = document.getElementById.bind(document);
  const all = document.querySelectorAll.bind(document);
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
  addEventListener("DOMContentLoaded", () => {
    ready = true;
    new ResizeObserver(measure).observe(root);
  });
  addEventListener("load", measure);
  addEventListener("message", ({ source, data }) => {
    if (source !== page) return;
    measure();
    if (typeof data.anchor === "string") seek(data.anchor);
  });
  addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!event.isTrusted || !link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const address = link.getAttribute("href");
    if (address.startsWith("#")) seek(address.slice(1));
    else if (address.startsWith("/lessons/")) {
      event.preventDefault();
      tell({ open: address });
    }
  });
})();
