/** The key of an endpoint: asked for, kept for one server alone, and told to the programs that ask that server. */
import { beforeEach, expect, test, vi } from "vitest";
import type * as vscodeTypes from "vscode";
import { ENDPOINT_KEY } from "../../../server/protocol/endpoint.ts";
import { endpointOfProgram, setEndpointKey, storedKey } from "../../../src/endpoint.ts";
import type { Parts } from "../../../src/parts.ts";
import { executed, person, shown } from "./fake-vscode.ts";

/** The address in the settings, what is typed into the next box, and the boxes that were shown. */
const host = vi.hoisted(() => ({ url: "", typed: undefined as string | undefined, boxes: [] as unknown[] }));

vi.mock("vscode", async () => {
  const fake = await import("./fake-vscode.ts");
  const defaults = { model: "", promptFormat: "bare", concurrentRequests: 8, timeoutSeconds: 120 };
  const settings = (): Record<string, unknown> => ({
    "rstarMath.endpoint.url": host.url,
    "rstarMath.endpoint": { url: host.url, ...defaults },
  });
  return {
    ...fake,
    window: {
      ...fake.window,
      showInputBox: (box: unknown) => {
        host.boxes.push(box);
        return Promise.resolve(host.typed);
      },
    },
    workspace: {
      ...fake.workspace,
      getConfiguration: (section: string) => ({
        get: (name: string) => settings()[`${section}.${name}`],
      }),
    },
  };
});

const A = "http://a.example:8080/v1";
const B = "http://b.example:8080/v1";

/** The secret storage, and a context and parts that have it. */
let kept: Map<string, string>;
let context: vscodeTypes.ExtensionContext;
const warn = vi.fn();
const log = { warn } as unknown as vscodeTypes.LogOutputChannel;

beforeEach(() => {
  kept = new Map();
  const secrets = {
    get: (name: string) => Promise.resolve(kept.get(name)),
    store: (name: string, key: string) => Promise.resolve(void kept.set(name, key)),
    delete: (name: string) => Promise.resolve(void kept.delete(name)),
  };
  context = { secrets } as unknown as vscodeTypes.ExtensionContext;
  Object.assign(host, { url: A, typed: undefined, boxes: [] });
  warn.mockClear();
});

/** Asks for the key of the server in the settings, with this typed. */
const type = (typed: string | undefined): Promise<boolean> => {
  host.typed = typed;
  return setEndpointKey({ context } as Parts);
};

/** The key that a program is told. */
const keyToldWith = async (url: string): Promise<string | undefined> => {
  host.url = url;
  return (await endpointOfProgram(context, log)).environment[ENDPOINT_KEY];
};

test("a key is kept for its server alone: an address changed to another one is told none", async () => {
  expect(await type(" secret\n")).toBe(true);
  expect(host.boxes).toMatchObject([{ title: "Key for http://a.example:8080", password: true }]);
  expect([...kept.values()]).toEqual(["secret"]);
  expect(await storedKey(context, "http://a.example:8080", log)).toBe("secret");
  expect(await storedKey(context, "http://b.example:8080", log)).toBeNull();
  expect(await keyToldWith(A)).toBe("secret");
  expect(await keyToldWith("http://a.example:8080/another/path")).toBe("secret");
  for (const other of [B, "http://a.example:8081/v1", "https://a.example:8080/v1"])
    expect(await keyToldWith(other)).toBeUndefined();
});

test("an empty key deletes the one of this server, and a box that was left changes nothing", async () => {
  await type("first");
  host.url = B;
  await type("second");
  expect(await type(undefined)).toBe(false);
  expect([...kept.values()]).toEqual(["first", "second"]);
  expect(await type("  ")).toBe(true);
  expect([...kept.values()]).toEqual(["first"]);
});

test("where no server is set no key is asked for, and the settings are offered", async () => {
  host.url = "";
  person.presses = { button: "Open Settings" };
  expect(await type("secret")).toBe(false);
  person.presses = null;
  expect(shown.at(-1)?.text).toContain("No server is set");
  expect(executed.at(-1)).toEqual(["workbench.action.openSettings", "rstarMath.endpoint"]);
  expect([host.boxes.length, kept.size]).toEqual([0, 0]);
  expect(await endpointOfProgram(context, log)).toEqual({ options: [], environment: {} });
});

test("a program is told the key by its environment, where nobody reads it, and the address by its options", async () => {
  await type("secret");
  const { options, environment } = await endpointOfProgram(context, log);
  expect(environment).toEqual({ [ENDPOINT_KEY]: "secret" });
  expect(options).toEqual([
    ...["--endpoint", A, "--endpoint-format", "bare"],
    ...["--endpoint-requests", "8", "--endpoint-timeout", "120"],
  ]);
});

test("a secret storage that never answers costs twenty seconds and a line in the log", async () => {
  vi.useFakeTimers();
  try {
    const silent = { secrets: { get: () => new Promise(() => undefined) } };
    const waiting = vi.fn();
    const asked = storedKey(silent as unknown as vscodeTypes.ExtensionContext, "http://a.example:8080", log);
    void asked.then(waiting);
    await vi.advanceTimersByTimeAsync(19_999);
    expect(waiting).not.toHaveBeenCalled();
    expect(warn).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(waiting).toHaveBeenCalledWith(null);
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("http://a.example:8080"));
    // One that answers leaves no such line for later.
    await storedKey(context, "http://a.example:8080", log);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(warn).toHaveBeenCalledTimes(1);
  } finally {
    vi.useRealTimers();
  }
});
