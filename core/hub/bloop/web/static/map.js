/* Pan and zoom of the concept map. Without it the drawing scrolls, as any wide thing does.

Zooming sets the size of the drawing, and panning is scrolling: so keys, wheels, fingers and the
browser's own wish for less motion go on to work as everywhere. */

const LEAST = 0.25;
const MOST = 2;

const map = document.querySelector("[data-map]");
const svg = map?.querySelector("svg");
const full = svg && { width: svg.viewBox.baseVal.width, height: svg.viewBox.baseVal.height };
let scale = 1;

function zoom(to, x = map.clientWidth / 2, y = map.clientHeight / 2) {
  const wanted = Math.min(MOST, Math.max(LEAST, to));
  const box = map.getBoundingClientRect();
  const before = svg.getBoundingClientRect();
  // The point of the drawing that is under x and y stays there.
  const across = (box.left + x - before.left) / scale;
  const down = (box.top + y - before.top) / scale;
  scale = wanted;
  svg.setAttribute("width", full.width * scale);
  svg.setAttribute("height", full.height * scale);
  const after = svg.getBoundingClientRect();
  map.scrollLeft += after.left + across * scale - (box.left + x);
  map.scrollTop += after.top + down * scale - (box.top + y);
}

function fit() {
  const room = { width: map.clientWidth - 2, height: map.clientHeight - 2 };
  zoom(Math.min(1, room.width / full.width, room.height / full.height));
}

function by(step) {
  if (step) zoom(scale * step);
  else if (scale === 1) fit();
  else zoom(1);
}

function show(element) {
  const box = map.getBoundingClientRect();
  const here = element.getBoundingClientRect();
  map.scrollLeft += here.left + here.width / 2 - (box.left + box.width / 2);
  map.scrollTop += here.top + here.height / 2 - (box.top + box.height / 2);
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const steps = { "+": 1.25, "=": 1.25, "-": 0.8, 0: 0 };
  if (!(event.key in steps)) return;
  by(steps[event.key]);
  event.preventDefault();
}

function wheel(event) {
  if (!event.ctrlKey) return; // Otherwise it scrolls.
  const box = map.getBoundingClientRect();
  zoom(scale * Math.exp(-event.deltaY / 200), event.clientX - box.left, event.clientY - box.top);
  event.preventDefault();
}

/* A mouse drags; two fingers pinch. One finger scrolls by itself. */
const fingers = new Map();
let dragged = false;

function down(event) {
  if (event.pointerType === "mouse" && event.button) return;
  fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  dragged = false;
}

function move(event) {
  const last = fingers.get(event.pointerId);
  if (!last) return;
  const now = { x: event.clientX, y: event.clientY };
  if (event.pointerType === "mouse") {
    if (!dragged && Math.hypot(now.x - last.x, now.y - last.y) < 4) return;
    if (!dragged) map.setPointerCapture(event.pointerId);
    dragged = true;
    map.scrollLeft -= now.x - last.x;
    map.scrollTop -= now.y - last.y;
  } else if (fingers.size === 2) {
    const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    const apart = (at) => Math.hypot(at.x - other.x, at.y - other.y);
    const box = map.getBoundingClientRect();
    const middle = { x: (now.x + other.x) / 2 - box.left, y: (now.y + other.y) / 2 - box.top };
    zoom((scale * apart(now)) / Math.max(1, apart(last)), middle.x, middle.y);
  }
  fingers.set(event.pointerId, now);
}

function up(event) {
  fingers.delete(event.pointerId);
}

if (svg) {
  const tools = document.querySelector("[data-zoom]");
  tools.hidden = false;
  for (const button of tools.querySelectorAll("button"))
    button.addEventListener("click", () => by(Number(button.dataset.by)));
  map.classList.add("moves");
  map.addEventListener("keydown", keys);
  map.addEventListener("wheel", wheel, { passive: false });
  map.addEventListener("pointerdown", down);
  // Else the browser scrolls by two fingers, and takes them away from here.
  const pinches = (event) => event.touches.length > 1 && event.cancelable && event.preventDefault();
  for (const kind of ["touchstart", "touchmove"])
    map.addEventListener(kind, pinches, { passive: false });
  addEventListener("pointermove", move);
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, up);
  // What was dragged was not meant as a click, and a link is no picture to be carried off.
  map.addEventListener("click", (event) => dragged && event.detail && event.preventDefault(), true);
  map.addEventListener("dragstart", (event) => event.preventDefault());
  const start = svg.querySelector(".node.next") ?? svg.querySelector(".node.goal");
  if (start) show(start);
}
