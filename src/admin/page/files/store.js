// What the page knows: rows by kind, fetched once and then kept up by the stream.
import { AnswerError, STREAM_AGAIN, ask, heardAt, nowMillis, readEvents, savedAt } from "./source.js";

/** Rows of each kind that are kept, the newest. */
const KEPT = 20000;
/** Rows of each list that are fetched at the start. */
const FETCHED = 5000;

const KINDS = {
  servers: ["/api/servers", "servers", (row) => row.server_id],
  moves: ["/api/moves?limit=" + FETCHED, "moves", (row) => row.session + " " + row.at_ms + " " + row.to_id],
  refusals: ["/api/session-moved?limit=" + FETCHED, "session_moved", (row) => row.session + " " + row.connection + " " + row.at_ms],
  incidents: ["/api/incidents?limit=" + FETCHED, "incidents", (row) => row.id],
  risks: ["/api/risks?limit=" + FETCHED, "risks", (row) => row.id],
  latency: ["/api/latency?limit=" + FETCHED, "latency", (row) => row.at_ms + " " + row.server_id + " " + row.class],
};
const KEYS = Object.fromEntries(Object.entries(KINDS).map(([kind, [, , key]]) => [kind, key]));
const watchedKey = (row) => row.server_id;
const eventKey = (row) => [row.at_ms, row.server_id, row.change, row.text].join(" ");
Object.assign(KEYS, { watched: watchedKey, events: eventKey });

export const store = {
  servers: new Map(), moves: new Map(), refusals: new Map(), incidents: new Map(), risks: new Map(),
  latency: new Map(), watched: new Map(), events: new Map(),
  /** Sessions of each server over time: {at, counts: [by server_id]}, since this page was opened. */
  counted: [],
  ensemble: { leader: null, epoch: null, leader_changes: 0 },
  /**
   * `connecting`, `live`, `behind`, `lost` or `saved`, why, and of `lost` when zoogate was heard of last, and the status that
   * it answers with: 0 for none, null where it is not zoogate that fails.
   */
  link: { state: "connecting", why: "connecting", heardAt: null, status: null },
  /** Counts up with every change, by kind. */
  version: {},
};

const listeners = new Set();
let due = null;

/** Calls `listener` after changes, at most once a frame. Gives what ends that. */
export function onChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function changed(kind) {
  store.version[kind] = (store.version[kind] ?? 0) + 1;
  if (due === null) {
    due = setTimeout(() => {
      due = null;
      for (const listener of [...listeners]) listener();
    }, 50);
  }
}

function keep(kind, rows, key) {
  if (!Array.isArray(rows) || rows.length === 0) return;
  const map = store[kind];
  for (const row of rows) map.set(key(row), row);
  for (const old of map.keys()) {
    if (map.size <= KEPT) break;
    map.delete(old);
  }
  changed(kind);
}

function takeEnsemble(view) {
  const { servers, timeline, ...rest } = view;
  keep("watched", servers, watchedKey);
  keep("events", timeline, eventKey);
  store.ensemble = { ...store.ensemble, ...rest };
  changed("ensemble");
}

function countSessions() {
  const counts = [];
  for (const server of store.servers.values()) counts[server.server_id] = server.sessions;
  const last = store.counted.at(-1);
  if (last && last.counts.every((value, place) => value === counts[place])) return;
  store.counted.push({ at: nowMillis(), counts });
  if (store.counted.length > 3600) store.counted.shift();
}

/** Takes an event of the stream. When it has begun, and when it has dropped something, the lists are asked for. */
function take(name, data) {
  if (name === "begun" || name === "dropped") return wanted();
  if (fetching) meanwhile.push([name, data]);
  apply(name, data);
}

function apply(name, data) {
  if (name === "ensemble") takeEnsemble(data.rows[0]);
  else if (KEYS[name]) keep(name, data.rows, KEYS[name]);
  if (name === "servers") countSessions();
}

let fetching = null;
/** Events that came while lists were fetched: they may be newer than those. */
let meanwhile = [];
let fetchAgain = false;
/** Whether the stream has begun and not ended. */
let streaming = false;

/** Asks for the lists; once more at the end if that is wanted meanwhile. */
function wanted() {
  fetchAgain = true;
  fetching ??= (async () => {
    while (fetchAgain) {
      fetchAgain = false;
      meanwhile = [];
      await refetch();
      for (const [name, data] of meanwhile.splice(0)) apply(name, data);
      if (streaming) setLink("live", "");
      else setLink("behind", "no stream: looked at now and then");
    }
  })().catch(fail).finally(() => { fetching = null; });
}

async function refetch() {
  for (const kind of ["servers", "incidents", "risks", "moves", "refusals"]) await fetchKind(kind);
  takeEnsemble(await ask("/api/ensemble"));
  await fetchKind("latency");
}

async function fetchKind(kind) {
  const [path, member, key] = KINDS[kind];
  const rows = (await ask(path))[member];
  // Newest first lists are turned, so that what is dropped for want of room is the oldest.
  if (kind === "incidents" || kind === "risks") rows.reverse();
  if (["incidents", "risks", "servers"].includes(kind)) {
    // Their numbers begin anew with each start of zoogate, which may then have other servers too.
    store[kind].clear();
    changed(kind);
  }
  keep(kind, rows, key);
  if (kind === "servers") countSessions();
}

function setLink(state, why, status = null) {
  if (store.link.state === state && store.link.why === why) return;
  // What is known does not get younger by further failures.
  const heard = (store.link.state === "lost" ? store.link.heardAt : null) ?? heardAt();
  store.link = { state, why, heardAt: heard, status };
  changed("link");
}

function fail(error) {
  if (error instanceof AnswerError) setLink("lost", error.message, error.status);
  else setLink("lost", "this page failed: " + error.message);
}

/** Follows the stream, again and again. Where there is none, the lists are asked for from time to time. */
export async function follow() {
  if (savedAt() !== null) {
    await refetch();
    setLink("saved", "");
    return;
  }
  for (let pause = STREAM_AGAIN[0]; ; pause = Math.min(pause * 2, STREAM_AGAIN[1])) {
    try {
      await readEvents("/api/stream", undefined, (name, data) => {
        pause = STREAM_AGAIN[0];
        streaming = true;
        take(name, data);
      });
      if (streaming) setLink("behind", "the stream has ended");
    } catch (error) {
      // Where lists are answered without a stream, a stream that is not to be had is nothing new.
      if (store.link.state !== "behind") fail(error);
    }
    streaming = false;
    wanted();
    await new Promise((done) => setTimeout(done, pause));
  }
}

/** The rows of a kind, in order of time or number. */
export function rows(kind) {
  const all = [...store[kind].values()];
  if (kind === "incidents" || kind === "risks") all.sort((one, other) => one.id - other.id);
  return all;
}

/** Servers with all that is known of each: as listed, as watched, and their newest latencies. */
export function servers() {
  const newest = newestLatency();
  return rows("servers").sort((one, other) => one.server_id - other.server_id).map((server) => ({
    ...server,
    watched: store.watched.get(server.server_id) ?? null,
    latency: newest.get(server.server_id) ?? {},
  }));
}

/** Of each server its latest slot of each class, if it is of the last 25 seconds. */
function newestLatency() {
  const found = new Map();
  for (const slot of store.latency.values()) {
    if (slot.at_ms < nowMillis() - 25000) continue;
    const one = found.get(slot.server_id) ?? {};
    if (!one[slot.class] || one[slot.class].at_ms < slot.at_ms) one[slot.class] = slot;
    found.set(slot.server_id, one);
  }
  return found;
}

/** Operations of a server within a second, pings aside; null where nothing is known. */
export function operationsPerSecond(server) {
  const { read, write } = server.latency;
  if (!read && !write) return null;
  const newest = Math.max(read?.at_ms ?? 0, write?.at_ms ?? 0);
  const within = (slot) => (slot && slot.at_ms === newest ? slot.count : 0);
  return (within(read) + within(write)) / 10;
}

export const openIncidents = () => rows("incidents").filter((one) => one.open).reverse();
export const openRisks = () => rows("risks").filter((one) => one.state === "open").reverse();
