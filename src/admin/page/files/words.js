// Numbers and times as people read them.

/** A time of the day in UTC, as zoogate's log has it. */
export function clock(millis, withMillis) {
  if (millis === null || millis === undefined) return "–";
  return new Date(millis).toISOString().slice(11, withMillis ? 23 : 19);
}

/** Date and time in UTC. */
export function moment(millis) {
  if (millis === null || millis === undefined) return "–";
  return new Date(millis).toISOString().slice(0, 19).replace("T", " ") + "Z";
}

/** How long, in the largest two units. */
export function lasting(millis) {
  if (millis === null || millis === undefined) return "–";
  if (millis < 1000) return Math.round(millis) + " ms";
  const seconds = millis / 1000;
  if (seconds < 60) return (seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)) + " s";
  const whole = Math.floor(seconds);
  if (whole < 3600) return Math.floor(whole / 60) + " min " + (whole % 60) + " s";
  if (whole < 86400) return Math.floor(whole / 3600) + " h " + Math.floor((whole % 3600) / 60) + " min";
  return Math.floor(whole / 86400) + " d " + Math.floor((whole % 86400) / 3600) + " h";
}

/** How long ago. */
export function ago(millis, now) {
  if (millis === null || millis === undefined) return "–";
  return lasting(Math.max(0, now - millis)) + " ago";
}

/** A latency, given in microseconds. */
export function micros(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1000) return Math.round(value) + " µs";
  const millis = value / 1000;
  if (millis < 1000) return (millis < 10 ? millis.toFixed(1) : Math.round(millis)) + " ms";
  return (millis / 1000).toFixed(1) + " s";
}

/** A number with its thousands apart. */
export function count(value) {
  if (value === null || value === undefined) return "–";
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, " ");
}

/** How many of something: `1 session`, `2 sessions`. */
export function many(value, one, more) {
  return count(value) + " " + (value === 1 ? one : more ?? one + "s");
}

/** Bytes. */
export function bytes(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1024) return value + " B";
  if (value < 1048576) return (value / 1024).toFixed(1) + " KiB";
  if (value < 1073741824) return (value / 1048576).toFixed(1) + " MiB";
  return (value / 1073741824).toFixed(1) + " GiB";
}

/** A word of the API as it is said. */
export function spoken(word) {
  return word === null || word === undefined ? "–" : String(word).replaceAll("_", " ");
}

/** How a server's state is coloured. */
export function stateKind(state) {
  if (state === "serving") return "good";
  return state === "unknown" ? "calm" : "bad";
}

/** How sure something is, as a colour. */
export function sureKind(confidence) {
  return { certain: "good", likely: "calm", weak: "warn" }[confidence] ?? "calm";
}

/** Who holds a session, or its id. */
export function holderOf(row) {
  return row.identity || row.client || row.session;
}
