/** Choosing, fetching and removing models, and GPU support, in an editor of which only lists and messages are there. */
import { beforeEach, expect, test, vi } from "vitest";
import type {
  EditorModel,
  EditorModels,
  ModelOutcome,
  TrainingSpace,
} from "../../../server/protocol/models.ts";
import { gpuSupport } from "../../../src/gpu-support.ts";
import { addModel, downloadModel, removeModel, selectModel } from "../../../src/models.ts";
import type { Parts } from "../../../src/parts.ts";
import { person, shown } from "./fake-vscode.ts";
import * as vscode from "./fake-vscode.ts";

vi.mock("vscode", () => import("./fake-vscode.ts"));

interface Item {
  readonly label: string;
  readonly description?: string;
  readonly model?: EditorModel;
}

const modelOf = (id: string, changes: Partial<EditorModel> = {}): EditorModel => ({
  ...{ id, role: "policy", name: id, description: "", origin: "manifest", isDefault: false, license: null },
  ...{ parameters: 1, installed: true, bytes: 5e6, bytesToDownload: 0, removableBytes: null },
  estimate: { memoryBytes: 1e9, fits: true, tokensPerSecond: null, basis: "" },
  ...changes,
});
const tight = (id: string): EditorModel =>
  modelOf(id, { estimate: { ...modelOf(id).estimate, fits: false } });

/** What the server has and answers, what it was asked, and what was shown and pressed. */
let listed: EditorModels;
let outcomes: ModelOutcome[] = [];
let gpus: { readonly isInPackage: boolean; readonly kinds: readonly object[] };
let space: TrainingSpace = { bytes: 0, isWhole: true };
const sent: unknown[] = [];
let offered: readonly Item[] = [];
let pick: (item: Item) => boolean = () => false;
let buttons: readonly string[] = [];
let presses: (string | undefined)[] = [];
let typed: (string | undefined)[] = [];
let question = "";
const chosen: Record<string, unknown> = {};
/** What a file that was added changes in the list. */
let whenAdded: () => void = () => undefined;

const parts = {
  server: {
    on: () => ({ dispose: () => undefined }),
    ask: (name: string, params: unknown): Promise<unknown> => {
      if (name === "models") return Promise.resolve(listed);
      if (name === "gpuSupport") return Promise.resolve(gpus);
      if (name === "trainingSpace") return Promise.resolve(space);
      sent.push([name, params]);
      if (name === "addModel") whenAdded();
      return Promise.resolve(outcomes.shift() ?? null);
    },
  },
} as unknown as Parts;

const policies = (models: readonly EditorModel[], policy = ""): EditorModels => ({
  ...{ models: [...models], problem: null, policy, ppm: null, unnamed: { policy, ppm: null } },
});

beforeEach(() => {
  shown.length = sent.length = 0;
  [outcomes, offered, buttons, presses, typed] = [[], [], [], [], []];
  pick = () => false;
  whenAdded = () => undefined;
  for (const name of Object.keys(chosen)) Reflect.deleteProperty(chosen, name);
  person.picks = (items) => {
    offered = items as readonly Item[];
    return offered.find((item) => pick(item));
  };
  Object.assign(vscode.window, {
    withProgress: (_: unknown, work: (progress: object, token: object) => unknown) => work({}, {}),
    showOpenDialog: () => Promise.resolve([vscode.Uri.parse("file:///models/数学.gguf")]),
    showInputBox: () => Promise.resolve(typed.shift()),
    showErrorMessage: (text: string, ...ways: readonly string[]) => {
      shown.push({ kind: "error", text, answer: () => undefined });
      buttons = ways;
      return Promise.resolve(presses.shift());
    },
    showWarningMessage: (text: string, _: unknown, ...ways: readonly string[]) => {
      question = text;
      return Promise.resolve(ways[0]);
    },
    showInformationMessage: (text: string) => {
      question = text;
      return Promise.resolve();
    },
  });
  Object.assign(vscode.workspace, {
    getConfiguration: () => ({
      get: (_: string, value: unknown) => value,
      inspect: () => undefined,
      update: (name: string, value: unknown) => (chosen[name] = value),
    }),
  });
});

test("the list marks what is in use and what is too large, each by itself, and what was trained can be chosen", async () => {
  const trained = modelOf("run-r1-policy", { origin: "trained" });
  listed = policies([tight("used"), tight("other"), modelOf("small"), trained], "used");
  pick = ({ model }) => model === trained;
  await selectModel(parts);
  expect(offered.flatMap(({ model, label }) => (model === undefined ? [] : [label]))).toEqual([
    "$(check) $(warning) used",
    "$(warning) other",
    "small",
    "run-r1-policy",
  ]);
  expect(chosen).toMatchObject({ policy: "run-r1-policy" });
});

test("a download that failed can be tried again, or a file of the person's own be used", async () => {
  const missing = modelOf("m", { installed: false, bytesToDownload: 5e6 });
  listed = policies([missing]);
  const failed: ModelOutcome = { kind: "failed", message: "No network." };
  const done = (id: string): ModelOutcome => ({ kind: "done", id, message: "There." });
  outcomes = [failed, done("m")];
  presses = ["Try Again"];
  expect(await downloadModel(parts, "m")).toBe(true);
  expect(buttons).toEqual(["Try Again", "Use a Model File…"]);

  outcomes = [failed, done("own")];
  presses = ["Use a Model File…"];
  // Not the model that was asked for: whoever waits for that one does not go on.
  expect(await downloadModel(parts, "m")).toBe(false);
  expect(chosen).toMatchObject({ policy: "own" });

  // The very file of that model is that model: it goes on with it, and nothing else is chosen.
  delete chosen["policy"];
  outcomes = [failed, { kind: "done", id: "used", message: "This is the file of m." }];
  presses = ["Use a Model File…"];
  whenAdded = () => (listed = policies([modelOf("m")]));
  expect(await downloadModel(parts, "m")).toBe(true);
  expect(chosen).toEqual({});

  listed = policies([{ ...missing, role: "ppm" }]);
  outcomes = [failed];
  expect(await downloadModel(parts, "m")).toBe(false);
  expect(buttons).toEqual(["Try Again"]);
});

test("a file whose name cannot be a model's is asked for a name until one can", async () => {
  const refused: ModelOutcome = { kind: "failed", message: "Another name.", wantsName: true };
  outcomes = [refused, refused, { kind: "done", id: "maths", message: "" }];
  typed = ["tiny", "maths"];
  await addModel(parts);
  const path = "/models/数学.gguf";
  expect(sent).toEqual([
    ["addModel", { path }],
    ["addModel", { path, id: "tiny" }],
    ["addModel", { path, id: "maths" }],
  ]);
  expect(chosen).toMatchObject({ policy: "maths" });

  // Escape leaves all as it was; no message has to be dismissed.
  sent.length = 0;
  outcomes = [refused];
  await addModel(parts);
  expect(sent).toHaveLength(1);
  expect(shown.filter(({ kind }) => kind === "error")).toEqual([]);
});

test("a file of the model that is used unnamed leaves no model named", async () => {
  listed = policies([modelOf("used"), modelOf("base")], "used");
  outcomes = [{ kind: "done", id: "used", message: "This is the file of used, base; used can be used now." }];
  vscode.workspace.getConfiguration = () => ({
    get: (_, value) => value,
    inspect: () => ({ globalValue: "base" }),
    update: (name: string, value: unknown) => Promise.resolve(void (chosen[name] = value)),
  });
  expect(await addModel(parts)).toBe(true);
  expect(chosen).toEqual({ policy: undefined, url: undefined });
  expect(shown.at(-1)?.text).toContain("This is the file of used");
});

test("unfinished downloads and trained models can be removed; what only uses another's file is not offered", async () => {
  const half = modelOf("half", { installed: false, bytesToDownload: 3e6, removableBytes: 2e6 });
  const trained = modelOf("trained", { origin: "trained", removableBytes: 1e6 });
  const own = modelOf("own", { origin: "own", removableBytes: 0 });
  listed = policies([modelOf("derived"), half, trained, own]);
  pick = ({ model }) => model === half;
  await removeModel(parts);
  expect(offered.map(({ label, description }) => [label, description])).toEqual([
    ["half", "2.00 MB of an unfinished download"],
    ["trained", "on this machine"],
    ["own", "on this machine"],
  ]);
  expect(question).toContain("2.00 MB");
  expect(sent).toEqual([["removeModel", { id: "half" }]]);
  pick = ({ model }) => model === trained;
  await removeModel(parts);
  expect(question).toBe("Delete trained (1.00 MB) for good? It was trained here, and nobody else has it.");
});

test("of a model whose file is a link it is not said that its bytes come back", async () => {
  listed = policies([modelOf("linked", { removableBytes: 0 })]);
  pick = ({ label }) => label === "linked";
  await removeModel(parts);
  expect(question).toContain("stays there");
});

test("what training needs is removed like a model, after its size was shown", async () => {
  listed = policies([]);
  pick = ({ label }) => label.startsWith("Training environment");
  await removeModel(parts);
  expect(offered).toEqual([]);
  space = { bytes: 1.3e9, isWhole: false };
  outcomes = [{ kind: "done", id: "training-environment", message: "Free again." }];
  await removeModel(parts);
  expect(offered.map(({ label }) => label)).toEqual(["Training environment (more than 1.30 GB)"]);
  expect(question).toMatch(/training environment \(more than 1\.30 GB\).*anew/u);
  expect(sent).toEqual([["removeTrainingEnvironment", {}]]);
  expect(shown.at(-1)?.text).toBe("Free again.");
});

test("where no GPU support can be fetched, it is said whether the package has it or there is none yet", async () => {
  gpus = { isInPackage: true, kinds: [] };
  await gpuSupport(parts);
  expect(question).toContain("Metal");
  gpus = { isInPackage: false, kinds: [] };
  await gpuSupport(parts);
  expect(question).toContain("cannot be downloaded for this platform yet");
});
