// Operations and findings as they happen.
import { el, fill, hashOf, panel } from "./dom.js";
import { grid } from "./grid.js";
import { readEvents } from "./source.js";
import { clock, count, micros, spoken } from "./words.js";

/** Lines that are kept on the page. */
const LINES = 300;
const TAP_KINDS = { attach: "good", refused: "warn", ended: "warn", move: "warn", session_moved: "bad", incident: "bad", risk: "warn" };

export function tap(root, { parameters, go }) {
  let filter = parameters.get("filter") ?? "";
  let lines = [], dropped = 0, number = 0, paused = false, abort = null, due = null;
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
  fill(root, el("h1", {}, "Live tap"),
    el("form", { class: "line", role: "search", onsubmit: submit }, el("label", { for: "filter" }, "Filter"), field, el("button", {}, "Show"), pause,
      el("button", { type: "button", onclick: () => { lines = []; draw(); } }, "Clear")),
    panel("As it happens", { note: says }, table.node));

  function hold() {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    draw();
  }

  function submit(event) {
    event.preventDefault();
    filter = field.value.trim();
    go(hashOf("tap", null, { filter }));
    begin();
  }

  async function begin() {
    abort?.abort();
    const mine = (abort = new AbortController());
    lines = [];
    dropped = 0;
    let why = "";
    fill(says, "listening");
    field.removeAttribute("aria-invalid");
    try {
      await readEvents("/api/tap" + (filter ? "?" + new URLSearchParams({ filter }) : ""), mine.signal, (name, data) => {
        if (name === "closing") why = ": " + data.error;
        else if (name === "dropped") dropped += data.dropped ?? 0;
        else lines.unshift({ ...data, number: ++number });
        if (lines.length > LINES) lines.length = LINES;
        due ??= setTimeout(draw, 150);
      });
      if (!mine.signal.aborted) fill(says, "the stream has ended" + why);
    } catch (error) {
      if (mine.signal.aborted) return;
      if (error.status === 400) field.setAttribute("aria-invalid", "true");
      fill(says, el("span", { class: "bad-text" }, error.message));
    }
  }

  function draw() {
    due = null;
    if (paused) return fill(says, "paused; what happens is kept");
    table.update(lines);
    fill(says, count(number) + " since the page was opened" + (dropped > 0 ? " · " + count(dropped) + " dropped: this page is too slow for all of them" : ""));
  }
  begin();
  return { update() {}, stop() { abort?.abort(); clearTimeout(due); } };
}

function resultOf(row) {
  if (row.error && row.error.toLowerCase() !== "ok") return { badge: "warn", text: row.error };
  return row.text ?? row.error ?? (row.reason ? spoken(row.reason) : null);
}
