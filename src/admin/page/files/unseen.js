// What zoogate does not see, and what it had to drop.
import { el, fill, panel } from "./dom.js";
import { grid } from "./grid.js";
import { ask, askText, savedAt } from "./source.js";
import { servers } from "./store.js";
import { count, many, spoken } from "./words.js";

/** How often the counters are read, in milliseconds. */
const COUNTERS_AGAIN = 10000;

const COUNTERS = {
  zoogate_opaque_connections_total: ["Connections forwarded without being decoded", "reason"],
  zoogate_decode_faults_total: ["Frames that could not be decoded", "fault"],
  zoogate_untracked_requests_total: ["Requests that were not followed to their reply", "server"],
  zoogate_dropped_total: ["Dropped or evicted for want of room", "queue"],
  zoogate_findings_dropped_total: ["Findings that a sink had no room for", "sink"],
};

export function unseen(root) {
  const says = el("p", { class: "summary", role: "status" });
  const table = grid("Connections that zoogate cannot see into, by server", [
    { name: "Server", kind: "mono", cell: (row) => row.server },
    { name: "Bypass zoogate", kind: "number", cell: (row) => row.watched?.bypassing },
    { name: "Server's own count", kind: "number", cell: (row) => row.watched?.details?.connections },
    { name: "Through zoogate", kind: "number", cell: (row) => row.connections },
    { name: "With a session", kind: "number", cell: (row) => row.sessions },
    { name: "Without", kind: "number", cell: (row) => Math.max(0, row.connections - row.sessions) },
  ], (row) => row.server_id, "no server is known yet");
  const compressed = grid("Sessions whose operations are not seen", [
    { name: "Session", kind: "mono", cell: (row) => ({ text: row.session, to: ["session", row.session] }) },
    { name: "Who", cell: (row) => row.identity },
    { name: "Server", kind: "mono", cell: (row) => row.server },
  ], (row) => row.session, "none: no session compresses what it says");
  const limits = el("p", { class: "soft" });
  const counters = grid("Counters of what was not seen", [
    { name: "What", cell: (row) => row.what },
    { name: "Kind", cell: (row) => spoken(row.kind) },
    { name: "How often", kind: "number", cell: (row) => count(row.value) },
  ], (row) => row.what + row.kind, "nothing was missed");
  fill(root, el("h1", {}, "What zoogate does not see"), says,
    panel("Clients that bypass zoogate, and connections without a session", {}, table.node),
    panel("Sessions that compress what they say", {}, compressed.node, limits),
    panel("Not decoded, and dropped, since zoogate started", {}, counters.node));
  let stopped = false, timer = null;

  async function read() {
    try {
      const [sessions, metrics] = [await ask("/api/sessions?limit=1000"), await askText("/metrics")];
      if (stopped) return;
      compressed.update(sessions.sessions.filter((one) => one.compressed));
      fill(limits, sessions.more ? "Of the " + count(sessions.sessions.length) + " sessions that were heard of last: there are more." : "");
      counters.update(countersOf(metrics));
    } catch (error) {
      if (stopped) return;
      if (savedAt() === null) fill(says, el("span", { class: "bad-text" }, error.message));
      else fill(counters.node, el("p", { class: "empty" }, "The counters are not in this saved file."));
    }
    if (savedAt() === null && !stopped) timer = setTimeout(read, COUNTERS_AGAIN);
  }

  let text = "";
  function update() {
    const list = servers();
    table.update(list);
    const known = list.filter((one) => one.watched && one.watched.bypassing !== null);
    const bypassing = known.reduce((sum, one) => sum + one.watched.bypassing, 0);
    const said = known.length === 0
      ? "Whether clients bypass zoogate is not known: no server tells its own count of connections (4lw.commands.whitelist: mntr, conf, cons)."
      : many(bypassing, "connection bypasses", "connections bypass") + " zoogate, as " + known.length + " of " + list.length + " servers tell.";
    if (said !== text) fill(says, (text = said));
  }
  read();
  return { update, stop() { stopped = true; clearTimeout(timer); } };
}

/** Those counters of an exposition that are not zero. */
export function countersOf(metrics) {
  const found = [];
  for (const line of metrics.split("\n")) {
    const brace = line.indexOf("{");
    const name = brace < 0 ? line.split(" ")[0] : line.slice(0, brace);
    const known = COUNTERS[name];
    if (!known) continue;
    const value = Number(line.slice(line.lastIndexOf(" ") + 1));
    const label = new RegExp(known[1] + '="([^"]*)"').exec(line);
    if (value > 0) found.push({ what: known[0], kind: label ? label[1] : "", value });
  }
  return found;
}
