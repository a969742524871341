// The ensemble at a glance: first what is not well.
import { badge, el, fill, hashOf, link, panel } from "./dom.js";
import { grid } from "./grid.js";
import { nowMillis } from "./source.js";
import { openIncidents, openRisks, operationsPerSecond, rows, servers, store } from "./store.js";
import { timeline } from "./timeline.js";
import { clock, count, holderOf, lasting, many, micros, moment, spoken, stateKind } from "./words.js";

/** Lines of what happened last. */
const HAPPENED = 12;

/** That the figures do not go on, and whose doing it is: a zoogate that refuses this page says nothing against the ensemble. */
function lostLink({ why, status, heardAt: heardLast }) {
  if (status === 0) {
    const text = heardLast === null ? "zoogate does not answer this page (" + why + ")"
      : "zoogate does not answer since " + moment(heardLast) + " (" + why + "): all figures are of then";
    return { kind: "bad", text };
  }
  const what = status === null ? "this page cannot go on" : status >= 500 ? "zoogate answers this page with errors" : "zoogate refuses this page";
  const figures = heardLast === null ? "" : ": all figures are of " + moment(heardLast);
  return { kind: "warn", text: what + " (" + why + ")" + figures };
}

/** What is not well, the worst first: {kind, text, to}. */
export function notWell(list) {
  const found = [];
  if (store.link.state === "lost") found.push(lostLink(store.link));
  const down = list.filter((server) => server.state !== "serving" && server.state !== "unknown");
  for (const server of down) {
    const text = server.server + " has been " + spoken(server.state) + " for " + lasting(nowMillis() - server.since_ms);
    found.push({ kind: "bad", text, to: ["timeline"] });
  }
  const known = list.filter((server) => server.state !== "unknown");
  const leads = (one) => ["leader", "standalone"].includes(one.role) && one.state === "serving";
  if (known.length > 0 && known.length === list.length && !list.some(leads)) {
    found.push({ kind: "bad", text: "no server is known to lead", to: ["timeline"] });
  }
  for (const incident of openIncidents().slice(0, 5)) {
    found.push({ kind: "bad", text: "incident " + incident.id + ": " + incident.summary, to: ["incident", incident.id] });
  }
  const risks = openRisks();
  if (risks.length > 0) found.push({ kind: "warn", text: many(risks.length, "risk is open", "risks are open"), to: ["risks"] });
  for (const server of list) {
    const { behind, bypassing } = server.watched ?? {};
    if (behind > 100) {
      found.push({ kind: "warn", text: server.server + " is " + count(behind) + " transactions behind", to: ["timeline"] });
    }
    if (bypassing > 0) {
      const text = many(bypassing, "connection") + " to " + server.server + (bypassing === 1 ? " bypasses zoogate" : " bypass zoogate");
      found.push({ kind: "calm", text, to: ["unseen"] });
    }
  }
  const unknown = list.filter((server) => server.state === "unknown");
  if (unknown.length > 0) {
    found.push({ kind: "calm", text: "nothing is known yet of " + unknown.map((one) => one.server).join(", "), to: ["timeline"] });
  }
  return found;
}

/** How the ensemble is, in one word for its colour: what is not known is not well. */
function verdictOf(list, found) {
  for (const kind of ["bad", "warn"]) if (found.some((one) => one.kind === kind)) return kind;
  return list.length === 0 || list.some((server) => server.state === "unknown") ? "calm" : "good";
}

/** What is said of it. */
function verdictText(worst, list) {
  if (worst === "calm") return list.some((server) => server.state !== "unknown") ? "Not all is known yet" : "Nothing is known yet";
  return { good: "All is well", warn: "Look at this", bad: "Something is wrong" }[worst];
}

export const serverColumns = [
  { name: "Server", cell: (row) => ({ text: row.server, to: ["latency", null, { server: row.server }], kind: "mono" }) },
  { name: "Role", cell: roleCell },
  { name: "State", cell: (row) => ({ badge: stateKind(row.state), text: spoken(row.state) }) },
  { name: "Sessions", kind: "number", cell: (row) => ({ text: count(row.sessions), to: ["sessions", null, { filter: "server=" + row.server }] }) },
  { name: "Ops/s", kind: "number", cell: (row) => { const per = operationsPerSecond(row); return per === null ? null : count(per); } },
  { name: "Read p99", kind: "number", cell: (row) => row.latency.read && micros(row.latency.read.p99_us) },
  { name: "Write p99", kind: "number", cell: (row) => row.latency.write && micros(row.latency.write.p99_us) },
  { name: "Ping", kind: "number", cell: (row) => millisOf(row.watched?.ping_ms.usual ?? row.watched?.probe_ms.usual) },
  { name: "Behind", kind: "number", cell: (row) => row.watched?.behind },
  { name: "Bypassing", kind: "number", cell: (row) => row.watched?.bypassing },
];

/** What a server is; of one that is down, what it was. */
function roleCell(row) {
  if (row.state !== "serving") return row.role === "unknown" ? spoken(row.role) : "was " + spoken(row.role);
  return row.role === "leader" ? { badge: "lead", text: "leader" } : spoken(row.role);
}

function millisOf(value) {
  return value === null || value === undefined ? null : micros(value * 1000);
}

export function overview(root) {
  const verdict = el("div", { class: "verdict", role: "status" });
  const problems = el("ul", { class: "problems" });
  const table = grid("Servers", serverColumns, (row) => row.server_id, "no server is known yet");
  const lanes = timeline({ quiet: true });
  const happened = grid("What happened last", [
    { name: "Time", kind: "mono", cell: (row) => clock(row.at) },
    { name: "What", cell: (row) => ({ badge: row.kind, text: row.what }) },
    { name: "Text", cell: (row) => ({ text: row.text, to: row.to }) },
  ], (row) => row.key, "nothing has happened");
  let words = "";
  fill(root, el("h1", { class: "hidden" }, "Overview"), verdict, problems,
    panel("Servers", {}, table.node),
    panel("Landing timeline", { note: link("#/timeline", "open it") }, lanes.node),
    panel("What happened last", {}, happened.node));

  function update() {
    const list = servers();
    const found = notWell(list);
    const worst = verdictOf(list, found);
    const said = verdictText(worst, list);
    const leader = list.find((server) => server.role === "leader" && server.state === "serving");
    // Whether nobody leads cannot be told while a server is unknown.
    const isKnown = list.length > 0 && list.every((server) => server.state !== "unknown");
    const leads = leader?.server ?? (isKnown ? "nobody" : "–");
    const serving = list.filter((server) => server.state === "serving").length;
    const sessions = list.reduce((sum, server) => sum + server.sessions, 0);
    const per = list.map(operationsPerSecond).filter((one) => one !== null).reduce((sum, one) => sum + one, 0);
    const next = JSON.stringify([said, found.map((one) => one.text), leads, serving, list.length, sessions, Math.round(per)]);
    if (next !== words) {
      words = next;
      verdict.className = "verdict " + worst;
      fill(verdict, el("strong", {}, badge(worst, said)),
        figure(serving + " of " + list.length, "servers serve"), figure(leads, "leads"),
        figure(count(sessions), sessions === 1 ? "session" : "sessions"), figure(count(per), "operations/s"));
      fill(problems, found.map((one) => el("li", { class: one.kind }, badge(one.kind, ""),
        one.to ? link(hashOf(...one.to), one.text) : el("span", {}, one.text))));
      problems.hidden = found.length === 0;
    }
    table.update(list);
    lanes.update();
    happened.update(latest().slice(0, HAPPENED));
  }
  return { update, stop: lanes.stop };
}

function figure(value, name) {
  return el("span", { class: "figure" }, el("b", {}, value), " ", name);
}

/** What happened, newest first. */
export function latest() {
  const moves = rows("moves").slice(-HAPPENED).map((row) => ({
    at: row.at_ms, kind: "calm", what: "move", key: "m" + row.session + row.at_ms, to: ["session", row.session],
    text: holderOf(row) + " moved from " + row.from + " to " + row.to + " (" + spoken(row.reason) + ")",
  }));
  const refusals = rows("refusals").slice(-HAPPENED).map((row) => ({
    at: row.at_ms, kind: "bad", what: "refused", key: "r" + row.session + row.connection + row.at_ms, to: ["session", row.session],
    text: row.server + " refused " + holderOf(row) + " because it had moved (" + row.confidence + ")",
  }));
  const events = rows("events").slice(-HAPPENED).map((row) => ({
    at: row.at_ms, kind: row.change === "leader_changed" ? "lead" : "calm", what: spoken(row.change),
    key: "e" + row.at_ms + row.server_id + row.text, text: row.text, to: ["timeline"],
  }));
  const incidents = rows("incidents").slice(-HAPPENED).map((row) => ({
    at: row.at_ms, kind: row.open ? "bad" : "warn", what: "incident " + row.id, key: "i" + row.id, to: ["incident", row.id],
    text: spoken(row.cause.code) + ": " + row.summary,
  }));
  return [...moves, ...refusals, ...events, ...incidents].sort((one, other) => other.at - one.at);
}
