// Where a token is wanted, the page asks for it once and sends it with every question.
import { base, check, openPage, table, until } from "./chromium.mjs";

const TOKEN = "a-token-of-32-letters-for-the-test";

export async function tokened(browser) {
  const page = await openPage(browser, "wide", "dark");
  let refused = 0;
  await page.route(/\/(api\/|metrics)/, async (route) => {
    const sent = await route.request().headerValue("authorization");
    if (sent === "Bearer " + TOKEN) return route.continue();
    refused += 1;
    return route.fulfill({ status: 401, headers: { "WWW-Authenticate": "Bearer" }, json: { error: "a token is needed", reason: "none was sent" } });
  });
  page.expected = (text) => text.includes("401");
  await page.goto(base + "/");
  await page.fill("#token", "a-wrong-one");
  await page.click("dialog button");
  await until("a wrong token to be told", async () => check((await page.textContent("dialog")).includes("not accepted"), "it is not"));
  await page.fill("#token", TOKEN);
  await page.click("dialog button");
  await until("the servers", async () => check((await table(page, "Servers")).length === 3, "they are not shown"));
  check((await page.locator("dialog").count()) === 0, "the dialog is there still");
  const before = refused;
  await page.reload();
  await until("the servers without being asked again", async () => check((await table(page, "Servers")).length === 3, "they are not shown"));
  check(refused === before, "a question came without the token");
  check(!page.url().includes(TOKEN), "the token is in the address");
  const stored = await page.evaluate(() => JSON.stringify(localStorage));
  check(!stored.includes(TOKEN), "the token outlives the tab");
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await page.context().close();
}
