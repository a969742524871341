// The landing timeline on a page of its own, with the same as a table below it.
import { el, fill, panel } from "./dom.js";
import { grid } from "./grid.js";
import { savedAt } from "./source.js";
import { rows, store } from "./store.js";
import { timeline } from "./timeline.js";
import { clock, count, holderOf, lasting, many, spoken } from "./words.js";

/** Rows of the table. */
const TABLE_ROWS = 200;

export function landing(root, { parameters }) {
  let picked = parameters.get("session");
  const note = el("span", { class: "note", role: "status" });
  const lanes = timeline({
    onPick: (session) => { picked = session; update(); },
    onRange: () => update(),
  });
  const table = grid("Moves, refusals and changes of the ensemble in the time that is shown", [
    { name: "Time (UTC)", kind: "mono", cell: (row) => clock(row.at, true) },
    { name: "What", cell: (row) => ({ badge: row.kind, text: row.what }) },
    { name: "Who", cell: (row) => row.who && { text: row.who, to: ["session", row.session] } },
    { name: "From", kind: "mono", cell: (row) => row.from },
    { name: "To", kind: "mono", cell: (row) => row.to },
    { name: "Away", kind: "number", cell: (row) => row.away },
    { name: "Why", cell: (row) => ({ text: row.why, to: row.incident ? ["incident", row.incident] : undefined }) },
  ], (row) => row.key, "nothing happened in this time");
  fill(root, el("h1", {}, "Landing timeline"),
    panel("Which session was on which server", { note }, lanes.node),
    panel("The same as a table", {}, table.node));
  if (picked) lanes.pickSession(picked);
  let drawn = "";
  let isFitted = savedAt() === null;

  function update() {
    lanes.update();
    if (!isFitted && store.servers.size > 0) {
      isFitted = true;
      return lanes.showAll();
    }
    const { from, to } = lanes.range();
    const all = listed().filter((row) => row.at >= from && row.at <= to && (!picked || row.session === picked));
    all.sort((one, other) => other.at - one.at);
    const state = lanes.shown();
    const said = clock(from) + " – " + clock(to) + "Z · " + many(state.drawn.length, "line") +
      (state.left > 0 ? " of " + count(state.drawn.length + state.left) + ": zoom in to see the others" : "") +
      (all.length > TABLE_ROWS ? " · the table has the newest " + TABLE_ROWS + " of " + count(all.length) : "");
    if (said !== drawn) fill(note, (drawn = said));
    table.update(all.slice(0, TABLE_ROWS));
  }
  return { update, stop: lanes.stop };
}

function listed() {
  return [
    ...rows("moves").map((row) => ({
      key: "m" + row.session + row.at_ms, at: row.at_ms, kind: "calm", what: "move", who: holderOf(row), session: row.session,
      from: row.from, to: row.to, away: lasting(row.gap_ms), why: spoken(row.cause?.code ?? row.reason), incident: row.incident,
    })),
    ...rows("refusals").map((row) => ({
      key: "r" + row.session + row.connection + row.at_ms, at: row.at_ms, kind: "bad", what: "refused", who: holderOf(row), session: row.session,
      from: row.server, to: row.claimed_by, away: null, why: spoken(row.evidence) + " (" + row.confidence + ")", incident: row.incident,
    })),
    ...rows("events").map((row) => ({
      key: "e" + row.at_ms + row.server_id + row.text, at: row.at_ms, kind: row.change === "leader_changed" ? "lead" : "calm",
      what: spoken(row.change), who: null, session: null, from: row.server, to: null, away: null, why: row.text,
    })),
  ];
}
