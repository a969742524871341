// The page: its head, its views by their address, its theme.
import { el, fill, link, plain, say } from "./dom.js";
import { incident, incidents } from "./incidents.js";
import { landing } from "./landing.js";
import { latency } from "./latency.js";
import { overview } from "./overview.js";
import { risks } from "./risks.js";
import { session } from "./session.js";
import { sessions } from "./sessions.js";
import { nowMillis, onTokenNeeded, savedAt, savedMissing } from "./source.js";
import { follow, onChange, openIncidents, openRisks, store } from "./store.js";
import { tap } from "./tap.js";
import { unseen } from "./unseen.js";
import { clock, moment } from "./words.js";

const VIEWS = { overview, timeline: landing, latency, risks, incidents, incident, sessions, session, tap, unseen };
const TABS = { overview: "Overview", timeline: "Timeline", latency: "Latency", risks: "At risk", incidents: "Incidents",
  sessions: "Sessions", tap: "Live tap", unseen: "Not seen" };
const PARENT = { incident: "incidents", session: "sessions" };
const THEME = "zoogate-theme";
/** What a header can carry, as zoogate wants it. */
const TOKEN_LETTERS = /^[\x21-\x7e]+$/;

const tabs = Object.fromEntries(Object.keys(TABS).map((name) => [name, { number: el("span", { class: "bubble", hidden: true }) }]));
for (const [name, tab] of Object.entries(tabs)) tab.link = link("#/" + name, TABS[name], tab.number);
const state = el("span", { class: "link-state", role: "status" });
const main = el("main", { id: "view", tabindex: "-1" });
const theme = el("button", { type: "button", class: "theme", onclick: turnTheme });
let current = null;
let shownHash = null;

function themeNow() {
  const chosen = localStorage.getItem(THEME);
  return chosen ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

function showTheme() {
  const now = themeNow();
  document.documentElement.dataset.theme = now;
  const other = now === "dark" ? "light" : "dark";
  fill(theme, now === "dark" ? "☀" : "☾");
  theme.setAttribute("aria-label", "Use the " + other + " theme");
  theme.title = "Use the " + other + " theme";
}

function turnTheme() {
  localStorage.setItem(THEME, themeNow() === "dark" ? "light" : "dark");
  showTheme();
  update();
}

/** The view that the address names. */
function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, name] = path.split("/");
  const known = Object.hasOwn(VIEWS, view) ? view : "overview";
  return { view: known, name: name === undefined ? null : decoded(name), parameters: new URLSearchParams(query ?? "") };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function open() {
  current?.stop?.();
  const at = place();
  const needsName = at.view === "incident" || at.view === "session";
  const view = needsName && !at.name ? PARENT[at.view] : at.view;
  shownHash = location.hash;
  fill(main);
  main.className = "view-" + view;
  const tab = PARENT[view] ?? view;
  for (const [name, one] of Object.entries(tabs)) {
    if (name === tab) one.link.setAttribute("aria-current", "page");
    else one.link.removeAttribute("aria-current");
  }
  tabs[tab]?.link.scrollIntoView({ block: "nearest", inline: "nearest" });
  document.title = (at.name ? plain(at.name) + " · " : "") + TABS[tab] + " · zoogate";
  current = VIEWS[view](main, { ...at, go });
  update();
}

/** Puts where one is into the address without going there. */
function go(hash) {
  shownHash = hash;
  history.replaceState(null, "", hash);
}

function update() {
  const { state: how, why } = store.link;
  const text = { connecting: why, live: "live", behind: why, lost: why, saved: "saved " + moment(savedAt()) }[how];
  if (state.dataset.state !== how) state.dataset.state = how;
  say(state, text);
  bubble("incidents", openIncidents().length);
  bubble("risks", openRisks().length);
  current?.update();
}

function bubble(name, number) {
  tabs[name].number.hidden = number === 0;
  say(tabs[name].number, number + " open");
}

/** Asks for the token in a dialog. */
function tokenDialog(again) {
  return new Promise((done) => {
    const field = el("input", { id: "token", type: "password", autocomplete: "off", required: true });
    const wrong = el("p", { class: "bad-text", role: "alert" });
    const submit = (event) => {
      const given = field.value.trim();
      if (TOKEN_LETTERS.test(given)) {
        done(given);
        return dialog.remove();
      }
      event.preventDefault();
      fill(wrong, "A token has only letters, digits and signs of ASCII, and no spaces.");
    };
    const dialog = el("dialog", { "aria-labelledby": "token-title" },
      el("form", { method: "dialog", onsubmit: submit },
        el("h2", { id: "token-title" }, "This zoogate wants a token"),
        el("p", {}, again ? "That token was not accepted. " : "", "It is in the file that admin.read_token_file names, or admin.token_file. ",
          "This tab keeps it until it is closed."),
        el("label", { for: "token" }, "Token"), field, wrong, el("button", {}, "Show the page")));
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    document.body.append(dialog);
    dialog.showModal();
  });
}

function build() {
  showTheme();
  const nav = el("nav", { "aria-label": "Views" }, Object.values(tabs).map((tab) => tab.link));
  fill(document.body,
    el("a", { class: "skip", href: "#view", onclick: (event) => { event.preventDefault(); main.focus(); } }, "Skip to the content"),
    el("header", {}, el("a", { class: "brand", href: "#/overview" }, "zoogate"), nav, state,
      el("span", { class: "clock mono" }, ""), theme),
    savedMissing().length > 0 && el("section", { class: "missing", "aria-label": "What is missing" }, el("b", {}, "Not all of it is in this file:"),
      el("ul", {}, savedMissing().map((text) => el("li", {}, text)))),
    main);
  const time = document.querySelector(".clock");
  const tick = () => say(time, savedAt() === null ? clock(nowMillis()) + "Z" : "");
  tick();
  setInterval(tick, 1000);
}

onTokenNeeded(tokenDialog);
build();
window.addEventListener("hashchange", () => { if (location.hash !== shownHash) open(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { showTheme(); update(); });
window.addEventListener("resize", update);
tabs.tap.link.hidden = savedAt() !== null;
onChange(update);
open();
follow();
