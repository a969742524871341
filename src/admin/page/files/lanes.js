// Which session was on which server when, worked out of moves, refusals and what the servers did. Draws nothing.

/** Colours of lines. */
export const HUES = 8;

/**
 * Lines, bands and refusals of all that is known.
 * A line is {session, label, hue, stays: [{server, from, to}], hops: [{move, lost, at, from, to}], refusals, first, last}.
 * Times are milliseconds since 1970; a stay that began before anything was seen is from -Infinity.
 */
export function lanesOf({ servers, moves, refusals, events }) {
  const lines = new Map();
  const ordered = [...moves].sort((one, other) => one.at_ms - other.at_ms);
  for (const move of ordered) {
    const known = lines.get(move.former_session) ?? lines.get(move.session);
    const line = known ?? newLine(move.former_session ?? move.session);
    line.session = move.session;
    line.label = move.identity || move.client || move.session;
    lines.set(move.former_session ?? move.session, line);
    lines.set(move.session, line);
    const lost = move.at_ms - move.gap_ms;
    const stay = line.stays.at(-1);
    if (stay && stay.server === move.from_id) stay.to = Math.max(stay.from, lost);
    else line.stays.push({ server: move.from_id, from: stay ? Math.min(stay.to, lost) : -Infinity, to: lost });
    line.stays.push({ server: move.to_id, from: move.at_ms, to: Infinity });
    line.hops.push({ move, lost, at: move.at_ms, from: move.from_id, to: move.to_id });
    seen(line, lost);
    seen(line, move.at_ms);
  }
  for (const refusal of refusals) {
    const line = lines.get(refusal.session) ?? newLine(refusal.session);
    line.label = line.label || refusal.identity || refusal.client || refusal.session;
    lines.set(refusal.session, line);
    line.refusals.push(refusal);
    seen(line, refusal.at_ms);
  }
  const all = [...new Set(lines.values())];
  for (const line of all) {
    line.hue = hueOf(line.label);
    if (line.stays.length === 0) {
      for (const one of line.refusals) line.stays.push({ server: one.server_id, from: -Infinity, to: one.at_ms });
    }
  }
  all.sort((one, other) => one.first - other.first);
  return { lines: all, bands: bandsOf(servers, events) };
}

function newLine(session) {
  return { session, label: "", hue: 0, stays: [], hops: [], refusals: [], first: Infinity, last: -Infinity };
}

function seen(line, at) {
  line.first = Math.min(line.first, at);
  line.last = Math.max(line.last, at);
}

function hueOf(text) {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) >>> 0;
  return sum % HUES;
}

/** A session that is shown although it never moved. `detail` is what the API says of it. */
export function quietLine(detail) {
  const line = newLine(detail.session);
  line.label = detail.identity || detail.client || detail.session;
  line.hue = hueOf(line.label);
  let stay = null;
  for (const event of detail.timeline) {
    if (event.kind === "attach" && event.outcome === "accepted") {
      if (stay) stay.to = Math.min(stay.to, event.at_ms);
      stay = { server: event.server_id, from: event.attached_at_ms ?? event.at_ms, to: Infinity };
      line.stays.push(stay);
      seen(line, stay.from);
    } else if (event.kind === "end") {
      const ended = line.stays.findLast((one) => one.server === event.server_id && one.to === Infinity);
      if (ended) ended.to = event.at_ms;
      seen(line, event.at_ms);
    } else if (event.kind === "session_moved") {
      line.refusals.push(event);
    } else if (event.kind === "move") {
      line.hops.push({ move: event, lost: event.at_ms - event.gap_ms, at: event.at_ms, from: event.from_id, to: event.to_id });
    }
  }
  return line;
}

/** When nobody led, and when a server did not serve: {kind, server, from, to, text}. */
function bandsOf(servers, events) {
  const bands = [];
  const down = new Map();
  let leaderless = null;
  const ordered = [...events].sort((one, other) => one.at_ms - other.at_ms);
  for (const event of ordered) {
    if (event.change === "leader_changed") {
      if (leaderless) leaderless.to = event.at_ms;
      leaderless = null;
      if (event.now === null || event.now === undefined) {
        leaderless = { kind: "election", server: null, from: event.at_ms, to: Infinity, text: "no leader" };
        bands.push(leaderless);
      } else {
        bands.push({ kind: "leader", server: null, from: event.at_ms, to: event.at_ms, text: event.now + " leads" });
      }
    } else if (event.change === "restarted") {
      bands.push({ kind: "restart", server: event.server_id, from: event.at_ms, to: event.at_ms, text: event.text });
    } else if (event.change === "health") {
      const open = down.get(event.server_id);
      if (open) open.to = event.at_ms;
      down.delete(event.server_id);
      if (event.now !== "serving" && event.now !== "unknown") {
        const text = String(event.now).replaceAll("_", " ");
        const band = { kind: "down", server: event.server_id, from: event.at_ms, to: Infinity, text };
        down.set(event.server_id, band);
        bands.push(band);
      }
    }
  }
  for (const server of servers) {
    if (server.state === "serving" || server.state === "unknown" || down.has(server.server_id)) continue;
    const text = server.state.replaceAll("_", " ");
    bands.push({ kind: "down", server: server.server_id, from: server.since_ms ?? -Infinity, to: Infinity, text });
  }
  return bands;
}

/**
 * Sessions of each server over time: {at, counts} oldest first. Before the first count it is worked out backwards from
 * the moves.
 */
export function crowdOf(counted, moves) {
  if (counted.length === 0) return [];
  const first = counted[0];
  const counts = [...first.counts];
  const earlier = [];
  const before = moves.filter((move) => move.at_ms < first.at).sort((one, other) => other.at_ms - one.at_ms);
  for (const move of before) {
    earlier.push({ at: move.at_ms, counts: [...counts] });
    counts[move.to_id] = Math.max(0, (counts[move.to_id] ?? 0) - 1);
    counts[move.from_id] = (counts[move.from_id] ?? 0) + 1;
  }
  earlier.push({ at: -Infinity, counts });
  return [...earlier.reverse(), ...counted];
}

/** Where a line is at a time: a server, or null while it is away. */
export function serverAt(line, at) {
  for (let place = line.stays.length - 1; place >= 0; place--) {
    const stay = line.stays[place];
    if (at >= stay.from && at <= stay.to) return stay.server;
  }
  return null;
}
