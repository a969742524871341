// Where answers come from: the address that served this page, or the answers that were saved into this file.

const TOKEN = "zoogate-token";
const saved = readSaved();
let askForToken = null;
let asking = null;
let heard = null;

function readSaved() {
  const holder = document.getElementById("saved");
  return holder ? JSON.parse(holder.textContent) : null;
}

/** The time that this file was saved at, in milliseconds; null on a live page. */
export function savedAt() {
  return saved ? saved.made_at_ms : null;
}

/** What could not be read when this file was saved, as texts; nothing on a live page. */
export function savedMissing() {
  return saved?.missing ?? [];
}

/** By how much zoogate's clock is ahead of this browser's, in milliseconds: at least and at most, as answers tell. */
const ahead = { least: -Infinity, most: Infinity };

/** Now by zoogate's clock, by which all that it tells is timed; in a saved file the time that it was saved at. */
export function nowMillis() {
  // As near to the browser's own clock as can be: it does not jump back and forth by what the answers leave open.
  return saved ? saved.made_at_ms : Date.now() + Math.min(Math.max(0, ahead.least), ahead.most);
}

/** Learns from an answer what zoogate's clock said, in whole seconds, between the question and now. */
function learnClock(answer, askedAt) {
  const told = Date.parse(answer.headers.get("date"));
  if (Number.isNaN(told)) return;
  const least = told - Date.now(), most = told + 1000 - askedAt;
  // Where this answer contradicts the earlier ones, a clock was set.
  const fits = least <= ahead.most && most >= ahead.least;
  ahead.least = fits ? Math.max(least, ahead.least) : least;
  ahead.most = fits ? Math.min(most, ahead.most) : most;
}

/** A failed question: what was asked, with which status it was answered (0: not at all; null: without sense), and why. */
export class AnswerError extends Error {
  constructor(path, status, text) {
    super(path + ": " + text);
    this.status = status;
  }
}

/** Has `ask` called when a token is needed; it gives a promise of the token. */
export function onTokenNeeded(ask) {
  askForToken = ask;
}

async function token(again) {
  if (!asking) {
    asking = askForToken(again).then((given) => {
      sessionStorage.setItem(TOKEN, given);
      asking = null;
    });
  }
  await asking;
}

/**
 * Fetches, and has `read(answer)` read it; gives both. Gives up a zoogate that takes the question and says nothing, or not
 * all of its answer. Of a refusal `read` is the reason.
 */
async function fetchInTime(path, headers, signal, read) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), SILENCE);
  signal?.addEventListener("abort", () => abort.abort());
  if (signal?.aborted) abort.abort();
  try {
    const answer = await fetch(path, { headers, signal: abort.signal, cache: "no-store", credentials: "omit" });
    return [answer, await (answer.ok ? read(answer) : reasonOf(answer))];
  } finally {
    clearTimeout(timer);
  }
}

/** Asks, and gives what `read(answer)` makes of a good answer. */
async function request(path, signal, read) {
  for (let again = false; ; again = true) {
    const given = sessionStorage.getItem(TOKEN);
    const headers = given ? { Authorization: "Bearer " + given } : {};
    const askedAt = Date.now();
    let answer, said;
    try {
      [answer, said] = await fetchInTime(path, headers, signal, read);
    } catch (error) {
      if (signal && signal.aborted) throw error;
      // What is no JSON is answered, and not by what this page was made for.
      if (error instanceof SyntaxError) throw new AnswerError(path, null, error.message);
      throw new AnswerError(path, 0, "zoogate does not answer");
    }
    learnClock(answer, askedAt);
    if (answer.status === 401 && askForToken) {
      // Another question may have been given a better token meanwhile.
      if (sessionStorage.getItem(TOKEN) === given) await token(again || given !== null);
      continue;
    }
    if (!answer.ok) throw new AnswerError(path, answer.status, said);
    heard = nowMillis();
    return said;
  }
}

async function reasonOf(answer) {
  try {
    const said = await answer.json();
    return said.reason ? said.error + ": " + said.reason : said.error;
  } catch {
    return "answered with status " + answer.status;
  }
}

/** Asks for a JSON answer. */
export async function ask(path, signal) {
  if (saved) {
    const answer = saved.answers[path] ?? saved.answers[path.split("?")[0]];
    if (answer === undefined) throw new AnswerError(path, 404, "this is not in the saved file");
    return answer;
  }
  return request(path, signal, (answer) => answer.json());
}

/** Asks for a text. */
export async function askText(path, signal) {
  if (saved) return ask(path);
  return request(path, signal, (answer) => answer.text());
}

/** When zoogate last gave an answer or a piece of a stream, by its clock, in milliseconds; null before the first. */
export function heardAt() {
  return heard;
}

/** Longest event that is put together, in letters. */
const LONGEST_EVENT = 4 << 20;
/** How long a stream or a question may be without a word, in milliseconds. */
const SILENCE = 35000;
/** How long until a stream is asked for again, in milliseconds: doubled up to the second. */
export const STREAM_AGAIN = [1000, 15000];

/**
 * Reads server-sent events until the stream ends or `signal` is aborted; `take(event, data)` is given each. EventSource
 * cannot send a token, so this reads them itself. `begun()` is called when zoogate has taken the question.
 */
export async function readEvents(path, signal, take, begun) {
  const abort = new AbortController();
  signal?.addEventListener("abort", () => abort.abort());
  const answer = await request(path, abort.signal, (begun) => begun);
  begun?.();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await nextPiece(reader, path, abort);
    if (done) return;
    rest += value.replaceAll("\r", "");
    for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
      const [name, data] = parsed(rest.slice(0, end));
      rest = rest.slice(end + 2);
      if (data !== null) take(name, data);
    }
    if (rest.length > LONGEST_EVENT) throw new AnswerError(path, null, "an event is too long");
  }
}

/** The next piece. A stream that says nothing at all, not even that it is still there, is given up. */
async function nextPiece(reader, path, abort) {
  const timer = setTimeout(() => abort.abort(), SILENCE);
  try {
    const piece = await reader.read();
    if (!piece.done) heard = nowMillis();
    return piece;
  } catch {
    throw new AnswerError(path, 0, "the stream broke off");
  } finally {
    clearTimeout(timer);
  }
}

function parsed(text) {
  let name = "message";
  const data = [];
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, "");
    if (line.startsWith("event:")) name = value;
    if (line.startsWith("data:")) data.push(value);
  }
  if (data.length === 0) return [name, null];
  try {
    return [name, JSON.parse(data.join("\n"))];
  } catch {
    return [name, null];
  }
}
