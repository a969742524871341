// The operations that took longest, as zoogate keeps them.
import { el, fill, panel } from "./dom.js";
import { grid } from "./grid.js";
import { ask } from "./source.js";
import { clock, count, micros, spoken } from "./words.js";

/** How often they are asked for, in milliseconds. */
const SLOW_AGAIN = 10000;
/** Operations at most that are shown. */
const MOST = 100;

/** What tells an operation from others. */
const keyOf = (row) => [row.at_us, row.connection, row.xid, row.op].join(" ");

/** The same rows, each operation once: one that took too long and was the slowest of its kind is kept for both. */
function once(rows) {
  return [...new Map(rows.map((row) => [keyOf(row), row])).values()];
}

/** A panel of them. Gives {node, stop}. */
export function slowest() {
  const says = el("span", { class: "note", role: "status" });
  const table = grid("Operations that took long, the slowest first", [
    { name: "Took", kind: "number", cell: (row) => micros(row.latency_us) },
    { name: "Operation", cell: (row) => row.op },
    { name: "Path", kind: "mono", cell: (row) => row.path },
    { name: "Result", cell: (row) => (row.error && row.error !== "ok" ? { badge: "warn", text: row.error } : row.error) },
    { name: "Server", kind: "mono", cell: (row) => row.server },
    { name: "Who", cell: (row) => row.session && { text: row.identity ?? row.session, to: ["session", row.session] } },
    { name: "Before it", kind: "number", cell: (row) => ({ text: count(row.in_flight), title: "requests of its connection that waited before it" }) },
    { name: "Time (UTC)", kind: "mono", cell: (row) => clock(row.at_ms, true) },
    { name: "Kept because", cell: (row) => spoken(row.because) },
  ], keyOf, "no operation is kept yet");
  let timer = null, stopped = false, text = null;

  async function read() {
    let next = "";
    try {
      const { slow, more } = await ask("/api/slow?limit=1000");
      if (stopped) return;
      const rows = once(slow).sort((one, other) => other.latency_us - one.latency_us);
      table.update(rows.slice(0, MOST));
      const all = count(rows.length) + (more ? " and more" : "");
      if (more || rows.length > MOST) next = "the slowest " + count(Math.min(MOST, rows.length)) + " of " + all;
    } catch (error) {
      if (stopped) return;
      next = error.message;
    }
    if (next !== text) fill(says, (text = next));
    timer = setTimeout(read, SLOW_AGAIN);
  }
  read();
  return { node: panel("What took longest", { note: says }, table.node), stop() { stopped = true; clearTimeout(timer); } };
}
