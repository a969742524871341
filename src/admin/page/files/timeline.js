// The landing timeline: the canvas with zoom, hover, keys and a picked session.
import { draw, nearest, visible } from "./canvas.js";
import { el, fill, hashOf, link, say } from "./dom.js";
import { crowdOf, lanesOf, quietLine, serverAt } from "./lanes.js";
import { ask, nowMillis, savedAt } from "./source.js";
import { rows, servers, store } from "./store.js";
import { clock, lasting, many, spoken } from "./words.js";

/** The shortest and the longest time that is shown, in milliseconds. */
const SPANS = [500, 7 * 86400000];
/** How much is shown at first. */
const FIRST_SPAN = 10 * 60000;
/** The least that is shown at first. */
const LEAST_SPAN = 20000;

const KEY_HELP = "Keys: left and right pan, plus and minus zoom, 0 shows all, L follows, up and down pick a session, Enter opens it.";

/** A timeline. `options` are {height, quiet: without buttons, onPick(session), onRange(range)}. */
export function timeline(options) {
  const canvas = el("canvas", {
    class: "lanes", tabindex: "0", role: "application", "aria-roledescription": "timeline",
    "aria-label": "Landing timeline: a lane for each server, a line for each session that moved. " + KEY_HELP,
  });
  const tip = el("div", { class: "tip", hidden: true });
  const box = el("div", { class: "lanes-box" }, canvas, tip);
  const told = el("p", { class: "told", "aria-live": "polite" });
  const state = { range: null, touched: false, live: true, picked: null, wanted: null, quiet: null, hovered: null, drag: null };
  let model = { lines: [], bands: [] }, map = null, shown = { drawn: [], slots: new Map(), left: 0 }, version = "";

  const buttons = el("div", { class: "buttons" },
    button("−", "Zoom out", () => zoom(2)), button("+", "Zoom in", () => zoom(0.5)),
    button("All", "All: show all that happened", showAll), button("Now", "Now: follow what happens", goLive),
    el("span", { class: "legend" },
      el("span", { class: "key refused" }, "✗ refused: it had moved"), el("span", { class: "key election" }, "no leader"),
      el("span", { class: "key down" }, "not serving"), el("span", { class: "key crowd" }, "sessions on the server")));

  function button(text, label, act) {
    return el("button", { type: "button", "aria-label": label, title: label, onclick: act }, text);
  }

  function rangeNow() {
    const to = nowMillis() + 1000;
    if (state.live || !state.range) {
      const span = state.range && state.touched ? state.range.to - state.range.from : firstSpan(to);
      state.range = { from: to - span, to };
    }
    return state.range;
  }

  /** As much as there is to see. */
  function firstSpan(to) {
    const first = Math.min(...rows("events").map((event) => event.at_ms), ...model.lines.map((line) => line.first));
    return Math.min(savedAt() === null ? FIRST_SPAN : SPANS[1], Math.max(LEAST_SPAN, Number.isFinite(first) ? (to - first) * 1.1 : FIRST_SPAN));
  }

  function setRange(from, to, live) {
    const span = Math.min(SPANS[1], Math.max(SPANS[0], to - from));
    const middle = (from + to) / 2;
    state.range = { from: middle - span / 2, to: middle + span / 2 };
    state.touched = true;
    state.live = live ?? false;
    update();
    options.onRange?.(state.range);
  }

  function zoom(factor, around) {
    const { from, to } = rangeNow();
    const stays = state.live && around === undefined;
    const centre = around ?? (stays ? to : (from + to) / 2);
    setRange(centre - (centre - from) * factor, centre + (to - centre) * factor, stays);
  }

  function pan(part) {
    const { from, to } = rangeNow();
    const by = (to - from) * part;
    setRange(from + by, to + by);
  }

  function showAll() {
    const ofLines = model.lines.flatMap((line) => [line.first, line.last]);
    const moments = [...ofLines, ...model.bands.flatMap((one) => [one.from, one.to])].filter(Number.isFinite);
    moments.push(...rows("events").map((event) => event.at_ms));
    if (moments.length === 0) return goLive();
    const from = Math.min(...moments), to = Math.max(...moments, from + 1000);
    const room = (to - from) * 0.06 + 500;
    setRange(from - room, to + room);
  }

  function goLive() {
    state.live = true;
    state.touched = false;
    state.range = null;
    update();
    options.onRange?.(state.range);
  }

  function pick(line) {
    state.picked = line;
    state.wanted = line ? line.session : null;
    if (!line) state.quiet = null;
    update();
    tellPicked();
    options.onPick?.(line ? line.session : null);
  }

  function tellPicked() {
    if (!state.picked) return fill(told);
    const line = state.picked;
    fill(told, link(hashOf("session", line.session), line.label), " · ", line.session, " · ",
      many(line.hops.length, "move"), ", ", many(line.refusals.length, "refusal"), " · Esc lets go of it");
  }

  function step(by) {
    const list = shown.drawn;
    if (list.length === 0) return;
    const place = list.indexOf(state.picked);
    pick(list[(place < 0 ? (by > 0 ? 0 : list.length - 1) : place + by + list.length) % list.length]);
  }

  const acts = {
    ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2),
    0: showAll, l: goLive, L: goLive, ArrowDown: () => step(1), ArrowUp: () => step(-1), Escape: () => pick(null),
    Enter: () => { if (state.picked) location.hash = hashOf("session", state.picked.session); },
  };
  canvas.addEventListener("keydown", (event) => {
    const act = acts[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
  canvas.addEventListener("wheel", (event) => {
    // A small timeline on a page is scrolled past.
    if (options.quiet && !event.ctrlKey) return;
    event.preventDefault();
    if (map) zoom(event.deltaY > 0 ? 1.25 : 0.8, map.at(event.offsetX));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    state.drag = { x: event.offsetX, range: { ...rangeNow() }, far: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!map) return;
    if (state.drag) {
      const by = event.offsetX - state.drag.x;
      if (Math.abs(by) > 4) state.drag.far = true;
      if (!state.drag.far) return;
      const { from, to } = state.drag.range;
      const time = (by / map.width) * (to - from);
      setRange(from - time, to - time);
      return;
    }
    hover(event.offsetX, event.offsetY);
  });
  canvas.addEventListener("pointerup", (event) => {
    const dragged = state.drag?.far;
    state.drag = null;
    if (!dragged && map) pick(nearest(map, shown, event.offsetX, event.offsetY));
  });
  canvas.addEventListener("pointerleave", () => {
    state.hovered = null;
    tip.hidden = true;
    paint();
  });

  function hover(x, y) {
    const line = nearest(map, shown, x, y);
    if (line !== state.hovered) {
      state.hovered = line;
      canvas.classList.toggle("over", line !== null);
      paint();
    }
    tip.hidden = line === null;
    if (!line) return;
    fill(tip, tipOf(line, map.at(x), (map.range.to - map.range.from) / map.width));
    const left = Math.min(Math.max(4, x + 14), map.width - tip.offsetWidth - 4);
    tip.style.left = Math.max(4, left) + "px";
    tip.style.top = Math.min(y + 14, Math.max(0, map.height - tip.offsetHeight - 4)) + "px";
  }

  function tipOf(line, at, pixel) {
    const name = (id) => store.servers.get(id)?.server ?? "server " + id;
    const near = (moment) => Math.abs(moment - at) < pixel * 14;
    const refusal = line.refusals.find((one) => near(one.at_ms));
    const hop = line.hops.find((one) => at > one.lost - pixel * 10 && at < one.at + pixel * 10);
    const on = serverAt(line, at);
    return [
      el("strong", {}, line.label), el("div", { class: "mono" }, line.session),
      refusal ? el("div", { class: "bad-text" },
        "refused by " + refusal.server + " (" + refusal.confidence + ") " + clock(refusal.at_ms, true)) : null,
      hop ? el("div", {}, name(hop.from) + " → " + name(hop.to), el("br"),
        "away " + lasting(hop.move.gap_ms) + ", " + spoken(hop.move.reason)) : null,
      !hop && !refusal ? el("div", {}, on === null ? "away" : "on " + name(on)) : null,
      el("div", { class: "soft" }, clock(at) + "Z"),
    ];
  }

  function paint() {
    const list = servers();
    if (list.length === 0 || canvas.clientWidth === 0) return;
    const range = rangeNow();
    const lines = state.quiet && !model.lines.includes(state.quiet) ? [...model.lines, state.quiet] : model.lines;
    shown = visible(lines, range, state.picked);
    map = draw(canvas, { ...model, servers: list, crowd: model.crowd ?? [], range, picked: state.picked, hovered: state.hovered, shown });
  }

  function update() {
    const now = ["servers", "moves", "refusals", "events"].map((kind) => store.version[kind]).join(" ");
    if (now !== version) {
      version = now;
      const moves = rows("moves");
      model = lanesOf({ servers: rows("servers"), moves, refusals: rows("refusals"), events: rows("events") });
      model.crowd = crowdOf(store.counted, moves);
      if (state.wanted) {
        const found = model.lines.find((line) => line.session === state.wanted);
        if (found) state.picked = found;
      }
    }
    paint();
  }

  /** Picks a session by its id, also one that never moved. */
  async function pickSession(session) {
    update();
    state.wanted = session;
    const known = model.lines.find((line) => line.session === session);
    if (known) state.picked = known;
    else if (session) {
      try {
        state.quiet = state.picked = quietLine(await ask("/api/sessions/" + encodeURIComponent(session)));
      } catch (error) {
        say(told, error.message);
        return;
      }
    }
    update();
    tellPicked();
  }

  const sized = new ResizeObserver(paint);
  sized.observe(canvas);
  const ticking = savedAt() === null ? setInterval(() => { if (state.live) paint(); }, 1000) : null;
  const node = el("div", { class: "timeline" + (options.quiet ? " quiet" : "") }, buttons, box, told);
  return {
    node, update, pickSession, showAll, setRange,
    range: rangeNow, shown: () => shown,
    isLive: () => state.live,
    stop() {
      sized.disconnect();
      if (ticking) clearInterval(ticking);
    },
  };
}
