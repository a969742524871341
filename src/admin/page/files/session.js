// One session with everything that happened to it.
import { badge, el, fill, hashOf, link, panel } from "./dom.js";
import { facts, grid } from "./grid.js";
import { meter } from "./risks.js";
import { ask, nowMillis, savedAt } from "./source.js";
import { timeline } from "./timeline.js";
import { ago, bytes, clock, count, lasting, many, micros, moment, spoken } from "./words.js";

/** How often it is asked for again, in milliseconds. */
const SESSION_AGAIN = 2000;

export function session(root, { name }) {
  const title = el("h1", {}, "Session ", el("span", { class: "mono" }, name));
  const head = el("div", {});
  const lanes = timeline({ quiet: true });
  const latency = grid("Latency of this session", [
    { name: "Class", cell: (row) => row.class },
    { name: "Operations", kind: "number", cell: (row) => count(row.count) },
    { name: "Mean", kind: "number", cell: (row) => micros(row.mean_us) },
    { name: "Median", kind: "number", cell: (row) => micros(row.p50_us) },
    { name: "p90", kind: "number", cell: (row) => micros(row.p90_us) },
    { name: "p99", kind: "number", cell: (row) => micros(row.p99_us) },
    { name: "Longest", kind: "number", cell: (row) => micros(row.max_us) },
  ], (row) => row.class, "none");
  const happened = grid("What happened to this session", [
    { name: "Time (UTC)", kind: "mono", cell: (row) => clock(row.at_ms, true) },
    { name: "What", cell: (row) => ({ badge: kindOf(row), text: spoken(row.kind) }) },
    { name: "Connection", kind: "number", cell: (row) => row.connection },
    { name: "Server", kind: "mono", cell: (row) => row.server ?? (row.from ? row.from + " → " + row.to : null) },
    { name: "Why", cell: (row) => ({ text: whyOf(row), to: row.incident ? ["incident", row.incident] : undefined }) },
  ], (row) => row.key, "nothing is remembered");
  const unanswered = grid("Requests that were not answered", [
    { name: "Sent (UTC)", kind: "mono", cell: (row) => clock(row.sent_at_ms, true) },
    { name: "Xid", kind: "number", cell: (row) => row.xid },
    { name: "Operation", cell: (row) => row.op },
    { name: "Path", kind: "mono", cell: (row) => row.path },
  ], (row) => row.xid, "every request was answered");
  fill(root, title, head, panel("Where it was", { note: link(hashOf("timeline", null, { session: name }), "open it") }, lanes.node),
    panel("What happened", {}, happened.node), panel("Latency", {}, latency.node), panel("Requests without a reply", {}, unanswered.node));
  lanes.pickSession(name).then(() => lanes.showAll());

  let stopped = false, timer = null, shown = "";
  async function read() {
    try {
      const one = await ask("/api/sessions/" + encodeURIComponent(name));
      if (stopped) return;
      const text = JSON.stringify(one);
      if (text !== shown) show(one);
      shown = text;
    } catch (error) {
      if (stopped) return;
      if (!shown || error.status === 404) fill(head, el("p", { class: "empty", role: "alert" }, error.message));
    }
    if (savedAt() === null) timer = setTimeout(read, SESSION_AGAIN);
  }

  function show(one) {
    fill(head, headOf(one));
    happened.update([...one.timeline].reverse().map((row, place) => ({ ...row, key: row.kind + row.at_ms + row.connection + (row.to ?? "") + place })));
    latency.update(["read", "write", "ping"].map((name) => ({ class: name, ...one.latency[name] })).filter((row) => row.count > 0));
    unanswered.update(one.last_unanswered);
  }
  read();
  return { update: lanes.update, stop() { stopped = true; clearTimeout(timer); lanes.stop(); } };
}

function headOf(one) {
  const advice = one.timeout_advice;
  const beat = one.heartbeat;
  const watches = Object.entries(one.watches).filter(([, value]) => value > 0).map(([kind, value]) => value + " " + spoken(kind));
  return [
    el("div", { class: "verdict " + ({ attached: "good", pending: "warn" }[one.state] ?? "calm") },
      el("strong", {}, badge({ attached: "good", pending: "warn" }[one.state] ?? "calm", one.ended ? "ended: " + spoken(one.ended) : spoken(one.state))),
      el("span", { class: "figure" }, el("b", {}, one.identity ?? "nobody known"), " holds it"),
      el("span", { class: "figure" }, el("b", {}, one.server ?? "no server"), one.state === "attached" ? " carries it" : " carried it last")),
    panel("What is known", {}, facts([
      ["Client", one.client], ["Timeout", one.timeout_ms ? lasting(one.timeout_ms) + " (asked for " + lasting(one.requested_timeout_ms) + ")" : null],
      ["Operations", count(one.operations) + ", " + many(one.errors, "error")], ["In flight", one.in_flight], ["Unanswered", one.unanswered],
      ["Moves", one.moves], ["Refused", one.session_moved], ["Last zxid", one.last_zxid], ["Watches", watches.join(", ") || "none"],
      ["Bytes", bytes(one.client_bytes) + " sent, " + bytes(one.server_bytes) + " received"], ["Attached", moment(one.attached_at_ms)],
      ["Heard", ago(one.active_at_ms, nowMillis())], one.born_on ? ["Created by", "the server with myid " + one.born_on] : null,
      one.compressed ? ["Not seen", "its operations: what is said is compressed"] : null,
    ]),
    beat ? meter("Client silent for", beat.client_silent_ms, beat.timeout_ms) : null,
    beat ? meter("Server silent for", beat.server_silent_ms, beat.timeout_ms) : null,
    advice ? el("p", { class: "advice" }, "Its timeout: " + spoken(advice.fit) + (advice.outages > 0
      ? "; " + many(advice.outages, "outage") + " seen, " + advice.exceeded + " longer than it bears" : "") +
      (advice.would_bear_ms ? "; " + lasting(advice.would_bear_ms) + " would have borne all" : "") + (advice.servers_give_ms
        ? "; servers give " + lasting(advice.servers_give_ms) + " at most, which would not have borne all" : "")) : null),
  ];
}

function kindOf(row) {
  if (row.kind === "session_moved") return "bad";
  if (row.kind === "attach") return row.outcome === "accepted" ? "good" : "warn";
  return row.kind === "end" && row.reason !== "closed" ? "warn" : "calm";
}

function whyOf(row) {
  if (row.kind === "attach") return row.outcome + ", chosen by " + spoken(row.routed);
  if (row.kind === "end") return spoken(row.reason) + (row.confidence ? " (" + row.confidence + ")" : "") + (row.why ? ": " + row.why : "");
  if (row.kind === "move") return spoken(row.reason) + ", away " + lasting(row.gap_ms);
  if (row.kind === "session_moved") return row.why.join("; ");
  return "";
}
