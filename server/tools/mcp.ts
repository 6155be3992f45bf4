/** A Model Context Protocol server with the two tools; progress where it is asked for, cancellation honoured. */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import type { Python, RuntimeOpening } from "../compose.ts";
import { SolveTextParams, SolveTextResult, VerifyStepParams, VerifyStepResult } from "../protocol/solving.ts";
import type { Trace } from "../protocol/trace.ts";
import { profile, type SearchConfig } from "../search/config.ts";
import { solve } from "../search/solve.ts";
import { unlessAborted } from "../turns.ts";
import { version } from "../version.ts";
import { ON_THIS_MACHINE, problemOfText, solveResult, TOOLS, verifyStepText } from "./tools.ts";

/** What the tools work with; opened at their first call. */
export interface McpServices {
  /** Whether the model is behind a server: problems are then sent there. */
  readonly asksServer: boolean;
  /** Shared by all calls, so that no single one may stop it. */
  runtime(): Promise<RuntimeOpening>;
  python(): Pick<Python, "sandbox">;
  /** Stores a search; told, and not thrown, when it cannot. */
  keep(trace: Trace): Promise<void>;
  newTraceId(): string;
  now(): Date;
}

/** The server, to be connected to a transport. */
export function createMcpServer(services: McpServices): McpServer {
  const server = new McpServer({ name: "rstar-math", version });
  server.registerTool(
    TOOLS.solve.name,
    {
      title: TOOLS.solve.title,
      description: services.asksServer
        ? TOOLS.solve.description.replace(ON_THIS_MACHINE, "a language model behind a server")
        : TOOLS.solve.description,
      inputSchema: SolveTextParams.shape,
      outputSchema: SolveTextResult.shape,
      annotations: { readOnlyHint: true, openWorldHint: services.asksServer },
    },
    async ({ problem, budgetTokens }, { signal, sendNotification, _meta }) => {
      const opening = await unlessAborted(services.runtime(), signal);
      if (opening.kind === "failed")
        return answer({ kind: "not-started", text: opening.message, answer: null, traceId: null }, true);
      const config: SearchConfig = {
        ...profile("default"),
        ...(budgetTokens === undefined ? {} : { budgetTokens }),
      };
      const token = _meta?.progressToken;
      const trace = await solve(
        problemOfText(problem),
        config,
        opening.runtime.services,
        { id: services.newTraceId(), createdAt: services.now().toISOString(), source: "mcp" },
        signal,
        (event) => {
          if (event.kind !== "progress" || token === undefined) return;
          const { generatedTokens, budget, best } = event.progress;
          const message = best === null ? "no answer yet" : `best ${best.answer} (${best.support} agree)`;
          const params = { progressToken: token, progress: generatedTokens, total: budget, message };
          // A caller that is gone needs no progress.
          sendNotification({ method: "notifications/progress", params }).catch(() => undefined);
        },
      );
      await services.keep(trace);
      return answer(solveResult(trace), false);
    },
  );
  server.registerTool(
    TOOLS.verify.name,
    {
      title: TOOLS.verify.title,
      description: TOOLS.verify.description,
      inputSchema: VerifyStepParams.shape,
      outputSchema: VerifyStepResult.shape,
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    async (params, { signal }) => {
      const result = await verifyStepText(params, services.python().sandbox, signal);
      return answer(result, result.kind === "not-started");
    },
  );
  return server;
}

/** The text for a reader, and the same in parts for a program. */
function answer<T extends { readonly text: string }>(
  result: T,
  isError: boolean,
): { content: { type: "text"; text: string }[]; structuredContent: T; isError: boolean } {
  return { content: [{ type: "text", text: result.text }], structuredContent: result, isError };
}
