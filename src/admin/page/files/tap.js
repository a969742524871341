// Operations and findings as they happen.
import { el, fill, hashOf, panel } from "./dom.js";
import { grid } from "./grid.js";
import { slowest } from "./slow.js";
import { STREAM_AGAIN, nowMillis, readEvents } from "./source.js";
import { clock, count, micros, spoken } from "./words.js";

/** Lines that are kept on the page. */
const LINES = 300;
const TAP_KINDS = { attach: "good", refused: "warn", ended: "warn", move: "warn", session_moved: "bad", incident: "bad", risk: "warn" };

export function tap(root, { parameters, go }) {
  let filter = parameters.get("filter") ?? "";
  let lines = [], dropped = 0, number = 0, seen = 0, paused = false, abort = null, due = null;
  // How the stream is, apart from what came by it.
  let state = { text: "asking", bad: false };
  const field = el("input", { id: "filter", type: "search", value: filter, spellcheck: "false", autocomplete: "off",
    placeholder: "op=create path~/brokers/** latency>10ms error!=ok", "aria-describedby": "tap-says" });
  const says = el("span", { id: "tap-says", class: "note", role: "status" });
  const pause = el("button", { type: "button", "aria-pressed": "false", onclick: hold }, "Pause");
  const table = grid("What happens, newest first", [
    { name: "Time (UTC)", kind: "mono", cell: (row) => clock(row.at_us / 1000, true) },
    { name: "What", cell: (row) => ({ badge: TAP_KINDS[row.kind] ?? "calm", text: spoken(row.kind) }) },
    { name: "Who", cell: (row) => row.session && { text: row.identity ?? row.session, to: ["session", row.session] } },
    { name: "Server", kind: "mono", cell: (row) => row.server },
    { name: "Operation", cell: (row) => row.op ?? spoken(row.event ?? "") },
    { name: "Path", kind: "mono", cell: (row) => row.path },
    { name: "Result", cell: resultOf },
    { name: "Took", kind: "number", cell: (row) => micros(row.latency_us) },
  ], (row) => row.number, "nothing yet: only what happens from now on is shown");
  const slow = slowest();
  fill(root, el("h1", {}, "Live tap"),
    el("form", { class: "line", role: "search", onsubmit: submit }, el("label", { for: "filter" }, "Filter"), field, el("button", {}, "Show"), pause,
      el("button", { type: "button", onclick: clear }, "Clear")),
    panel("As it happens", { note: says }, table.node), slow.node);

  function hold() {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    draw();
  }

  function clear() {
    lines = [];
    table.update(lines);
    draw();
  }

  function submit(event) {
    event.preventDefault();
    filter = field.value.trim();
    go(hashOf("tap", null, { filter }));
    begin();
  }

  function tell(text, bad) {
    state = { text, bad };
    draw();
  }

  /** Follows the stream, again and again, until another filter is shown or zoogate says that this one is wrong. */
  async function begin() {
    abort?.abort();
    const mine = (abort = new AbortController());
    const path = "/api/tap" + (filter ? "?" + new URLSearchParams({ filter }) : "");
    dropped = seen = 0;
    field.removeAttribute("aria-invalid");
    // Also while it is paused: what is shown belongs to the other filter.
    clear();
    tell("asking", false);
    let lostAt = null;
    for (let wait = STREAM_AGAIN[0]; ; wait = Math.min(wait * 2, STREAM_AGAIN[1])) {
      let why = "the stream has ended";
      const hear = (name, data) => {
        if (name === "closing") why += ": " + data.error;
        else take(name, data);
      };
      try {
        await readEvents(path, mine.signal, hear, () => {
          wait = STREAM_AGAIN[0];
          tell("listening" + (lostAt === null ? "" : " again: nothing is here from " + clock(lostAt) + " to " + clock(nowMillis())), false);
          lostAt = null;
        });
      } catch (error) {
        if (error.status === 400 && !mine.signal.aborted) {
          field.setAttribute("aria-invalid", "true");
          return tell(error.message, true);
        }
        why = error.message;
      }
      if (mine.signal.aborted) return;
      lostAt ??= nowMillis();
      tell("not listening since " + clock(lostAt) + " (" + why + "): it is asked again", true);
      await new Promise((done) => setTimeout(done, wait));
      if (mine.signal.aborted) return;
    }
  }

  function take(name, data) {
    if (name === "dropped") {
      dropped += data.dropped ?? 0;
    } else {
      seen += 1;
      lines.unshift({ ...data, number: ++number });
      if (lines.length > LINES) lines.length = LINES;
    }
    due ??= setTimeout(draw, 150);
  }

  function draw() {
    clearTimeout(due);
    due = null;
    if (!paused) table.update(lines);
    fill(says, el("span", { class: state.bad ? "bad-text" : null }, state.text), " · " + count(seen) + " since this filter",
      lines.length === LINES && seen > LINES ? " · the last " + LINES + " are kept" : null,
      paused ? " · paused: what happens is kept" : null,
      dropped > 0 ? " · " + count(dropped) + " dropped: this page is too slow for all of them" : null);
  }
  begin();
  return { update() {}, stop() { abort?.abort(); clearTimeout(due); slow.stop(); } };
}

function resultOf(row) {
  if (row.error && row.error.toLowerCase() !== "ok") return { badge: "warn", text: row.error };
  return row.text ?? row.error ?? (row.reason ? spoken(row.reason) : null);
}
