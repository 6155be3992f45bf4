import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { getDefaultEnvironment, StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { afterEach, describe, expect, it } from "vitest";
import type { Runtime, RuntimeOpening } from "../../server/compose.ts";
import type { Trace } from "../../server/protocol/trace.ts";
import type { PolicyModel } from "../../server/services.ts";
import { createMcpServer } from "../../server/tools/mcp.ts";
import { fakeServices, scriptedPolicy, wordSandbox } from "../support/fakes.ts";
import { gated, multiply, until } from "./scripts.ts";

const kept: Trace[] = [];
const clients: Client[] = [];
afterEach(async () => {
  kept.length = 0;
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

function readyWith(policy: PolicyModel): RuntimeOpening {
  return { kind: "ready", runtime: { services: fakeServices(policy) } as Runtime };
}

async function connected(
  policy: PolicyModel,
  open: () => Promise<RuntimeOpening> = () => Promise.resolve(readyWith(policy)),
  asksServer = false,
): Promise<Client> {
  const sandbox = wordSandbox() as unknown as ReturnType<
    Parameters<typeof createMcpServer>[0]["python"]
  >["sandbox"];
  const server = createMcpServer({
    asksServer,
    runtime: open,
    python: () => ({ sandbox }),
    keep: (trace) => {
      kept.push(trace);
      return Promise.resolve();
    },
    newTraceId: () => "t-1",
    now: () => new Date("2026-01-01T00:00:00.000Z"),
  });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await server.connect(theirs);
  const client = new Client({ name: "a test", version: "1" });
  await client.connect(ours);
  clients.push(client);
  return client;
}

describe("MCP", () => {
  it("offers the two tools with their schemas", async () => {
    const client = await connected(scriptedPolicy(multiply));
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(["solve_math_problem", "verify_math_step"]);
    expect(tools[0]?.inputSchema.required).toEqual(["problem"]);
    expect(tools[1]?.inputSchema.required).toEqual(["step"]);
  });

  it("says where the model is, so that a host knows where problems go", async () => {
    const tool = async (asksServer: boolean) =>
      (await (await connected(scriptedPolicy(multiply), undefined, asksServer)).listTools()).tools[0];
    const [here, there] = [await tool(false), await tool(true)];
    expect([here?.annotations?.openWorldHint, there?.annotations?.openWorldHint]).toEqual([false, true]);
    expect(here?.description).toContain("on this machine");
    expect(there?.description).toMatch(/a language model behind a server that writes/u);
  });

  it("solves, tells its progress, and keeps the search", async () => {
    const client = await connected(scriptedPolicy(multiply));
    const progress: (string | undefined)[] = [];
    const result = await client.callTool(
      { name: "solve_math_problem", arguments: { problem: "What is 6 times 7?", budgetTokens: 200 } },
      undefined,
      { onprogress: ({ message }) => progress.push(message) },
    );
    expect(result.structuredContent).toMatchObject({ kind: "solved", answer: "42", traceId: "t-1" });
    expect(progress.some((message) => message?.startsWith("best 42"))).toBe(true);
    expect(kept.map(({ id, stop }) => [id, stop])).toEqual([["t-1", "settled"]]);
  });

  it("stops when the call is cancelled, and keeps what there was", async () => {
    const gate = gated(multiply);
    const client = await connected(gate.policy);
    const controller = new AbortController();
    const call = client.callTool(
      { name: "solve_math_problem", arguments: { problem: "What is 6 times 7?" } },
      undefined,
      { signal: controller.signal },
    );
    await until(() => gate.waiting() > 0);
    controller.abort();
    await expect(call).rejects.toThrow();
    await until(() => kept.length > 0);
    expect(kept[0]?.stop).toBe("cancelled");
  });

  it("does not search for a call that was cancelled while the model was opened", async () => {
    const policy = scriptedPolicy(multiply);
    let open: (opening: RuntimeOpening) => void = () => undefined;
    const opening = new Promise<RuntimeOpening>((resolve) => (open = resolve));
    let asked = 0;
    const client = await connected(policy, () => {
      asked++;
      return opening;
    });
    const controller = new AbortController();
    const call = (signal?: AbortSignal): ReturnType<Client["callTool"]> =>
      client.callTool(
        { name: "solve_math_problem", arguments: { problem: "What is 6 times 7?" } },
        undefined,
        signal === undefined ? {} : { signal },
      );
    const first = call(controller.signal);
    await until(() => asked === 1);
    controller.abort();
    await expect(first).rejects.toThrow();
    // The other call has the same opening, which the cancelled one did not stop.
    const second = call();
    await until(() => asked === 2);
    open(readyWith(policy));
    expect((await second).structuredContent).toMatchObject({ kind: "solved", answer: "42" });
    expect(kept.map(({ stop }) => stop)).toEqual(["settled"]);
  });

  it("checks a step, and says which line fails", async () => {
    const client = await connected(scriptedPolicy(multiply));
    const check = (step: string): ReturnType<Client["callTool"]> =>
      client.callTool({ name: "verify_math_step", arguments: { step } });
    expect((await check("assert 1\nprint(7)")).structuredContent).toMatchObject({
      kind: "ok",
      assertions: 1,
      output: "7\n",
    });
    expect((await check("raise")).structuredContent).toMatchObject({
      kind: "failed",
      text: "It fails: ValueError: scripted (line 2)",
    });
  });

  it("says what is in the way, and refuses arguments of the wrong shape", async () => {
    const client = await connected(scriptedPolicy(multiply), () =>
      Promise.resolve({ kind: "failed", message: "No model is here." }),
    );
    const missing = await client.callTool({ name: "solve_math_problem", arguments: { problem: "x" } });
    expect(missing).toMatchObject({
      isError: true,
      structuredContent: { kind: "not-started", text: "No model is here." },
    });
    expect(await client.callTool({ name: "solve_math_problem", arguments: { problem: 7 } })).toMatchObject({
      isError: true,
    });
  });

  it("runs as `rstar mcp`, says that the model has to be fetched, and ends with its input", async () => {
    const home = mkdtempSync(path.join(tmpdir(), "rstar-mcp-"));
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [path.resolve(import.meta.dirname, "../../dist/cli.cjs"), "mcp"],
      env: { ...getDefaultEnvironment(), RSTAR_HOME: home },
    });
    const client = new Client({ name: "a test", version: "1" });
    await client.connect(transport);
    const result = await client.callTool({ name: "solve_math_problem", arguments: { problem: "1 + 1" } });
    expect(result.structuredContent).toMatchObject({
      kind: "not-started",
      text: expect.stringContaining("rstar models fetch") as string,
    });
    expect(readdirSync(home)).toEqual([]);
    await client.close();
    rmSync(home, { recursive: true, force: true });
  });
});
