/** The search view in Chromium: from a recorded trace, by keyboard, in every theme, under its content policy. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { FromSearchView } from "../../server/protocol/view.ts";
import { opening, recorded } from "./fixtures.ts";
import { seriousFindings } from "./findings.ts";
import { THEMES, type ThemeName } from "./themes.ts";
import { ViewBrowser, type OpenOptions, type ViewPage } from "./view-page.ts";

const trace = recorded("mcts");
const rejected = trace.nodes.find((node) => node.status === "rejected");
const chosenStep = trace.nodes.find((node) => node.id === trace.nodes[trace.chosen ?? 0]?.parent);

let browser: ViewBrowser;
let view: ViewPage;
beforeAll(async () => {
  browser = await ViewBrowser.start();
});
afterAll(() => browser.close());
afterEach(async () => {
  // Whatever a test did: no policy violation, no uncaught error, no request that failed.
  expect(view.troubles).toEqual([]);
  await view.close();
});

async function show(options: OpenOptions = {}, changes: Parameters<typeof opening>[1] = {}): Promise<void> {
  view = await browser.open("search", options);
  await view.send(opening(trace, changes));
  await view.page.locator('[role="treeitem"]').first().waitFor();
}

const text = (selector: string): Promise<string> => view.page.locator(selector).first().innerText();
const posts = async (kind: string) => (await view.posted()).filter((message) => message.kind === kind);

describe("from a stored trace", () => {
  it("shows the tree, the answer and the chosen path", async () => {
    await show();
    expect(await text("h1")).toBe("Not divisible");
    expect(await text(".fact.best")).toContain("266");
    expect(await view.page.locator(".node.chosen").count()).toBeGreaterThan(1);
    expect(await view.page.locator(".link.chosen").count()).toBeGreaterThan(0);
  });

  it("inspects a rejected step with what went wrong, and a chosen one with its code, output and siblings", async () => {
    await show();
    await view.send({ kind: "select", session: "s1", node: rejected?.id, focus: false });
    await view.page.locator(".inspector .rejection").waitFor();
    expect(await text(".inspector .rejection")).toContain(rejected?.rejection?.message);
    await view.send({ kind: "select", session: "s1", node: chosenStep?.id, focus: false });
    await view.page.locator(".inspector .chip.chosen").waitFor();
    expect(await text(".inspector pre.code")).toBe(chosenStep?.code.trimEnd());
    expect(await text(".inspector pre.output")).toContain(chosenStep?.output.trim());
    expect(await view.page.locator(".inspector").innerText()).toContain("Ran without error");
  });

  it("asks the extension for what a person wants of a step", async () => {
    await show();
    await view.send({ kind: "select", session: "s1", node: chosenStep?.id, focus: false });
    for (const name of ["Show in Document", "Pin", "Reject"])
      await view.page.getByRole("button", { name, exact: true }).click();
    await view.page.getByRole("button", { name: "Edit…" }).click();
    await view.page.locator('textarea[name="code"]').fill("print(266)");
    await view.page.getByRole("button", { name: "Search On From Here" }).click();
    const sent = await view.posted();
    expect(sent.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["reveal", "pin", "reject", "edit"]));
    expect(sent.find(({ kind }) => kind === "edit")).toMatchObject({
      node: chosenStep?.id,
      code: "print(266)",
    });
    for (const message of sent) expect(FromSearchView.safeParse(message).success).toBe(true);
  });

  it.each([
    ["budget", "Search On"],
    ["cancelled", "Resume"],
    ["failed", "Resume"],
  ] as const)("goes on with a search that ended by %s: %s", async (stop, name) => {
    await show();
    await view.send({ kind: "trace", session: "s1", trace: { ...trace, stop } });
    await view.page.getByRole("button", { name, exact: true }).click();
    expect(await posts("resume")).toEqual([{ kind: "resume", session: "s1", traceId: trace.id }]);
    await view.send({ kind: "trace", session: "s1", trace: { ...trace, stop: "settled" } });
    await view.page.getByRole("button", { name, exact: true }).waitFor({ state: "detached" });
  });

  it("offers nothing that starts work in an untrusted workspace", async () => {
    await show({}, { mayRun: false });
    await view.send({ kind: "select", session: "s1", node: chosenStep?.id, focus: false });
    await view.page.locator(".inspector pre.code").waitFor();
    for (const name of ["Pin", "Search On"])
      expect(await view.page.getByRole("button", { name }).count()).toBe(0);
    await view.page.getByRole("tab", { name: "Compare" }).click();
    expect(await view.page.locator(".strategies").count()).toBe(0);
  });

  it("keeps the keyboard's focus in the inspector when the button that has it goes away", async () => {
    await show();
    await view.send({ kind: "select", session: "s1", node: chosenStep?.id, focus: false });
    await view.page.getByRole("button", { name: "Pin", exact: true }).focus();
    await view.send({ kind: "select", session: "s1", node: 0, focus: false });
    await view.page.getByRole("button", { name: "Pin", exact: true }).waitFor({ state: "detached" });
    expect(await view.page.evaluate(() => document.activeElement?.className)).toBe("inspector");
  });

  it("accounts for time and tokens, and compares searches", async () => {
    await show();
    await view.send({ kind: "compare", session: "s1", traces: [trace, recorded("greedy")] });
    await view.page.getByRole("tab", { name: "Time and Tokens" }).click();
    expect(await text(".page")).toContain("Policy writes");
    await view.page.getByRole("tab", { name: "Compare" }).click();
    expect(await view.page.locator(".card").count()).toBe(2);
    await view.page.getByRole("button", { name: "Show the search by greedy" }).click();
    expect(await posts("open-trace")).toHaveLength(1);
  });

  it("says in words that the problem has changed", async () => {
    await show();
    await view.send({ kind: "stale", session: "s1", stale: true });
    await view.page.getByText("Stale:").waitFor();
  });
});

describe("the solution of a search that is not in the document", () => {
  const other = recorded("greedy");
  const inHeader = () =>
    view.page.locator("header").getByRole("button", { name: "Insert Solution", exact: true });
  const onCard = () => view.page.getByRole("button", { name: "Insert Solution of the search by greedy" });
  const focused = () => view.page.evaluate(() => document.activeElement?.id);

  async function compare(): Promise<void> {
    await show();
    await view.send({ kind: "compare", session: "s1", traces: [trace, other] });
    await view.page.getByRole("tab", { name: "Compare" }).click();
  }

  it("is put there from its card and from the header, by keyboard", async () => {
    await compare();
    await inHeader().press("Enter");
    await onCard().press("Enter");
    expect((await posts("insert")).map((message) => FromSearchView.parse(message))).toEqual([
      { kind: "insert", session: "s1", traceId: trace.id },
      { kind: "insert", session: "s1", traceId: other.id },
    ]);
  });

  it("says on its card that it is there once it is, and leaves the focus near", async () => {
    await compare();
    await onCard().focus();
    await view.send({ kind: "inserted", session: "s1", traceId: other.id });
    await onCard().waitFor({ state: "detached" });
    expect(await view.page.locator(".card", { hasText: "in the document" }).count()).toBe(1);
    expect(await focused()).toBe("page");
    await inHeader().focus();
    await view.send({ kind: "inserted", session: "s1", traceId: trace.id });
    await inHeader().waitFor({ state: "detached" });
    // Not on the button that starts a search, which is beside it.
    expect(await focused()).toBe("tab-compare");
    await onCard().waitFor();
  });

  it("is not offered where there is no document, or no answer", async () => {
    const open = opening(trace);
    await show({}, { subject: { ...open.subject, document: null } });
    expect(await inHeader().count()).toBe(0);
    await view.send(open);
    await inHeader().waitFor();
    await view.send({ kind: "trace", session: "s1", trace: { ...trace, chosen: null } });
    await inHeader().waitFor({ state: "detached" });
    await view.page.getByRole("tab", { name: "Compare" }).click();
    expect(await view.page.getByRole("button", { name: /^Insert Solution/u }).count()).toBe(0);
  });
});

describe("a running search", () => {
  it("draws candidates as they come, then the stored trace", async () => {
    view = await browser.open("search");
    await view.send(opening(null, { running: true }));
    const events = trace.nodes.slice(1).map((node) => ({ kind: "candidate", problemId: "p", node }));
    await view.send({ kind: "events", session: "s1", events: events.slice(0, 5), rate: null });
    await expect.poll(() => view.page.locator('[role="treeitem"]').count()).toBe(6);
    await view.page.getByRole("button", { name: "Stop" }).click();
    expect(await posts("cancel")).toHaveLength(1);
    await view.send({ kind: "running", session: "s1", state: "stopping" });
    await view.page.getByRole("button", { name: "Stopping…" }).waitFor();
    await view.send({ kind: "running", session: "s1", state: "idle" });
    await view.send({ kind: "trace", session: "s1", trace });
    await view.page.locator(".node.chosen").first().waitFor();
    await expect.poll(() => text('[role="log"]')).toContain("The search has ended");
  });

  it("can be stopped by pointer and keyboard while news of it streams", async () => {
    view = await browser.open("search");
    await view.send(opening(null, { running: true }));
    const node = trace.nodes[1];
    const stream = async (tokensPerSecond: number): Promise<void> => {
      const rate = { tokensPerSecond, secondsLeft: 9 };
      const progress = {
        ...{ generatedTokens: 5, budget: 300, candidates: 1, rejected: 0 },
        ...{ trajectories: 0, started: 1, planned: 1, best: null },
      };
      const events = [
        { kind: "candidate", problemId: "p", node },
        { kind: "progress", problemId: "p", progress },
      ];
      await view.send({ kind: "events", session: "s1", events, rate });
      await view.page.getByText(`${tokensPerSecond} tokens/s`).waitFor();
    };
    const stop = view.page.getByRole("button", { name: "Stop" });
    await stop.hover();
    await view.page.mouse.down();
    await stream(11);
    await view.page.mouse.up();
    expect(await posts("cancel")).toHaveLength(1);
    const density = view.page.locator(".segment.detailed");
    for (const button of [density, stop]) {
      await button.focus();
      await stream(button === stop ? 13 : 12);
      expect(await button.evaluate((element) => element === document.activeElement)).toBe(true);
    }
    // The second press, which forces it, is one of the same place.
    await view.send({ kind: "running", session: "s1", state: "stopping" });
    await view.page.getByRole("button", { name: "Stopping…" }).waitFor();
    await view.page.keyboard.press("Enter");
    expect(await posts("cancel")).toHaveLength(2);
  });

  it("takes no focus while the person is elsewhere in the editor", async () => {
    view = await browser.open("search");
    await view.send(opening(null, { running: true }));
    await view.page.getByRole("button", { name: "Stop" }).focus();
    await view.page.evaluate(() => {
      document.hasFocus = () => false;
    });
    await view.send({ kind: "running", session: "s1", state: "stopping" });
    await view.page.getByRole("button", { name: "Stopping…" }).waitFor();
    expect(await view.page.evaluate(() => document.activeElement === document.body)).toBe(true);
  });
});

describe("the form for a step", () => {
  // Its comment is the reason, which has a field of its own.
  const writtenCode = chosenStep?.code.replace(/^#.*\n/u, "");
  const code = () => view.page.locator('textarea[name="code"]');
  const choose = (node: number | undefined, focus: boolean) =>
    view.send({ kind: "select", session: "s1", node, focus });

  async function write(): Promise<void> {
    await show();
    await choose(chosenStep?.id, false);
    await view.page.getByRole("button", { name: "Edit…" }).click();
    await code().fill("print(266)");
  }

  it("sends the reason once where nothing was changed", async () => {
    expect(chosenStep?.code).toMatch(/^# Step 2: .+\nprint/u);
    await show();
    await choose(chosenStep?.id, false);
    await view.page.getByRole("button", { name: "Edit…" }).click();
    await view.page.getByRole("button", { name: "Search On From Here" }).click();
    expect(await posts("edit")).toMatchObject([{ reason: chosenStep?.reason, code: writtenCode }]);
  });

  it("has the comment in the code of a step that could not be read", async () => {
    const code = "# Step 2: Print.\nprint(";
    const nodes = trace.nodes.map((node) =>
      node.id === rejected?.id ? { ...node, reason: "", code, text: code } : node,
    );
    await show();
    await view.send({ kind: "trace", session: "s1", trace: { ...trace, nodes } });
    await choose(rejected?.id, false);
    await view.page.getByRole("button", { name: "Edit…" }).click();
    expect(await view.page.locator('textarea[name="code"]').inputValue()).toBe(code);
  });

  it("stays while the cursor moves in the text", async () => {
    await write();
    await choose(rejected?.id, false);
    await view.send({ kind: "trace", session: "s1", trace });
    await view.send({ kind: "notice", severity: "warning", text: "After it" });
    await view.page.getByText("After it").waitFor();
    expect(await code().inputValue()).toBe("print(266)");
  });

  it("has what was typed when the person comes back to the step", async () => {
    await write();
    await choose(rejected?.id, true);
    await view.page.locator(".inspector .rejection").waitFor();
    await choose(chosenStep?.id, true);
    await view.page.getByRole("button", { name: "Edit…" }).click();
    expect(await code().inputValue()).toBe("print(266)");
    await view.page.getByRole("button", { name: "Cancel" }).click();
    await view.page.getByRole("button", { name: "Edit…" }).click();
    expect(await code().inputValue()).toBe(writtenCode);
  });

  it("has it after Escape, and after the page was hidden or the window reloaded", async () => {
    await write();
    await code().press("Escape");
    await view.page.getByRole("button", { name: "Edit…" }).waitFor();
    const state = await view.state();
    await view.close();
    await show({ state });
    await choose(chosenStep?.id, true);
    await view.page.getByRole("button", { name: "Edit…" }).click();
    expect(await code().inputValue()).toBe("print(266)");
  });

  it("has it until a search has begun with it: it may be refused", async () => {
    await write();
    await view.page.getByRole("button", { name: "Search On From Here" }).click();
    await view.page.getByRole("button", { name: "Edit…" }).click();
    expect(await code().inputValue()).toBe("print(266)");
    await view.page.getByRole("button", { name: "Search On From Here" }).click();
    await view.send(opening(null, { running: true }));
    await view.page.getByRole("button", { name: "Stop" }).waitFor();
    await view.send(opening(trace));
    await choose(chosenStep?.id, true);
    await view.page.getByRole("button", { name: "Edit…" }).click();
    expect(await code().inputValue()).toBe(writtenCode);
  });
});

describe("keyboard", () => {
  it("moves through the tree, opens, closes, inspects and comes back", async () => {
    await show();
    const focused = () => view.page.evaluate(() => (document.activeElement as HTMLElement).dataset["id"]);
    await view.page.locator('[role="treeitem"][tabindex="0"]').focus();
    expect(await focused()).toBe("0");
    await view.page.keyboard.press("ArrowRight");
    const first = await focused();
    expect(first).not.toBe("0");
    await view.page.keyboard.press("-");
    expect(await view.page.locator(`[data-id="${first}"]`).getAttribute("aria-expanded")).toBe("false");
    await view.page.keyboard.press("ArrowRight");
    expect(await view.page.locator(`[data-id="${first}"]`).getAttribute("aria-expanded")).toBe("true");
    await view.page.keyboard.press("Enter");
    expect(await view.page.evaluate(() => document.activeElement?.className)).toBe("inspector");
    await view.page.keyboard.press("Escape");
    expect(await focused()).toBe(first);
  });

  it("has exactly one node in the order of Tab", async () => {
    await show();
    expect(await view.page.locator('[role="treeitem"][tabindex="0"]').count()).toBe(1);
  });

  it("has the view stay where it is, also after a reload, or follow the cursor again", async () => {
    const follow = () => view.page.getByRole("button", { name: "Follow the Cursor" });
    const isFollowing = () => follow().getAttribute("aria-pressed");
    await show();
    expect(await isFollowing()).toBe("true");
    await view.page.getByRole("tab", { name: "Tree" }).focus();
    await view.page.keyboard.press("Tab");
    await view.page.keyboard.press("Enter");
    expect(await isFollowing()).toBe("false");
    const state = await view.state();
    expect(await posts("follow")).toEqual([{ kind: "follow", isFollowing: false }]);
    await view.close();
    await show({ state });
    expect(await isFollowing()).toBe("false");
    await follow().press(" ");
    expect(await isFollowing()).toBe("true");
    expect((await posts("follow")).map((message) => FromSearchView.parse(message))).toEqual([
      { kind: "follow", isFollowing: true },
    ]);
  });

  it("changes pages with the arrow keys", async () => {
    await show();
    await view.page.getByRole("tab", { name: "Tree" }).focus();
    await view.page.keyboard.press("ArrowRight");
    expect(await view.page.getByRole("tab", { name: "Outline" }).getAttribute("aria-selected")).toBe("true");
  });
});

describe.each(Object.keys(THEMES) as ThemeName[])("in the %s theme", (theme) => {
  it.each(["tree", "outline", "cost", "compare"] as const)(
    "axe-core finds nothing serious on page %s",
    async (page) => {
      await show({ theme });
      await view.send({ kind: "compare", session: "s1", traces: [trace, recorded("greedy")] });
      await view.send({ kind: "select", session: "s1", node: rejected?.id, focus: false });
      await view.page.locator(`#tab-${page}`).click();
      expect(await seriousFindings(view.page)).toEqual([]);
    },
  );
});

it("keeps the chosen path visible under forced colours", async () => {
  await show({ forcedColors: true });
  const width = await view.page
    .locator(".node.chosen")
    .first()
    .evaluate((element) => getComputedStyle(element).borderTopWidth);
  expect(width).toBe("2px");
});

describe("bad messages", () => {
  it("are refused and change nothing", async () => {
    await show();
    const before = await view.page.locator('[role="treeitem"]').count();
    for (const message of [
      null,
      7,
      { kind: "open" },
      { kind: "trace", session: "s1", trace: { nodes: [] } },
      { kind: "events", session: "s1", events: [{}] },
    ])
      await view.send(message);
    await view.send({ kind: "notice", severity: "warning", text: "Still here" });
    await view.page.getByText("Still here").waitFor();
    expect(await view.page.locator('[role="treeitem"]').count()).toBe(before);
  });

  it("show HTML that a model wrote as text", async () => {
    await show();
    const nodes = trace.nodes.map((node) =>
      node.kind === "step" ? { ...node, reason: "<img src=x onerror=alert(1)>" } : node,
    );
    await view.send({ kind: "trace", session: "s1", trace: { ...trace, nodes } });
    await view.page.getByText("<img src=x").first().waitFor();
    expect(await view.page.locator("#view img").count()).toBe(0);
  });
});

describe("after a reload", () => {
  it("comes back as it was left", async () => {
    await show();
    await view.send({ kind: "select", session: "s1", node: chosenStep?.id, focus: false });
    await view.page.locator(".segment.detailed").click();
    await view.page.locator(".inspector pre.code").waitFor();
    const state = await view.state();
    await view.close();
    await show({ state });
    expect(await view.page.locator('[aria-selected="true"][role="treeitem"]').getAttribute("data-id")).toBe(
      String(chosenStep?.id),
    );
    expect(await view.page.locator(".segment.detailed").getAttribute("aria-pressed")).toBe("true");
  });

  it("ignores a state that is not its own", async () => {
    await show({ state: { version: 99, rubbish: true } });
    expect(await view.page.locator('[role="treeitem"]').count()).toBeGreaterThan(5);
  });
});

it("keeps the page small with 10,000 nodes", async () => {
  const steps = trace.nodes.filter((node) => node.kind === "step" && node.status === "ok");
  const nodes = [...trace.nodes];
  for (let id = nodes.length; id < 10_000; id++) {
    const like = steps[id % steps.length];
    if (like === undefined) throw new Error("the fixture has no step");
    // Three children each, below the steps that are there and then below each other.
    nodes.push({ ...like, id, parent: id < 200 ? 0 : Math.floor(id / 3) });
  }
  await show();
  await view.send({ kind: "trace", session: "s1", trace: { ...trace, nodes } });
  await expect.poll(() => text(".standing")).toContain("9,999");
  const elements = () => view.page.evaluate(() => document.querySelectorAll("*").length);
  expect(await elements()).toBeLessThan(3000);
  await view.page.locator(".scroller").evaluate((element) => element.scrollTo(400, element.scrollHeight / 2));
  await expect.poll(() => view.page.locator('[role="treeitem"]').count()).toBeGreaterThan(5);
  expect(await elements()).toBeLessThan(3000);
  await view.page.locator("#tab-outline").click();
  expect(await elements()).toBeLessThan(3000);
});
