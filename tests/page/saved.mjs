// A report as one file: the same page, without any network.
import { accessible, check, fits, openPage, pictures, run, same, sound, table, until } from "./chromium.mjs";
import fs from "node:fs";

const [, , , file, session] = process.argv;

run(async (browser) => {
  const text = fs.readFileSync(file, "utf8");
  const { answers: saved, missing } = JSON.parse(/id="saved">([^<]*)</.exec(text)[1]);
  const page = await openPage(browser, "wide", "light");
  await page.context().setOffline(true);
  page.on("request", (request) => { if (!request.url().startsWith("file:") && !request.url().startsWith("data:")) page.problems.push(request.url()); });
  await page.goto("file://" + file);
  await until("the saved servers", async () => {
    same((await table(page, "Servers")).map((row) => row[0]), saved["/api/servers"].servers.map((one) => one.server), "servers");
  });
  check((await page.textContent(".link-state")).startsWith("saved 20"), "it does not say when it was saved");
  for (const [hash, caption, rows, place] of [
    ["#/incidents", "Incidents, newest first", saved["/api/incidents"].incidents.map((one) => String(one.id)), 0],
    ["#/sessions", "Sessions, newest activity first", saved["/api/sessions"].sessions.map((one) => one.session), 0],
    ["#/timeline", "Moves, refusals and changes of the ensemble in the time that is shown",
      saved["/api/moves"].moves.map((one) => one.identity ?? one.client), 2],
  ]) {
    await page.evaluate((to) => { location.hash = to; }, hash);
    await until(hash, async () => {
      const shown = (await table(page, caption)).filter((row) => hash !== "#/timeline" || row[1] === "move").map((row) => row[place]);
      same(shown.sort(), rows.sort(), hash);
    });
    await accessible(page, hash + " in a file");
  }
  await page.screenshot({ path: pictures + "/saved-timeline.png" });
  await page.evaluate((to) => { location.hash = to; }, "#/session/" + session);
  await until("a session of the file", async () => check((await table(page, "What happened to this session")).length > 2, "nothing"));
  await page.evaluate(() => { location.hash = "#/latency"; });
  await until("a chart in a file", async () => check((await page.locator(".uplot canvas").count()) > 0, "no chart"));
  await fits(page, "a file");
  check((await page.locator("nav a:visible").allTextContents()).every((one) => one !== "Live tap"), "a file has no live tap");
  check((await page.locator(".missing").count()) === (missing.length > 0 ? 1 : 0), "what is missing: " + missing);
  sound(page, "a file");
  await partly(browser, text.replace(/"missing":\[[^\]]*\]/, '"missing":["/api/moves has more than was read","<b>the rest</b>"]'));
});

/** A file of which zoogate could not read all says so in its head. */
async function partly(browser, text) {
  const other = file.replace(".html", "-partly.html");
  fs.writeFileSync(other, text);
  const page = await openPage(browser, "phone", "dark");
  await page.goto("file://" + other);
  await until("what is missing", async () => {
    const told = await page.locator(".missing li").allTextContents();
    same(told, ["/api/moves has more than was read", "<b>the rest</b>"], "missing");
  });
  await accessible(page, "a file that is not whole");
  await fits(page, "a file that is not whole");
  sound(page, "a file that is not whole");
  await page.context().close();
}
