/** The words of what cannot be done with models: in an editor they name what an editor has. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { describeRefusal, type AdapterRefusal } from "../../../server/models/adapters.ts";
import {
  describeAddFailure,
  describeFailure,
  describeRemoveFailure,
  type AddFailure,
  type ModelFailure,
  type RemoveFailure,
} from "../../../server/models/outcomes.ts";
import { namesOn, speakToEditor, surface, type Surface } from "../../../server/protocol/surface.ts";

type Each<Failure extends { readonly kind: string }> = {
  readonly [Kind in Failure["kind"]]: Extract<Failure, { readonly kind: Kind }>;
};

const [id, file, detail, code] = ["m", "/data/m.gguf", "why", "EACCES"];
const [expected, found] = ["a".repeat(64), "b".repeat(64)];

const MODEL: Each<ModelFailure> = {
  "unknown-model": { kind: "unknown-model", id, known: ["tiny"] },
  "not-installed": { kind: "not-installed", id, file, bytes: 1 },
  "unwritable-home": { kind: "unwritable-home", folder: "/data", code },
  "no-space": { kind: "no-space", folder: "/data", needed: 2, available: 1 },
  "disk-full": { kind: "disk-full", folder: "/data", kept: 1 },
  "all-sources-failed": {
    ...{ kind: "all-sources-failed", file, address: "https://example.org/m.gguf" },
    attempts: [{ source: "wheels", reason: "unreachable", detail }],
  },
  "wrong-hash": { kind: "wrong-hash", path: file, expected, found },
  "bad-adapter": { kind: "bad-adapter", id, path: file, isGone: true },
  "missing-file": { kind: "missing-file", id, path: file },
  "lock-lost": { kind: "lock-lost", file },
  "bad-models-file": { kind: "bad-models-file", path: file, detail },
  "bad-lineage": { kind: "bad-lineage", path: file, detail },
  "wrong-base": { kind: "wrong-base", id, base: "tiny", expected, found },
};
const ADD: Each<Exclude<AddFailure, ModelFailure>> = {
  unreadable: { kind: "unreadable", path: file, code },
  unusable: { kind: "unusable", path: file, problem: "not-gguf", detail },
  "bad-id": { kind: "bad-id", id: "" },
  "id-taken": { kind: "id-taken", id },
  "ppm-fields": { kind: "ppm-fields" },
};
const REMOVE: Each<Exclude<RemoveFailure, ModelFailure>> = {
  "in-use": { kind: "in-use", id, path: file },
  "nothing-there": { kind: "nothing-there", id },
};
const REFUSED: Each<AdapterRefusal> = {
  "unknown-adapter": { kind: "unknown-adapter", id, known: [] },
  "adapter-in-use": { kind: "adapter-in-use", id },
  "nothing-to-roll-back": { kind: "nothing-to-roll-back" },
  "changed-file": { kind: "changed-file", path: file },
};

const messagesOn = (where: Surface): string[] => [
  ...Object.values(MODEL).map((failure) => describeFailure(failure, where)),
  ...Object.values(ADD).map((failure) => describeAddFailure(failure, where)),
  ...Object.values(REMOVE).map((failure) => describeRemoveFailure(failure, where)),
  ...Object.values(REFUSED).map((failure) => describeRefusal(failure, where)),
];

test("no message for the editor names a command line, its options or its variables; those for a terminal do", () => {
  const ofTerminal = /rstar |RSTAR_|--id/u;
  for (const message of messagesOn("editor")) expect(message).not.toMatch(ofTerminal);
  for (const name of Object.values(namesOn("editor"))) expect(name).not.toMatch(ofTerminal);
  expect(messagesOn("terminal").filter((message) => ofTerminal.test(message)).length).toBeGreaterThan(8);
  expect(messagesOn("terminal").join("\n")).not.toMatch(/…|the setting/u);
});

test("what the editor's messages name is there: commands by their titles, and settings", () => {
  const read = (name: string): string =>
    readFileSync(path.resolve(import.meta.dirname, "../../..", name), "utf8");
  const texts = JSON.parse(read("package.nls.json")) as Record<string, string>;
  const titles = Object.entries(texts).flatMap(([key, text]) => (key.startsWith("command.") ? [text] : []));
  const manifest = read("package.json");
  for (const [what, name] of Object.entries(namesOn("editor"))) {
    // The second is a setting of the editor itself.
    if (what === "otherName" || what === "proxy") continue;
    const setting = /^the setting (\S+)$/u.exec(name)?.[1];
    if (setting === undefined) for (const title of name.split(", then ")) expect(titles).toContain(title);
    else expect(manifest).toContain(`"${setting}": {`);
  }
});

test("a process speaks to a terminal until it is told to speak to an editor, and so do those that it starts", () => {
  const environment: NodeJS.ProcessEnv = {};
  expect(surface(environment)).toBe("terminal");
  speakToEditor(environment);
  expect(surface({ ...environment })).toBe("editor");
});
