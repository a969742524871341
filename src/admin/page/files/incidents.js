// Incidents: the list, and one with all that is known of it.
import { badge, el, fill, hashOf, link, panel } from "./dom.js";
import { facts, grid } from "./grid.js";
import { ask, nowMillis } from "./source.js";
import { rows, store } from "./store.js";
import { ago, clock, lasting, many, moment, spoken, sureKind } from "./words.js";

export function incidents(root) {
  const table = grid("Incidents, newest first", [
    { name: "No.", kind: "number", cell: (row) => ({ text: row.id, to: ["incident", row.id] }) },
    { name: "Began (UTC)", kind: "mono", cell: (row) => moment(row.at_ms).slice(0, 19) },
    { name: "State", cell: (row) => (row.open ? { badge: "bad", text: "open" } : { badge: "calm", text: "lasted " + lasting(row.until_ms - row.at_ms) }) },
    { name: "Cause", cell: (row) => ({ text: spoken(row.cause.code), to: ["incident", row.id] }) },
    { name: "Sure", cell: (row) => ({ badge: sureKind(row.cause.confidence), text: row.cause.confidence }) },
    { name: "Cost", cell: (row) => costOf(row.impact) },
    { name: "In words", cell: (row) => row.summary },
  ], (row) => row.id, "nothing has happened that would be an incident");
  fill(root, el("h1", {}, "Incidents"), panel("Newest first", {}, table.node));
  return { update: () => table.update(rows("incidents").reverse()) };
}

function costOf(impact) {
  const parts = [many(impact.sessions, "session")];
  if (impact.moved) parts.push(impact.moved + " moved");
  if (impact.expired) parts.push(impact.expired + " expired");
  if (impact.refused) parts.push(impact.refused + " refused");
  if (impact.unanswered) parts.push(many(impact.unanswered, "request") + " unanswered");
  return parts.join(", ");
}

export function incident(root, { name }) {
  const box = el("div", {});
  const title = el("h1", {}, "Incident " + name);
  fill(root, title, box);
  let shown = null, stopped = false;

  function show(one) {
    const text = JSON.stringify(one);
    if (text === shown) return;
    shown = text;
    fill(box, detail(one));
  }

  function update() {
    const one = store.incidents.get(Number(name));
    if (one) show(one);
  }
  ask("/api/incidents/" + encodeURIComponent(name)).then((one) => { if (!stopped) show(one); }).catch((error) => {
    if (shown === null) fill(box, el("p", { class: "empty", role: "alert" }, error.message));
  });
  return { update, stop: () => { stopped = true; } };
}

function detail(one) {
  const { cause, impact } = one;
  const subject = [one.subject.server, one.subject.client, one.subject.session].filter((part) => part).join(", ");
  return [
    el("div", { class: "verdict " + (one.open ? "bad" : "warn") },
      el("strong", {}, badge(one.open ? "bad" : "warn", spoken(cause.code))),
      badge(sureKind(cause.confidence), cause.confidence + (cause.capped_because ? ": " + spoken(cause.capped_because) : "")),
      el("span", { class: "figure" }, one.open ? "open since " + ago(one.at_ms, nowMillis()) : "lasted " + lasting(one.until_ms - one.at_ms))),
    el("p", { class: "summary" }, one.summary),
    panel("What happened", {}, facts([
      ["Began", moment(one.at_ms)], ["Over", one.open ? "it is open" : moment(one.until_ms)], ["About", subject || "the ensemble"],
      ["Failed first", spoken(one.first)], ["Connections were", spoken(one.phase)],
      one.times > 1 ? ["Came again", many(one.times, "time")] : null,
      one.seen_before ? ["Seen before", many(one.seen_before.count, "time") + (one.seen_before.last ? ", last " + one.seen_before.last : "")] : null,
      ["Seen by zoogate", one.completeness.servers_seen + " of " + one.completeness.servers + " servers" +
        (one.completeness.bypassing ? "; " + many(one.completeness.bypassing, "connection") + " bypass it" : "")],
    ])),
    panel("Evidence", {}, el("ol", { class: "evidence" }, one.evidence.map((fact) => el("li", { value: fact.n, id: "evidence-" + fact.n },
      el("span", {}, fact.text), el("span", { class: "soft" }, " " + fact.source + (fact.at_ms ? ", " + clock(fact.at_ms, true) + "Z" : "")))))),
    panel("Ruled out, and what remains", {},
      one.ruled_out.length === 0 && one.remaining.length === 0 ? el("p", { class: "empty" }, "nothing else came into question") : null,
      el("ul", { class: "plain" }, one.ruled_out.map((other) => el("li", {}, badge("calm", "not"), " ", spoken(other.cause),
        el("span", { class: "soft" }, other.by.length > 0 ? " by evidence " + other.by.join(", ") : ""))),
      one.remaining.map((other) => el("li", {}, badge("warn", "perhaps"), " ", spoken(other))))),
    panel("What it cost", {}, facts([
      ["Connections ended", impact.connections], ["Sessions hit", impact.sessions], ["Back", impact.back], ["Moved", impact.moved],
      ["Expired", impact.expired], ["Refused", impact.refused], ["Requests unanswered", impact.unanswered],
      ["Longest absence", lasting(impact.gap_ms)], ["Ephemeral nodes at risk", impact.ephemerals_at_risk],
      impact.holders.length > 0 ? ["Who", impact.holders.join(", ")] : null,
    ]), impact.operations.length > 0 ? el("ul", { class: "plain mono" }, impact.operations.map((operation) =>
      el("li", {}, operation.op + " " + operation.path + (operation.ephemeral ? " (ephemeral)" : "")))) : null),
    panel("What to do", {}, el("ul", { class: "actions" }, one.actions.map((action) => el("li", {}, el("b", {}, action.text),
      action.setting ? el("code", {}, action.setting) : null, el("span", { class: "soft" }, action.why)))),
    one.own_actions.length > 0 ? el("p", { class: "soft" }, "zoogate itself: " + one.own_actions.map((own) => spoken(own.what) + " × " + own.count).join(", ")) : null),
    one.revisions.length > 0 ? panel("What it was held to be before", {}, el("ul", { class: "plain" }, one.revisions.map((earlier) =>
      el("li", {}, "until " + clock(earlier.at_ms, true) + ": " + spoken(earlier.cause.code) + " (" + earlier.cause.confidence + ")")))) : null,
    el("p", {}, link(hashOf("timeline"), "On the landing timeline")),
  ];
}
