import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Python, RuntimeOpening, RuntimeOptions } from "../../../server/compose.ts";
import { LazyRuntime } from "../../../server/handlers/lazy-runtime.ts";
import type { EditorServices } from "../../../server/handlers/services.ts";
import { DEFAULT_SETTINGS, type Settings } from "../../../server/protocol/settings.ts";

const forever = new AbortController().signal;
const log: string[] = [];
let settings: Settings;
let adapters: string;
let opening: (options: RuntimeOptions, signal: AbortSignal) => Promise<RuntimeOpening>;

beforeEach(() => {
  vi.useFakeTimers();
  log.length = 0;
  settings = DEFAULT_SETTINGS;
  adapters = "none";
  opening = () => Promise.resolve(ready());
});
afterEach(() => vi.useRealTimers());

function ready(): RuntimeOpening {
  const runtime = {
    why: "a script",
    services: { policy: { identity: { id: "p" } }, ppm: null },
    dispose: () => {
      log.push("runtime closed");
      return Promise.resolve();
    },
  };
  return { kind: "ready", runtime } as unknown as RuntimeOpening;
}

function lazy(): LazyRuntime {
  const services = {
    filesRevision: () => Promise.resolve(adapters),
    openRuntime: (options: RuntimeOptions, signal: AbortSignal) => {
      log.push(`open ${options.model ?? "default"}`);
      return opening(options, signal);
    },
    openPython: ({ timeLimitMs }: { timeLimitMs: number }) => {
      log.push(`python ${timeLimitMs}`);
      const dispose = (): Promise<void> => {
        log.push("python closed");
        return Promise.resolve();
      };
      return Promise.resolve({ dispose } as Python);
    },
  } as unknown as EditorServices;
  const nothing = { say: () => undefined, download: () => undefined };
  return new LazyRuntime(
    services,
    () => settings,
    nothing,
    () => log.push("told"),
    (url) => Promise.resolve(`key of ${url}`),
  );
}

const use = (runtime: LazyRuntime): Promise<string> =>
  runtime.withRuntime(forever, ({ kind }) => Promise.resolve(kind));

test("opens once for searches side by side, with Python shared", async () => {
  const runtime = lazy();
  expect(runtime.state.kind).toBe("unloaded");
  expect(await Promise.all([use(runtime), use(runtime)])).toEqual(["ready", "ready"]);
  expect(await use(runtime)).toBe("ready");
  await runtime.withPython(() => Promise.resolve());
  expect(log).toEqual(["python 5000", "open default"]);
  expect(runtime.state).toMatchObject({ kind: "ready", policy: "p", ppm: null });
});

test("frees everything when nobody used it for as long as the settings say, and opens it again", async () => {
  const runtime = lazy();
  await use(runtime);
  await vi.advanceTimersByTimeAsync(9 * 60_000);
  await use(runtime);
  await vi.advanceTimersByTimeAsync(9 * 60_000);
  expect(log).not.toContain("told");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(log.slice(2)).toEqual(["runtime closed", "python closed", "told"]);
  expect(runtime.state.kind).toBe("unloaded");
  expect(await use(runtime)).toBe("ready");
});

test("opens another model when the settings name one, once the one before is not used", async () => {
  const runtime = lazy();
  await use(runtime);
  settings = { ...settings, model: { ...settings.model, policy: "other" } };
  await use(runtime);
  expect(log).toEqual([
    "python 5000",
    "open default",
    "runtime closed",
    "python closed",
    "python 5000",
    "open other",
  ]);
});

test("opens the models anew when an adapter was adopted, and never under a search that is running", async () => {
  const runtime = lazy();
  await use(runtime);
  let end: () => void = () => undefined;
  const running = runtime.withRuntime(forever, () => new Promise<void>((resolve) => (end = resolve)));
  await vi.advanceTimersByTimeAsync(0);
  adapters = "adopted";
  await use(runtime);
  expect(log).not.toContain("runtime closed");
  end();
  await running;
  await use(runtime);
  expect(log.slice(2)).toEqual(["runtime closed", "python closed", "python 5000", "open default"]);
});

test("other limits for Python close the models that run their steps in the old one", async () => {
  const runtime = lazy();
  await use(runtime);
  settings = { ...settings, verifier: { ...settings.verifier, stepTimeoutSeconds: 9 } };
  await runtime.withPython(() => use(runtime));
  expect(log.slice(2)).toEqual(["runtime closed", "python 9000", "python closed", "open default"]);
});

test("a search that is stopped while the model loads ends at once, and the loading goes on for the next", async () => {
  let finish: () => void = () => undefined;
  opening = () => new Promise((resolve) => (finish = () => resolve(ready())));
  const runtime = lazy();
  const stopped = new AbortController();
  const first = runtime.withRuntime(stopped.signal, ({ kind }) => Promise.resolve(kind));
  stopped.abort(new Error("stopped"));
  await expect(first).rejects.toThrow("stopped");
  const second = use(runtime);
  await vi.advanceTimersByTimeAsync(0);
  finish();
  expect(await second).toBe("ready");
  expect(log.filter((line) => line.startsWith("open"))).toHaveLength(1);
});

test("a model that is still loading when the settings name another is not left in memory", async () => {
  const finish: (() => void)[] = [];
  opening = () => new Promise((resolve) => finish.push(() => resolve(ready())));
  const runtime = lazy();
  const stopped = new AbortController();
  const first = runtime.withRuntime(stopped.signal, ({ kind }) => Promise.resolve(kind));
  await vi.advanceTimersByTimeAsync(0);
  stopped.abort(new Error("stopped"));
  await expect(first).rejects.toThrow("stopped");
  settings = { ...settings, model: { ...settings.model, policy: "other" } };
  const second = use(runtime);
  await vi.advanceTimersByTimeAsync(0);
  for (const end of finish) end();
  expect(await second).toBe("ready");
  await vi.advanceTimersByTimeAsync(0);
  expect(log.filter((line) => !line.startsWith("python"))).toEqual([
    "open default",
    "open other",
    "runtime closed",
  ]);
});

test("a model that a search waits for serves those that come meanwhile, whatever the settings name by then", async () => {
  let finish: () => void = () => undefined;
  opening = () => new Promise((resolve) => (finish = () => resolve(ready())));
  const runtime = lazy();
  const first = use(runtime);
  await vi.advanceTimersByTimeAsync(0);
  settings = { ...settings, model: { ...settings.model, policy: "other" } };
  const second = use(runtime);
  await vi.advanceTimersByTimeAsync(0);
  finish();
  expect(await Promise.all([first, second])).toEqual(["ready", "ready"]);
  expect(log.filter((line) => line.startsWith("open"))).toEqual(["open default"]);
});

test("what is ready only after everything was unloaded is closed again", async () => {
  let finish: () => void = () => undefined;
  opening = () => new Promise((resolve) => (finish = () => resolve(ready())));
  const runtime = lazy();
  const search = use(runtime);
  await vi.advanceTimersByTimeAsync(0);
  await runtime.close();
  finish();
  await expect(search).rejects.toThrow("unloaded");
  expect(log).toContain("runtime closed");
  expect(runtime.state.kind).toBe("unloaded");
});

test("says why models could not be opened, and tries again the next time", async () => {
  opening = () => Promise.resolve({ kind: "failed", message: "no" });
  const runtime = lazy();
  expect(await use(runtime)).toBe("failed");
  opening = () => Promise.resolve(ready());
  expect(await use(runtime)).toBe("ready");
});
