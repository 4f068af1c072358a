/* Gives a frame the height of the text in it, puts players where the text has a place for them, and
goes to what somebody chose in it. Without scripts the frame scrolls, and players stand below it.
What comes from the frame is believed as far as it harms nothing: heights, places, our own lessons. */

const TALLEST = 200_000;
const box = document.querySelector(".framed");
const frame = box.querySelector("iframe");
const players = [...box.querySelectorAll(".player")];
let settled = false; // From then on the page does not scroll to its anchor any more.

function seek() {
  const name = location.hash.slice(1);
  if (name && !document.getElementById(name)) frame.contentWindow.postMessage({ anchor: name }, "*");
}

function put([address, top, left, width, height]) {
  const player = players.find((one) => one.getAttribute("src") === address);
  if (!player) return;
  player.hidden = !(width > 0 && height > 0);
  player.style.top = `${frame.offsetTop + top}px`;
  player.style.left = `${frame.offsetLeft + left}px`;
  player.style.width = `${width}px`;
  player.style.height = `${height}px`;
}

function follow(address) {
  const { origin, pathname, href } = new URL(address, location.origin);
  if (origin === location.origin && pathname.startsWith("/lessons/")) location.assign(href);
}

addEventListener("message", ({ source, data }) => {
  if (source !== frame.contentWindow) return;
  if (Number.isFinite(data.height)) {
    frame.style.height = `${Math.min(data.height, TALLEST)}px`;
    frame.style.setProperty("--width", `${frame.offsetWidth}px`);
    data.players.forEach(put);
    if (!settled) seek();
  } else if (Number.isFinite(data.top)) {
    const gap = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 0;
    scrollTo(0, scrollY + frame.getBoundingClientRect().top + data.top - gap);
  } else if (typeof data.open === "string" && navigator.userActivation?.isActive !== false) {
    follow(data.open);
  }
});
addEventListener("hashchange", seek);
addEventListener("load", () => {
  if (!settled) seek();
  settled = true;
});
for (const moved of ["wheel", "touchmove", "keydown", "pointerdown"]) {
  addEventListener(moved, () => (settled = true), { once: true, passive: true });
}
frame.contentWindow.postMessage({}, "*"); // It may have told its height before this listened.
