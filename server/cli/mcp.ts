/** `rstar mcp`: the tools `solve_math_problem` and `verify_math_step` for other programs, over standard input and output. */
import { Command } from "commander";
import { defaultTraceFile, openPython, openRuntime, type Runtime, type RuntimeOpening } from "../compose.ts";
import { modelsFrom, withEndpoint, type EndpointFlags } from "./endpoint.ts";
import { printable } from "./printable.ts";
import { createTraceStore } from "../traces/store.ts";
import { newTraceId } from "../traces/trace-id.ts";

/** The command. */
export function mcpCommand(): Command {
  return withEndpoint(new Command("mcp"))
    .description("Serves solve_math_problem and verify_math_step over MCP (stdio), for chat programs.")
    .option("--model <id>", "the policy, as `rstar models list` names it")
    .option("--ppm <id>", "score steps with this process preference model; `none`: with none")
    .action(run);
}

async function run(options: EndpointFlags): Promise<void> {
  // Standard output belongs to the protocol.
  const say = (line: string): void => void process.stderr.write(printable(`${line}\n`));
  const [{ StdioServerTransport }, { createMcpServer }] = await Promise.all([
    import("@modelcontextprotocol/sdk/server/stdio.js"),
    import("../tools/mcp.ts"),
  ]);
  const models = modelsFrom(options);
  const python = openPython();
  const store = createTraceStore(defaultTraceFile());
  let opening: Promise<RuntimeOpening> | null = null;
  let runtime: Runtime | null = null;
  const server = createMcpServer({
    asksServer: models.endpoint !== undefined,
    python: () => python,
    async runtime() {
      // Nobody is there to be asked about a download.
      opening ??= openRuntime({ ...models, python, offline: true }, new AbortController().signal, {
        say,
        download: () => undefined,
      });
      // What failed is tried again with the next call.
      const opened = await opening.catch((error: unknown): never => {
        opening = null;
        throw error;
      });
      if (opened.kind === "ready") runtime = opened.runtime;
      else opening = null;
      return opened;
    },
    async keep(trace) {
      await store.append(trace).catch((error: unknown) => {
        say(`Trace ${trace.id} could not be stored: ${String(error)}`);
      });
    },
    newTraceId,
    now: () => new Date(),
  });
  const closed = new Promise<void>((resolve) => {
    server.server.onclose = resolve;
    process.stdin.once("end", resolve);
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  await server.connect(new StdioServerTransport());
  await closed;
  await server.close();
  await Promise.all([(runtime as Runtime | null)?.dispose(), python.dispose()]);
}
