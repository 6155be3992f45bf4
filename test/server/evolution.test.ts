/** Fine-tuning and evolution from the editor, with processes that follow a script and runs that are real. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { beginRun, continueRun } from "../../server/evolution/rounds.ts";
import { runFolder } from "../../server/evolution/run-folder.ts";
import { runsFolder } from "../../server/evolution/runs.ts";
import {
  startTraining,
  type StartTraining,
  type TrainingListener,
} from "../../server/handlers/training-process.ts";
import { realServices } from "../../server/handlers/services.ts";
import { inUse, readLineage } from "../../server/models/adapters.ts";
import { tryWithLock } from "../../server/lock.ts";
import { RunLine } from "../../server/protocol/run-output.ts";
import { SERVER_NOTIFICATIONS } from "../../server/protocol/requests.ts";
import { fakeTrainer } from "../support/fake-trainer.ts";
import { fakeServices, scriptedPolicy } from "../support/fakes.ts";
import { BASE_SHA, toyProblems, toyServices, toySettings } from "../unit/evolution/worlds.ts";
import { TestClient } from "./client.ts";
import { multiply, until } from "./scripts.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const forever = new AbortController().signal;

/** A process that a test speaks for. */
interface Puppet {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly listener: TrainingListener;
  readonly stops: number;
  readonly end: (code: number | null, errors?: string) => void;
}

/** Processes instead of real ones; every one that was started is in `started`. */
function puppets(): { readonly start: StartTraining; readonly started: Puppet[] } {
  const started: Puppet[] = [];
  return {
    started,
    start: (args, environment, listener) => {
      let end: Puppet["end"] = () => undefined;
      const ended = new Promise<{ code: number | null; errors: string }>((resolve) => {
        end = (code, errors = "") => resolve({ code, errors });
      });
      const puppet = { args, environment, listener, stops: 0, end };
      started.push(puppet);
      const stop = (): void => {
        puppet.stops++;
      };
      return Promise.resolve({ stop, ended });
    },
  };
}

const clients: TestClient[] = [];
// It would come before the folders of these tests' settings.
beforeEach(() => vi.stubEnv("RSTAR_HOME", ""));
afterEach(async () => {
  await Promise.all(clients.splice(0).map((each) => each.stop()));
  vi.unstubAllEnvs();
});

interface Scene {
  readonly editor: TestClient;
  readonly home: string;
  readonly started: Puppet[];
  readonly news: { readonly kind: string }[];
}

/** An editor on a data folder of its own. */
async function scene(settings: object = {}, initializationOptions: object = {}): Promise<Scene> {
  const home = temporaryFolder();
  const { start, started } = puppets();
  const editor = await new TestClient({
    services: fakeServices(scriptedPolicy(multiply)),
    editor: { startTraining: start, models: (options) => realServices.models(options) },
    settings: { model: { dataFolder: home }, ...settings },
    initializationOptions,
  }).start();
  clients.push(editor);
  const news: { kind: string }[] = [];
  editor.connection.onNotification(SERVER_NOTIFICATIONS.evolution.method, (raw: unknown) => {
    news.push(SERVER_NOTIFICATIONS.evolution.params.parse(raw));
  });
  return { editor, home, started, news };
}

/** A run as the command line begins it. */
async function begun(home: string, id = "toy"): Promise<string> {
  const root = path.join(runsFolder(home), id);
  const run = { id, settings: toySettings(), problems: toyProblems(10) };
  expect((await beginRun(root, run, new Date(0))).kind).toBe("begun");
  return root;
}

/** Waits for the process and lets it carry the run to its end, as the real one does: with the real rounds. */
async function carry(home: string, root: string, puppet: Puppet): Promise<void> {
  puppet.listener.line({ kind: "run", folder: root });
  const outcome = await continueRun(root, toyServices(home, fakeTrainer()), forever, (event) =>
    puppet.listener.line(RunLine.parse(event)),
  );
  expect(outcome.kind).toBe("finished");
  puppet.listener.line({ kind: "end", outcome: "finished", message: "All is well." });
  puppet.end(0);
}

const first = async (started: Puppet[]): Promise<Puppet> => {
  await until(() => started.length > 0);
  const [puppet] = started;
  if (puppet === undefined) throw new Error("no process");
  return puppet;
};

describe("a new run", () => {
  it("has PyTorch from the index that the settings name", async () => {
    const torchIndex = "https://index.example/cpu";
    const { editor, home, started } = await scene({ training: { torchIndex } });
    void editor.ask("evolve", { problems: "p.jsonl", rounds: 1, profile: "smoke" });
    const puppet = await first(started);
    expect(puppet.environment).toEqual({ RSTAR_HOME: home, RSTAR_TORCH_INDEX: torchIndex });
    puppet.end(1);
  });

  it("finds a Markdown file's problems, answers and solutions by the words of the settings", async () => {
    const document = { headings: ["Aufgabe", "Frage"], solutions: ["Lösung"] };
    const { editor, started } = await scene({ document });
    void editor.ask("evolve", { problems: "p.md", rounds: 1, profile: "smoke" });
    const puppet = await first(started);
    expect(puppet.args.join(" ")).toContain(
      "--problems p.md --headings Aufgabe,Frage --solutions Lösung --rounds 1 ",
    );
    puppet.end(1);
  });

  it("trains on all of the store, agreed to or not, where that is asked", async () => {
    const { editor, home, started } = await scene();
    const asked = { traces: null, agreedOrNot: true, anyModel: false, profile: "small" } as const;
    void editor.ask("fineTune", asked);
    const puppet = await first(started);
    const store = path.join(home, "traces", "traces.jsonl");
    expect(puppet.args.slice(0, 4)).toEqual(["finetune", "--traces", store, "--profile"]);
    puppet.end(1);
  });

  it("trains what is below a model that comes with an adapter on it", async () => {
    const model = { dataFolder: temporaryFolder(), policy: "rstar-coder-0.5b" };
    const { editor, started } = await scene({ model });
    void editor.ask("fineTune", { traces: "t.jsonl", anyModel: false, profile: "small" });
    const puppet = await first(started);
    expect(puppet.args.join(" ")).toContain("--base qwen2.5-coder-0.5b ");
    puppet.end(1);
  });
});

describe("a run", () => {
  it("goes on in a process of its own, tells what happens in order, and can be looked at afterwards", async () => {
    const { editor, home, started, news } = await scene();
    const root = await begun(home);
    const asked = editor.ask("evolve", { problems: "p.jsonl", rounds: 2, profile: "smoke" });
    const puppet = await first(started);
    expect(puppet.args).toEqual(
      ["evolve", "--problems", "p.jsonl", "--rounds", "2", "--profile", "smoke"].concat([
        "--level",
        "0.05",
        "--json",
      ]),
    );
    expect(puppet.environment["RSTAR_HOME"]).toBe(home);
    await carry(home, root, puppet);
    expect(await asked).toEqual({ kind: "finished", run: "toy", message: "All is well." });
    await until(() => news.at(-1)?.kind === "state");
    expect(news.slice(0, 3).map(({ kind }) => kind)).toEqual(["state", "begun", "state"]);
    expect(news.filter(({ kind }) => kind === "round")).toHaveLength(2);
    expect(news.at(-1)).toMatchObject({ state: { status: "finished" } });
    expect(await editor.ask("runs", {})).toMatchObject({
      runs: [{ id: "toy", status: "finished", round: 2 }],
    });
    expect(await editor.ask("run", { run: "toy" })).toMatchObject({ kind: "run", folder: root });
    expect(await editor.ask("run", { run: "nobody" })).toMatchObject({ kind: "missing" });
    expect(editor.progress.some((line) => line.includes("training the policy"))).toBe(true);
  });

  it("takes Python, level and base from the settings; of an adapter, its base", async () => {
    const training = { pythonPath: "python3.12", level: 0.2 };
    const { editor, home, started } = await scene({ training });
    const root = await begun(home);
    await continueRun(root, toyServices(home, fakeTrainer()), forever);
    const lineage = await readLineage(home);
    const policy = lineage.kind === "lineage" ? inUse(lineage.lineage, "policy", BASE_SHA) : null;
    expect(policy).toMatch(/^toy-r\d-policy$/u);
    const another = await scene({ training, model: { dataFolder: home, policy } });
    void another.editor.ask("fineTune", { traces: "t.jsonl", anyModel: true, profile: "small" });
    const puppet = await first(another.started);
    expect(puppet.args.join(" ")).toBe(
      "finetune --traces t.jsonl --any-model --profile small --level 0.2 --base base --python python3.12 --json",
    );
    puppet.end(1);
    expect(started).toEqual([]);
    await editor.ask("status", {});
  });

  it("is stopped by its own request and by cancelling, once for each, and then says that it can go on", async () => {
    const { editor, home, started, news } = await scene();
    const root = await begun(home);
    const asked = editor.ask("resumeRun", { run: null });
    const puppet = await first(started);
    expect(puppet.args).toEqual(["evolve", "--resume", "--out", root, "--json"]);
    puppet.listener.line({ kind: "run", folder: root });
    await until(() => news.length > 1);
    expect(news[0]).toMatchObject({ kind: "state", state: { status: "running" } });
    expect(await editor.ask("runs", {})).toMatchObject({ runs: [{ status: "running" }] });
    expect(await editor.ask("stopRun", {})).toEqual({ stopping: true });
    expect(started[0]?.stops).toBe(1);
    puppet.listener.line({ kind: "end", outcome: "stopped", message: "Stopped." });
    puppet.end(130);
    expect(await asked).toMatchObject({ kind: "stopped", run: "toy" });
    expect(await editor.ask("runs", {})).toMatchObject({ runs: [{ status: "stopped" }] });
    expect(await editor.ask("stopRun", {})).toEqual({ stopping: false });
  });

  it("ends its search when it is asked to train now, goes on in a second process, and can still be stopped", async () => {
    const { editor, home, started, news } = await scene();
    const root = await begun(home);
    expect(await editor.ask("trainNow", {})).toEqual({ accepted: false });
    const asked = editor.ask("resumeRun", { run: null });
    const puppet = await first(started);
    puppet.listener.line({ kind: "run", folder: root });
    await until(() => news.length > 1);
    expect(await editor.ask("trainNow", {})).toEqual({ accepted: true });
    expect(started[0]?.stops).toBe(1);
    puppet.listener.line({ kind: "end", outcome: "stopped", message: "Stopped." });
    puppet.end(130);
    await until(() => started.length === 2);
    expect(started[1]?.args).toEqual(["evolve", "--train-now", "--resume", "--out", root, "--json"]);
    expect(await editor.ask("runs", {})).toMatchObject({ runs: [{ status: "running" }] });
    expect(await editor.ask("stopRun", {})).toEqual({ stopping: true });
    expect(started[1]?.stops).toBe(1);
    started[1]?.listener.line({ kind: "end", outcome: "stopped", message: "Stopped." });
    started[1]?.end(130);
    expect(await asked).toMatchObject({ kind: "stopped", run: "toy" });
    expect(started).toHaveLength(2);
  });

  it("that is stopped in its search goes on with the training alone, where that is asked", async () => {
    const { editor, home, started } = await scene();
    const root = await begun(home);
    const asked = editor.ask("resumeRun", { run: "toy", trainNow: true });
    expect((await first(started)).args).toEqual([
      "evolve",
      "--train-now",
      "--resume",
      "--out",
      root,
      "--json",
    ]);
    started[0]?.end(0);
    await asked;
  });

  it("whose process is killed is told as one that can be resumed", async () => {
    const { editor, home, started, news } = await scene();
    const root = await begun(home);
    const asked = editor.ask("fineTune", { traces: null, anyModel: false, profile: "smoke" });
    const puppet = await first(started);
    puppet.listener.line({ kind: "run", folder: root });
    puppet.end(null, "out of memory");
    const outcome = await asked;
    expect(outcome).toMatchObject({ kind: "failed", run: "toy" });
    expect(outcome.message).toMatch(/run out of memory.*Resume goes on/u);
    expect(news.at(-1)).toMatchObject({ kind: "state", state: { status: "stopped" } });
  });

  it("says what its process says of a failure, and refuses with the reason", async () => {
    const { editor, started } = await scene();
    const failing = editor.ask("fineTune", { traces: null, anyModel: false, profile: "smoke" });
    (await first(started)).listener.line({ kind: "end", outcome: "failed", message: "No Python." });
    started[0]?.end(4);
    expect(await failing).toEqual({ kind: "failed", run: null, message: "No Python." });
    const early = editor.ask("fineTune", { traces: null, anyModel: false, profile: "smoke" });
    await until(() => started.length === 2);
    started[1]?.listener.say("fetching the model: 5%");
    started[1]?.listener.line({ kind: "end", outcome: "stopped", message: "Too early." });
    started[1]?.end(130);
    expect(await early).toEqual({ kind: "stopped", run: null, message: "Too early." });
    expect(editor.progress).toContain("fetching the model: 5%");
    const refused = editor.ask("fineTune", { traces: null, anyModel: false, profile: "smoke" });
    await until(() => started.length === 3);
    const line = { kind: "end", outcome: "failed", message: "None.", refusal: "no-traces" } as const;
    started[2]?.listener.line(line);
    started[2]?.end(3);
    expect(await refused).toEqual({ kind: "not-begun", reason: "no-traces", message: "None." });
  });

  it("does not begin beside another, in an untrusted folder, or where there is none to go on with", async () => {
    const { editor, home, started } = await scene();
    const one = { traces: null, anyModel: false, profile: "smoke" } as const;
    expect(await editor.ask("resumeRun", { run: null })).toMatchObject({ reason: "no-run" });
    mkdirSync(runsFolder(home), { recursive: true });
    await tryWithLock(runsFolder(home), forever, async () => {
      expect(await editor.ask("fineTune", one)).toMatchObject({ kind: "not-begun", reason: "busy" });
    });
    const running = editor.ask("fineTune", one);
    await first(started);
    expect(await editor.ask("fineTune", one)).toMatchObject({ kind: "not-begun", reason: "busy" });
    started[0]?.end(0);
    await running;
    const wary = await scene({}, { trusted: false });
    expect(await wary.editor.ask("fineTune", one)).toMatchObject({ kind: "not-begun", reason: "untrusted" });
    expect(wary.started).toEqual([]);
  });
});

it("the real process says why it does not begin, and ends", async () => {
  const lines: RunLine[] = [];
  const listener = { line: (line: RunLine) => void lines.push(line), say: () => undefined };
  const process = await startTraining(["finetune", "--json"], { RSTAR_HOME: temporaryFolder() }, listener);
  const end = await process.ended;
  process.stop();
  expect(lines).toMatchObject([{ kind: "end", outcome: "failed", refusal: "not-agreed" }]);
  expect(end.code).toBe(3);
  expect(end.errors).toContain("agreed");
});

describe("adapters and consent", () => {
  it("the newest adapter in use is shown and rolled back", async () => {
    const { editor, home } = await scene();
    expect(await editor.ask("adaptersInUse", {})).toEqual({ uses: [] });
    expect(await editor.ask("rollBack", { role: "policy" })).toMatchObject({ kind: "not-done" });
    await continueRun(await begun(home), toyServices(home, fakeTrainer()), forever);
    const { uses } = await editor.ask("adaptersInUse", {});
    const policy = uses.find(({ role }) => role === "policy");
    expect(policy?.adapter).toMatch(/^toy-r\d-policy$/u);
    const done = await editor.ask("rollBack", { role: "policy" });
    expect(done.kind).toBe("done");
    expect(done.message).toContain(policy?.adapter ?? "?");
    const after = await readLineage(home);
    expect(after.kind === "lineage" && (inUse(after.lineage, "policy", BASE_SHA) ?? null)).toBe(
      policy?.before,
    );
  });

  it("training on documents is off until it is agreed to, and files can be left out", async () => {
    const { editor } = await scene();
    expect(await editor.ask("consent", {})).toEqual({ kind: "consent", agreed: false, optedOut: [] });
    expect(await editor.ask("decideConsent", { agreed: true })).toMatchObject({ agreed: true });
    const out = path.resolve("/notes/diary.md");
    expect(await editor.ask("optOut", { path: out, out: true })).toMatchObject({ optedOut: [out] });
    expect(await editor.ask("optOut", { path: out, out: false })).toMatchObject({ optedOut: [] });
    const file = path.join(editor.home, "consent.json");
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ agreed: true });
    writeFileSync(file, "{");
    expect(await editor.ask("decideConsent", { agreed: false })).toMatchObject({ kind: "bad" });
    expect(readFileSync(file, "utf8")).toBe("{");
  });
});

describe("a file that never trains", () => {
  const rename = async (editor: TestClient, from: string, to: string): Promise<void> => {
    const [oldUri, newUri] = [from, to].map((name) => pathToFileURL(path.resolve(name)).href);
    await editor.connection.sendNotification("workspace/didRenameFiles", { files: [{ oldUri, newUri }] });
  };

  it("does not begin to when it is renamed, by itself or with its folder, however soon once more", async () => {
    const { editor } = await scene();
    const file = path.resolve("/notes/diary.md");
    await editor.ask("optOut", { path: file, out: true });
    await rename(editor, "/notes/other.md", "/notes/more.md");
    await rename(editor, "/notes/diary.md", "/notes/secret.md");
    await rename(editor, "/notes/secret.md", "/notes/buried.md");
    await rename(editor, "/notes", "/books");
    const names = ["/notes", "/books"].flatMap((folder) =>
      ["diary", "secret", "buried"].map((name) => path.resolve(folder, `${name}.md`)),
    );
    await until(async () => {
      const state = await editor.ask("consent", {});
      return state.kind === "consent" && state.optedOut.length === names.length;
    });
    expect(await editor.ask("consent", {})).toMatchObject({ optedOut: names });
    expect(await editor.traces.trainingMark(path.resolve("/books/buried.md"))).toBe("opted-out");
  });

  it("is told of where the decision cannot be read when files are renamed", async () => {
    const { editor } = await scene();
    writeFileSync(path.join(editor.home, "consent.json"), "{");
    await rename(editor, "/notes/diary.md", "/notes/secret.md");
    await until(() => editor.messages.length > 0);
    expect(editor.messages[0]).toMatch(/could not be written down.*Manage Collected Traces…/u);
  });
});

it("what a run folder holds is not read for a run that is no run", async () => {
  const { editor, home } = await scene();
  const root = path.join(runsFolder(home), "broken");
  mkdirSync(root, { recursive: true });
  writeFileSync(runFolder(root).state, "[]");
  expect(await editor.ask("runs", {})).toEqual({ runs: [] });
});
