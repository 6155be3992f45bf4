/** The extension's pages as the tests find and judge them: frames deep inside the editor's own. */
import axe from "axe-core";
import type { Frame, Page } from "playwright-core";
import { eventually } from "./probe.ts";

/** Waits for the frame in which a selector finds at least so many elements. */
export async function frameWith(page: Page, selector: string, atLeast = 1): Promise<Frame> {
  return await eventually(`a page with ${selector}`, async () => {
    for (const frame of page.frames()) {
      // Frames come and go while they are looked through.
      const count = await frame
        .locator(selector)
        .count()
        .catch(() => 0);
      if (count >= atLeast) return frame;
    }
    return null;
  });
}

/** What axe-core finds serious or worse in a page: rule and elements. */
export async function seriousFaults(frame: Frame): Promise<string[]> {
  await frame.evaluate(axe.source);
  return await frame.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run();
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" ")}`);
  });
}
