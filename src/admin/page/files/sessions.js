// The list of sessions with a filter.
import { el, fill, hashOf, panel } from "./dom.js";
import { grid } from "./grid.js";
import { ask, nowMillis, savedAt } from "./source.js";
import { ago, bytes, count, lasting, many, spoken } from "./words.js";

/** Rows that are asked for and shown. */
const SESSION_ROWS = 300;
/** How often the list is asked for again, in milliseconds. */
const LIST_AGAIN = 3000;

export function sessions(root, { parameters, go }) {
  let filter = parameters.get("filter") ?? "";
  const field = el("input", { id: "filter", type: "search", value: filter, spellcheck: "false", autocomplete: "off",
    placeholder: savedAt() === null ? "identity=broker-3 server=… state=attached moved" : "a text: broker-3", "aria-describedby": "filter-says" });
  const says = el("span", { id: "filter-says", class: "note", role: "status" });
  const table = grid("Sessions, newest activity first", [
    { name: "Session", kind: "mono", cell: (row) => ({ text: row.session, to: ["session", row.session] }) },
    { name: "Who", cell: (row) => row.identity },
    { name: "Server", kind: "mono", cell: (row) => row.server },
    { name: "State", cell: (row) => ({ badge: { attached: "good", pending: "warn", ended: "calm" }[row.state] ?? "calm", text: row.ended ?? spoken(row.state) }) },
    { name: "Operations", kind: "number", cell: (row) => count(row.operations) },
    { name: "In flight", kind: "number", cell: (row) => row.in_flight },
    { name: "Moves", kind: "number", cell: (row) => (row.moves ? { text: row.moves, to: ["timeline", null, { session: row.session }] } : 0) },
    { name: "Refused", kind: "number", cell: (row) => (row.session_moved ? { badge: "bad", text: row.session_moved } : 0) },
    { name: "Timeout", kind: "number", cell: (row) => row.timeout_ms && lasting(row.timeout_ms) },
    { name: "Heard", kind: "number", cell: (row) => ago(row.active_at_ms, nowMillis()) },
    { name: "Bytes", kind: "number", cell: (row) => bytes(row.client_bytes + row.server_bytes) },
  ], (row) => row.session, "no session fits");
  fill(root, el("h1", {}, "Sessions"),
    el("form", { class: "line", role: "search", onsubmit: submit }, el("label", { for: "filter" }, "Filter"), field, el("button", {}, "Show")),
    panel("Newest activity first", { note: says }, table.node));

  function submit(event) {
    event.preventDefault();
    filter = field.value.trim();
    go(hashOf("sessions", null, { filter }));
    read();
  }

  let stopped = false, timer = null, turn = 0;
  async function read() {
    clearTimeout(timer);
    const mine = ++turn;
    try {
      const all = await ask(pathOf(filter));
      const answer = savedAt() === null ? all : within(all, filter);
      if (stopped || mine !== turn) return;
      field.removeAttribute("aria-invalid");
      table.update(answer.sessions);
      fill(says, many(answer.sessions.length, "session") + (answer.more ? " are shown, there are more: narrow them down" : "") +
        (savedAt() === null ? "" : ": this file has only those that moved, were refused or lost a connection"));
    } catch (error) {
      if (stopped || mine !== turn) return;
      if (error.status === 400) field.setAttribute("aria-invalid", "true");
      fill(says, el("span", { class: "bad-text" }, error.message));
    }
    if (savedAt() === null) timer = setTimeout(read, LIST_AGAIN);
  }
  read();
  return { update() {}, stop() { stopped = true; clearTimeout(timer); } };
}

/** The sessions in a saved file that have a text in them: there is nobody who understands the language of filters. */
function within(answer, text) {
  const found = answer.sessions.filter((row) => JSON.stringify(row).includes(text));
  return { sessions: found.slice(0, SESSION_ROWS), more: found.length > SESSION_ROWS };
}

/** The question for a filter. */
function pathOf(filter) {
  const query = new URLSearchParams({ limit: SESSION_ROWS });
  if (filter) query.set("filter", filter);
  return "/api/sessions?" + query;
}
