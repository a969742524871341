// Sessions at risk: what may soon be lost, and what nearly was.
import { badge, el, fill, hashOf, link, panel } from "./dom.js";
import { grid } from "./grid.js";
import { nowMillis } from "./source.js";
import { openRisks, rows } from "./store.js";
import { ago, clock, lasting, spoken } from "./words.js";

const OUTCOMES = { open: "bad", lost: "bad", passed: "good", unknown: "calm" };

export function risks(root) {
  const open = el("div", { class: "cards" });
  const table = grid("Risks that are over", [
    { name: "Risk", kind: "number", cell: (row) => row.id },
    { name: "Seen (UTC)", kind: "mono", cell: (row) => clock(row.at_ms) },
    { name: "Outcome", cell: (row) => ({ badge: OUTCOMES[row.state] ?? "calm", text: spoken(row.state) }) },
    { name: "What", cell: (row) => spoken(row.code) },
    { name: "Who", cell: (row) => ({ text: row.identity ?? row.session, to: ["session", row.session] }) },
    { name: "Server", kind: "mono", cell: (row) => row.server },
    { name: "Lasted", kind: "number", cell: (row) => row.until_ms && lasting(row.until_ms - row.at_ms) },
    { name: "In words", cell: (row) => row.summary },
  ], (row) => row.id, "no risk has passed yet");
  fill(root, el("h1", {}, "Sessions at risk"), panel("Open now", {}, open), panel("Over", {}, table.node));
  let shown = null;

  function update() {
    const list = openRisks();
    const text = JSON.stringify(list);
    if (text !== shown) {
      shown = text;
      fill(open, list.length === 0 ? el("p", { class: "empty" }, "no session is at risk") : list.map(card));
    }
    table.update(rows("risks").filter((one) => one.state !== "open").reverse().slice(0, 200));
  }
  return { update };
}

function card(risk) {
  const beat = risk.heartbeat;
  return el("article", { class: "card bad" },
    el("h3", {}, badge("bad", spoken(risk.code)), " ", link(hashOf("session", risk.session), risk.identity ?? risk.session)),
    el("p", {}, risk.summary),
    beat ? meter("Client silent for", beat.client_silent_ms, beat.timeout_ms) : null,
    risk.expires_at_ms ? el("p", {}, "The servers delete it in " + lasting(Math.max(0, risk.expires_at_ms - nowMillis())) + " at the earliest.") : null,
    risk.path ? el("p", { class: "mono" }, risk.path) : null,
    el("p", { class: "advice" }, risk.advice),
    el("p", { class: "soft" }, (risk.server ?? "no server") + " · seen " + ago(risk.at_ms, nowMillis())));
}

/** How much of a time is used up. */
export function meter(name, value, whole) {
  return el("label", { class: "meter" }, name + " " + lasting(value) + " of " + lasting(whole),
    el("meter", { min: 0, max: whole, low: whole * 0.4, high: whole * 0.67, optimum: 0, value: Math.min(value, whole) }));
}
