/** The extension's manifest: names and rules of VS Code, and agreement with the code that it describes. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, vi } from "vitest";
import { COMMANDS } from "../../../server/protocol/commands.ts";
import { REQUESTS } from "../../../server/protocol/requests.ts";
import { BUNDLE, collectTexts } from "../../../scripts/l10n.mjs";
import { DEFAULT_SETTINGS } from "../../../server/protocol/settings.ts";

vi.mock("vscode", () => import("./fake-vscode.ts"));
const { SCHEMES } = await import("../../../src/server.ts");

const root = fileURLToPath(new URL("../../..", import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), "utf8");

interface Setting {
  readonly default: unknown;
  readonly markdownDescription?: string;
  readonly enum?: readonly string[];
  readonly enumItemLabels?: readonly string[];
}
interface Command {
  readonly command: string;
  readonly title: string;
  readonly category: string;
}
interface MenuItem {
  readonly command: string;
  readonly when?: string;
}
interface Tool {
  readonly name: string;
  readonly inputSchema: { readonly properties: Record<string, object>; readonly required: readonly string[] };
}
interface Manifest {
  readonly main: string;
  readonly icon: string;
  readonly engines: { readonly vscode: string };
  readonly activationEvents: readonly string[];
  readonly extensionKind: readonly string[];
  readonly capabilities: {
    readonly untrustedWorkspaces: {
      readonly supported: string;
      readonly restrictedConfigurations: readonly string[];
    };
  };
  readonly devDependencies: Record<string, string>;
  readonly contributes: {
    readonly commands: readonly Command[];
    readonly menus: Record<string, readonly MenuItem[]>;
    readonly keybindings: readonly MenuItem[];
    readonly configuration: readonly { readonly properties: Record<string, Setting> }[];
    readonly walkthroughs: readonly {
      readonly steps: readonly {
        readonly media: { readonly markdown: string };
        readonly completionEvents: readonly string[];
      }[];
    }[];
    readonly languageModelTools: readonly Tool[];
  };
}

const manifest = JSON.parse(read("package.json")) as Manifest;
const texts = JSON.parse(read("package.nls.json")) as Record<string, string>;
const { contributes } = manifest;
const settings = Object.assign(
  {},
  ...contributes.configuration.map(({ properties }) => properties),
) as Record<string, Setting>;
const commands = new Set(contributes.commands.map(({ command }) => command));

/** Settings that only the extension reads; the server has no use for them. */
const CLIENT_ONLY = ["rstarMath.display.gutterMarks", "rstarMath.server.nodePath"];

describe("settings", () => {
  const known = Object.entries(DEFAULT_SETTINGS).flatMap(([group, values]) =>
    Object.entries(values).map(([name, value]): [string, unknown] => [`rstarMath.${group}.${name}`, value]),
  );

  it("are those of the protocol, with its defaults", () => {
    const declared = Object.keys(settings).filter((name) => !CLIENT_ONLY.includes(name));
    expect(declared.sort()).toEqual(known.map(([name]) => name).sort());
    expect(Object.fromEntries(known.map(([name]) => [name, settings[name]?.default]))).toEqual(
      Object.fromEntries(known),
    );
  });

  it("those of the extension alone are read by it", () => {
    const sources = readdirSync(join(root, "src")).map((file) => read(`src/${file}`));
    const unread = CLIENT_ONLY.filter((name) => {
      const [, group = "", key = ""] = name.split(".");
      return !sources.some((text) => text.includes(`"rstarMath.${group}"`) && text.includes(`"${key}"`));
    });
    expect(unread).toEqual([]);
  });

  it("have a description, and a label for each choice", () => {
    for (const [name, setting] of Object.entries(settings)) {
      expect(setting.markdownDescription, name).toMatch(/^%.+%$/u);
      expect(setting.enumItemLabels?.length, name).toBe(setting.enum?.length);
    }
  });

  it("that choose programs or files do not come from an untrusted folder", () => {
    const risky = Object.keys(settings).filter((name) =>
      /path|folder|model\.(?:policy|ppm)$|endpoint\.(?:url|model)$/iu.test(name),
    );
    expect([...manifest.capabilities.untrustedWorkspaces.restrictedConfigurations].sort()).toEqual(
      risky.sort(),
    );
  });
});

describe("commands", () => {
  it("include those of the protocol", () => {
    expect(Object.values(COMMANDS).filter((name) => !commands.has(name))).toEqual([]);
  });

  it("are titled as VS Code asks: verbs in title case, no product name, one category", () => {
    for (const { command, title, category } of contributes.commands) {
      expect(category).toBe("rStar Math");
      const text = texts[title.slice(1, -1)] ?? "";
      expect(text, command).toMatch(/^[A-Z]/u);
      expect(text, command).not.toMatch(/rstar|\.$/iu);
    }
  });

  it("of the text's menu and of keys are offered where the server looks", () => {
    const isLookedAt = `resourceScheme =~ /^(${SCHEMES.join("|")})$/`;
    for (const { command, when = "" } of contributes.menus["explorer/context"] ?? [])
      expect(when, command).toBe(`resourceLangId == markdown && ${isLookedAt}`);
    const offered = [...(contributes.menus["editor/context"] ?? []), ...contributes.keybindings];
    for (const { command, when = "" } of offered) {
      expect(when, command).toContain(isLookedAt);
      // These have the scheme of the notebook, and of the right side of a comparison.
      expect(when, command).toContain("!notebookEditorFocused && !isInDiffLeftEditor");
    }
  });

  it("of menus, keys, links and walkthrough exist", () => {
    const linked = Object.values(texts).flatMap((text) =>
      [...text.matchAll(/\(command:([\w.]+)\)/gu)].map(([, name = ""]) => name),
    );
    const completed = contributes.walkthroughs.flatMap(({ steps }) =>
      steps.flatMap(({ completionEvents }) =>
        completionEvents.filter((event) => event.startsWith("onCommand:")).map((event) => event.slice(10)),
      ),
    );
    const used = [
      ...Object.values(contributes.menus).flatMap((items) => items.map(({ command }) => command)),
      ...contributes.keybindings.map(({ command }) => command),
      ...linked,
      ...completed,
    ];
    expect(used.filter((name) => !commands.has(name))).toEqual([]);
  });
});

describe("links to settings", () => {
  const linked = Object.entries(texts).flatMap(([key, text]) =>
    [...text.matchAll(/\(command:workbench\.action\.openSettings\?([^)]*)\)/gu)].map(([, query = ""]) => ({
      key,
      name: (JSON.parse(decodeURIComponent(query)) as readonly string[]).join(),
    })),
  );

  it("name some that there are", () => {
    for (const { key, name } of linked)
      expect(Object.keys(settings).filter((each) => each.startsWith(`${name}.`)).length, key).toBeGreaterThan(
        0,
      );
  });

  it("stand where a person is told what a problem is", () => {
    expect(linked.map(({ key }) => key)).toEqual(["walkthrough.solve.description", "view.problems.welcome"]);
  });
});

describe("the manifest", () => {
  it("names texts that there are, and all of them", () => {
    const named = new Set([...read("package.json").matchAll(/"%([\w.-]+)%"/gu)].map(([, key = ""]) => key));
    expect([...named].sort()).toEqual(Object.keys(texts).sort());
  });

  it("has every text of the code in the bundle that translations start from", () => {
    // `npm run l10n` writes it anew.
    expect(read(BUNDLE)).toBe(collectTexts());
  });

  it("runs beside the files, on the oldest host that the types are of", () => {
    expect(manifest.extensionKind).toEqual(["workspace"]);
    expect(manifest.engines.vscode).toBe(`^${manifest.devDependencies["@types/vscode"] ?? ""}`);
  });

  it("adds no activation event that VS Code implies", () => {
    expect(manifest.activationEvents).toEqual([
      "onLanguage:markdown",
      "onWebviewPanel:rstarMath.search",
      "onWebviewPanel:rstarMath.dashboard",
    ]);
  });

  it("names files that there are", () => {
    const files = [
      manifest.icon,
      ...contributes.walkthroughs.flatMap(({ steps }) => steps.map(({ media }) => media.markdown)),
    ];
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  it("describes the tools' input as the requests parse it", () => {
    const parsers = {
      solve_math_problem: REQUESTS.solveText.params,
      verify_math_step: REQUESTS.verifyStep.params,
    };
    expect(contributes.languageModelTools.map(({ name }) => name).sort()).toEqual(
      Object.keys(parsers).sort(),
    );
    for (const { name, inputSchema } of contributes.languageModelTools) {
      const { properties, required } = inputSchema;
      const parser = parsers[name as keyof typeof parsers];
      expect(Object.keys(properties).sort()).toEqual(Object.keys(parser.shape).sort());
      const sample = Object.fromEntries(required.map((key) => [key, "1 + 1"]));
      expect(parser.safeParse(sample).success).toBe(true);
      expect(parser.safeParse({}).success).toBe(false);
    }
  });
});
