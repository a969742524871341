// The page is open while the leader is killed: it shows that by itself.
import { accessible, api, base, check, fits, hear, openPage, pictures, run, same, sound, table, until } from "./chromium.mjs";

run(async (browser) => {
  const page = await openPage(browser, "wide", "light");
  await page.goto(base + "/");
  await until("three servers that serve", async () => {
    const rows = await table(page, "Servers");
    same(rows.map((row) => row[2]), ["serving", "serving", "serving"], "states");
  });
  const before = (await api("/api/ensemble")).leader;
  check(before, "nobody leads");
  await until("the leader on the page", async () =>
    same((await table(page, "Servers")).filter((row) => row[1] === "leader").map((row) => row[0]), [before], "who leads"));
  const other = await openPage(browser, "phone", "dark");
  await other.goto(base + "/#/timeline");
  await until("the refusal on the second page", async () => {
    const rows = await table(other, "Moves, refusals and changes of the ensemble in the time that is shown");
    check(rows.some((row) => row[1] === "refused" && row[2] === "broker-42"), JSON.stringify(rows));
  });
  const tap = await openPage(browser, "wide", "dark");
  await tap.goto(base + "/#/tap?filter=" + encodeURIComponent("class=write path~/topics"));
  await until("the tap to listen", async () => check((await tap.textContent("#tap-says")).includes("listening"), "it does not"));
  console.log("watching");
  await hear("killed");
  await until("the writes on the tap", async () => {
    const rows = await table(tap, "What happens, newest first");
    check(rows.length >= 9 && rows.every((row) => row[4] === "setData" && row[5] === "/topics"), JSON.stringify(rows));
  });
  await tap.screenshot({ path: pictures + "/live-tap.png" });
  await accessible(tap, "the tap");
  await tap.fill("#filter", "latency>>");
  await tap.click("text=Show");
  await until("a wrong filter to be told", async () => check(await tap.locator("#filter[aria-invalid]").count(), "it is not"));
  tap.problems = tap.problems.filter((one) => !one.includes("status of 400"));
  sound(tap, "the tap");
  await tap.context().close();

  await until("the killed server and the new leader on the page", async () => {
    const now = await api("/api/ensemble");
    check(now.leader && now.leader !== before, "nobody new leads yet");
    const rows = await table(page, "Servers");
    same(rows.filter((row) => row[1] === "leader" && row[2] === "serving").map((row) => row[0]), [now.leader], "who leads");
    check(rows.find((row) => row[0] === before)[2] !== "serving", before + " is shown as serving");
  });
  check((await page.textContent(".verdict")).includes("Something is wrong"), "the page does not say that something is wrong");
  check((await page.textContent(".problems")).includes(before), "the page does not name the server that is down");
  await until("the moves on the second page", async () => {
    const moves = (await api("/api/moves")).moves;
    const rows = await table(other, "Moves, refusals and changes of the ensemble in the time that is shown");
    const shown = rows.filter((row) => row[1] === "move").map((row) => row.slice(2, 5));
    same(shown.sort(), moves.map((one) => [one.identity ?? one.client, one.from, one.to]).sort(), "moves");
  });
  check((await page.textContent(".link-state")) === "live", "the page does not follow a stream");
  await page.screenshot({ path: pictures + "/live-overview.png" });
  await fits(page, "the overview");
  sound(page, "the overview");
  sound(other, "the timeline");
  console.log("seen");
});
