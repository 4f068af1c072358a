/* What a video has besides the browser's own controls: captions and their size, speed, chapters and a
transcript that follow and lead, keys, and going on where one was. Without it the browser's controls,
its captions and every link of chapters and transcript still work.

Keys count while the player has the focus, so that they take none from the page. What somebody chose
is kept in this browser and nowhere else. */

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];
const EARLY = 10; // Seconds from the start, or to the end, at which going on is not worth it: a fifth, where that is less.
const OFTEN = 5; // Seconds of video after which its place is kept anew.
const KEPT = "bloop.studio.";
const REST = 6000; // Milliseconds for which a transcript that somebody scrolls is let be.

const store = {
  get: (name) => {
    try {
      return localStorage.getItem(KEPT + name);
    } catch {
      return null; // Closed by the browser: then nothing is kept.
    }
  },
  set: (name, value) => {
    try {
      if (value === null) localStorage.removeItem(KEPT + name);
      else localStorage.setItem(KEPT + name, value);
    } catch {
      // As above.
    }
  },
};

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60);
  const parts = minutes >= 60 ? [Math.floor(minutes / 60), minutes % 60] : [minutes];
  return [...parts, whole % 60].map((one, n) => (n ? String(one).padStart(2, "0") : one)).join(":");
}

class Player {
  constructor(film) {
    this.film = film;
    this.video = film.querySelector("video");
    this.tools = film.querySelector("[data-tools]");
    this.keys = film.querySelector("[data-keys]");
    this.marks = [...film.querySelectorAll("[data-at]")].map((link) => ({ link, at: Number(link.dataset.at) }));
    this.script = film.querySelector("[data-script]");
    this.words = JSON.parse(this.tools.dataset.words);
    this.touched = 0;
    this.tools.hidden = false;
    this.choices();
    this.captions();
    this.follow();
    this.resume();
    this.film.addEventListener("keydown", (event) => this.key(event), true);
  }

  get track() {
    return [...this.video.textTracks].find((one) => one.kind === "captions");
  }

  say(text) {
    this.film.querySelector("[data-said]").textContent = text;
  }

  choices() {
    this.speed = this.tools.querySelector("[data-speed]");
    this.size = this.tools.querySelector("[data-size]");
    this.setSpeed(Number(store.get("speed")) || 1);
    this.setSize(store.get("size") ?? "m");
    this.speed.addEventListener("change", () => this.setSpeed(Number(this.speed.value)));
    this.size.addEventListener("change", () => this.setSize(this.size.value));
    this.video.addEventListener("ratechange", () => {
      this.speed.value = String(this.video.playbackRate);
      store.set("speed", String(this.video.playbackRate));
    });
    const help = this.tools.querySelector("[data-help]");
    help.addEventListener("click", () => this.help());
  }

  setSpeed(rate) {
    const known = SPEEDS.includes(rate) ? rate : 1;
    this.video.defaultPlaybackRate = known;
    this.video.playbackRate = known;
    this.speed.value = String(known);
  }

  setSize(size) {
    const known = [...this.size.options].some((one) => one.value === size) ? size : "m";
    this.size.value = known;
    this.video.dataset.cues = known;
    store.set("size", known);
  }

  captions() {
    this.shown = this.tools.querySelector("[data-captions]");
    this.shown.addEventListener("click", () => this.setCaptions(!this.captionsOn));
    if (store.get("captions") === "off") this.setCaptions(false);
    this.video.textTracks.addEventListener("change", () => this.tellCaptions());
    this.tellCaptions();
  }

  get captionsOn() {
    return this.track?.mode === "showing";
  }

  setCaptions(on) {
    if (this.track) this.track.mode = on ? "showing" : "hidden";
    store.set("captions", on ? "on" : "off");
    this.tellCaptions();
  }

  tellCaptions() {
    this.shown.setAttribute("aria-pressed", String(this.captionsOn));
  }

  help() {
    const open = this.keys.hidden;
    this.keys.hidden = !open;
    this.tools.querySelector("[data-help]").setAttribute("aria-expanded", String(open));
  }

  // -- where one is

  follow() {
    this.stop(this.lines()[0]);
    this.film.addEventListener("click", (event) => {
      const link = event.target.closest?.("[data-at]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.to(Number(link.dataset.at));
      this.video.play().catch(() => {}); // Refused by the browser: it stands at the place.
    });
    for (const how of ["wheel", "touchmove", "focusin"]) {
      this.script?.addEventListener(how, () => (this.touched = Date.now()), { passive: true });
    }
    this.video.addEventListener("timeupdate", () => this.tick());
    for (const stop of ["seeked", "pause", "ended"]) {
      this.video.addEventListener(stop, () => {
        this.tick();
        this.keep(0);
      });
    }
    addEventListener("pagehide", () => this.keep(0));
  }

  tick() {
    const now = this.video.currentTime + 0.05;
    for (const group of ["chapter", "line"]) {
      const marks = this.marks.filter(({ link }) => link.dataset.mark === group);
      const current = marks.findLast(({ at }) => at <= now)?.link;
      for (const { link } of marks) {
        if (link === current) continue;
        link.removeAttribute("aria-current");
      }
      if (!current || current.hasAttribute("aria-current")) continue;
      current.setAttribute("aria-current", "true");
      if (group === "line") {
        if (!this.script.contains(document.activeElement)) this.stop(current);
        this.scroll(current);
      }
    }
    this.keep();
  }

  scroll(line) {
    const box = this.script;
    if (!box || box.scrollHeight <= box.clientHeight || Date.now() - this.touched < REST) return;
    const top = line.getBoundingClientRect().top - box.getBoundingClientRect().top + box.scrollTop;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    box.scrollTo({ top: top - box.clientHeight / 3, behavior: calm ? "auto" : "smooth" });
  }

  to(seconds) {
    const most = Number.isFinite(this.video.duration) ? this.video.duration : Infinity;
    this.video.currentTime = Math.min(Math.max(0, seconds), most);
  }

  early() {
    return Math.min(EARLY, this.video.duration / 5);
  }

  keep(often = OFTEN) {
    const { currentTime: now, duration } = this.video;
    if (!Number.isFinite(duration) || Math.abs(now - (this.kept ?? -OFTEN)) < often) return;
    this.kept = now;
    const there = now > this.early() && now < duration - this.early();
    store.set(`at.${this.film.dataset.player}`, there ? now.toFixed(1) : null);
  }

  resume() {
    const asked = /[?&#]t=/.test(location.search + location.hash);
    const at = Number(store.get(`at.${this.film.dataset.player}`));
    if (asked || !at) return;
    const note = this.film.querySelector("[data-resumed]");
    const go = () => {
      if (at > this.video.duration - this.early()) return;
      this.to(at);
      note.hidden = false;
      note.querySelector("[data-time]").textContent = clock(at);
    };
    note.querySelector("button").addEventListener("click", () => {
      this.to(0);
      note.hidden = true;
      this.video.focus();
    });
    if (this.video.readyState >= 1) go();
    else this.video.addEventListener("loadedmetadata", go, { once: true });
  }

  // -- keys

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const on = event.target;
    if (on.closest("select, input, textarea")) return;
    if (event.key === " " && on.closest("button, summary")) return; // It presses what has the focus.
    const line = on.closest('[data-mark="line"]');
    const does = (line && this.along(event.key, line)) || this.does(event.key);
    if (!does) return;
    event.preventDefault();
    event.stopPropagation(); // Or the browser's own controls would do it once more.
    does();
  }

  whole() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (this.video.requestFullscreen) this.video.requestFullscreen().catch(() => {}); // Not allowed here.
    else this.video.webkitEnterFullscreen?.(); // A phone's.
  }

  /** Up and down go along the transcript, which is one stop of the tab key and not a hundred. */
  along(key, line) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (!by) return null;
    const lines = this.lines();
    const next = lines[lines.indexOf(line) + by] ?? line;
    return () => {
      this.stop(next);
      next.focus();
    };
  }

  lines() {
    return this.marks.filter(({ link }) => link.dataset.mark === "line").map(({ link }) => link);
  }

  stop(at) {
    for (const line of this.lines()) line.tabIndex = line === at ? 0 : -1;
  }

  does(key) {
    const { video, words } = this;
    const skip = (seconds) => () => this.to(video.currentTime + seconds);
    const louder = (by) => () => {
      video.volume = Math.min(1, Math.max(0, video.volume + by));
      if (by > 0) video.muted = false;
    };
    const faster = (by) => () => {
      const at = SPEEDS.indexOf(video.playbackRate);
      this.setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, (at < 0 ? 2 : at) + by))]);
      this.say(words.speed.replace("{speed}", video.playbackRate));
    };
    const play = () => (video.paused ? video.play().catch(() => {}) : video.pause());
    return {
      " ": play,
      k: play,
      j: skip(-10),
      l: skip(10),
      ArrowLeft: skip(-5),
      ArrowRight: skip(5),
      ArrowUp: louder(0.1),
      ArrowDown: louder(-0.1),
      Home: () => this.to(0),
      c: () => {
        this.setCaptions(!this.captionsOn);
        this.say(this.captionsOn ? words.shown : words.hidden);
      },
      m: () => {
        video.muted = !video.muted;
        this.say(video.muted ? words.muted : words.loud);
      },
      f: () => this.whole(),
      "<": faster(-1),
      ">": faster(1),
      "?": () => this.help(),
    }[key.length === 1 ? key.toLowerCase() : key];
  }
}

for (const film of document.querySelectorAll("[data-player]")) new Player(film);
