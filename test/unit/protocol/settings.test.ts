import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { DEFAULT_SETTINGS, readSettings } from "../../../server/protocol/settings.ts";
import { REQUESTS } from "../../../server/protocol/requests.ts";
import { DEFAULT_PROBLEM_OPTIONS } from "../../../server/document/problems.ts";

describe("settings", () => {
  it("are the defaults for somebody who changed none", () => {
    for (const value of [undefined, null, {}, [], "x", { search: {} }])
      expect(readSettings(value)).toEqual({ settings: DEFAULT_SETTINGS, problems: [] });
  });

  it("find problems as the documents' own defaults do", () => {
    expect(DEFAULT_SETTINGS.document).toEqual(DEFAULT_PROBLEM_OPTIONS);
  });

  it("keep the good ones beside a bad one, and tell which is bad", () => {
    const { settings, problems } = readSettings({
      search: { profile: "fast", candidates: 0 },
      display: "nonsense",
      document: { headings: ["Aufgabe", ""] },
    });
    expect(settings).toEqual({
      ...DEFAULT_SETTINGS,
      search: { ...DEFAULT_SETTINGS.search, profile: "fast" },
    });
    expect(problems.map((line) => /rstarMath[\w.]*/u.exec(line)?.[0])).toEqual([
      "rstarMath.search.candidates",
      "rstarMath.display",
      "rstarMath.document.headings",
    ]);
  });
});

describe("paths in settings", () => {
  const read = (dataFolder: string, pythonPath: string) =>
    readSettings({ model: { dataFolder }, training: { pythonPath } });

  it("begin at the person's home folder where they are written with ~", () => {
    const { settings, problems } = read("~/data", "~/venv/bin/python");
    expect(settings.model.dataFolder).toBe(path.join(os.homedir(), "data"));
    expect(settings.training.pythonPath).toBe(path.join(os.homedir(), "venv/bin/python"));
    expect(problems).toEqual([]);
    expect(read("~", "").settings.model.dataFolder).toBe(path.join(os.homedir(), "."));
  });

  it("may be a name on the path for a program, and nothing relative for a folder, which is told by its name", () => {
    const { settings, problems } = read("data/models", "python3.12");
    expect(settings.training.pythonPath).toBe("python3.12");
    expect(settings.model.dataFolder).toBe("");
    expect(problems).toEqual([
      "The setting rstarMath.model.dataFolder is not usable (a whole path is needed, or one that begins with ~/); its default is used.",
    ]);
    for (const whole of ["", "/data", path.resolve("data")]) expect(read(whole, "").problems).toEqual([]);
  });

  it("may not be relative for a program either", () => {
    for (const relative of ["venv/bin/python", "./python", ".venv\\Scripts\\python.exe"]) {
      const { settings, problems } = read("", relative);
      expect(settings.training.pythonPath).toBe("");
      expect(problems).toEqual([expect.stringMatching(/training\.pythonPath is not usable .*a whole path/u)]);
    }
    expect(read("", path.resolve("venv/bin/python")).problems).toEqual([]);
  });
});

describe("requests", () => {
  it("have methods of their own", () => {
    const methods = Object.values(REQUESTS).map(({ method }) => method);
    expect(new Set(methods).size).toBe(methods.length);
  });

  it("are refused when a field has the wrong shape", () => {
    const place = { uri: "file:///a.md", problem: { kind: "hash", hash: "ab" } };
    expect(REQUESTS.solve.params.safeParse(place).success).toBe(true);
    expect(REQUESTS.solve.params.safeParse({ ...place, problem: { kind: "hash" } }).success).toBe(false);
    expect(
      REQUESTS.continue.params.safeParse({
        traceId: "t",
        choice: { kind: "edit", at: { kind: "node", node: 1 }, text: "" },
      }).success,
    ).toBe(false);
  });
});
