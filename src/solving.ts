/** Starting, stopping and going on with searches, and telling what came of them. */
import * as vscode from "vscode";
import { COMMANDS } from "../server/protocol/commands.ts";
import type { ProblemPlace } from "../server/protocol/places.ts";
import { STRATEGIES } from "../server/protocol/strategies.ts";
import type { SearchOverrides, SolveOutcome } from "../server/protocol/solving.ts";
import { clearObstacle, placeOfRequest, resumption, tellOutcome, type SolveRequest } from "./outcomes.ts";
import type { Parts } from "./parts.ts";
import { problemOf, resolvePlace } from "./places.ts";
import { keepOpen, openUnseen } from "./problem-lists.ts";
import { readParams } from "./protocol.ts";

/** Solves the problem meant. */
export async function solveProblem(parts: Parts, argument: unknown): Promise<SolveOutcome | null> {
  const place = await resolvePlace(argument, parts.lists);
  if (place === null) return null;
  const given = await readParams("solve", argument);
  return await search(parts, { kind: "solve", params: given.success ? given.data : place });
}

/** Asks for strategy and budget, then solves. */
export async function solveProblemWith(parts: Parts, argument: unknown): Promise<SolveOutcome | null> {
  const place = await resolvePlace(argument, parts.lists);
  if (place === null) return null;
  const strategy = await vscode.window.showQuickPick(strategyItems(), {
    title: vscode.l10n.t("Solve with which strategy?"),
  });
  if (strategy === undefined) return null;
  const budget = await vscode.window.showInputBox({
    title: vscode.l10n.t("Tokens that may be generated"),
    prompt: vscode.l10n.t("50 to 1,000,000; empty: as in the settings"),
    validateInput: (text) =>
      text.trim() === "" || readBudget(text) !== null
        ? undefined
        : vscode.l10n.t("A whole number from 50 to 1,000,000, or nothing"),
  });
  if (budget === undefined) return null;
  const budgetTokens = readBudget(budget);
  const overrides: SearchOverrides = {
    strategy: strategy.strategy,
    ...(budgetTokens === null ? {} : { budgetTokens }),
  };
  return await search(parts, { kind: "solve", params: { ...place, overrides } });
}

/**
 * Stops the search named, or lets the person choose where it is not the only one. A second time offers to restart the
 * server.
 */
export async function stop(parts: Parts, traceId: string | undefined): Promise<void> {
  const id = traceId ?? (await chooseSearch(parts));
  if (id === undefined) return;
  if (id === ALL) {
    if (parts.server.state === "running") await stopAll(parts);
    return;
  }
  if (parts.searches.all.find((one) => one.traceId === id)?.stopping === true) {
    const force = vscode.l10n.t("Restart Server");
    const chosen = await vscode.window.showWarningMessage(
      vscode.l10n.t(
        "The search is being stopped. If it does not stop, the server can be restarted; what was found is kept.",
      ),
      force,
    );
    if (chosen === force) await parts.server.restart();
    return;
  }
  parts.searches.stopping(id);
  await parts.server.ask("cancel", { traceId: id });
}

/** In the place of a trace's id: everything that runs and waits. */
const ALL = Symbol("all");

interface Stoppable extends vscode.QuickPickItem {
  readonly id: string | typeof ALL;
}

/** What is to be stopped: the only search, else what the person chooses; undefined where they choose nothing. */
async function chooseSearch({ searches, status, lists }: Parts): Promise<Stoppable["id"] | undefined> {
  const running = searches.all;
  const [only] = running;
  // The server may have begun a search that this side has not heard of yet.
  if (only === undefined) return ALL;
  const { searching, queued } = status.counts;
  const count = Math.max(searching, running.length);
  if (count === 1 && queued === 0) return only.traceId;
  const all: Stoppable = {
    label: vscode.l10n.t("Stop all ({0} running, {1} waiting)", count, queued),
    id: ALL,
  };
  const each = running.map(({ traceId, uri, problemHash }): Stoppable => ({
    label: lists.known(vscode.Uri.parse(uri)).find(({ hash }) => hash === problemHash)?.title ?? traceId,
    description: vscode.workspace.asRelativePath(vscode.Uri.parse(uri)),
    id: traceId,
  }));
  const title = vscode.l10n.t("Stop which search?");
  return (await vscode.window.showQuickPick([all, ...each], { title }))?.id;
}

/** Stops everything, the searches in line too. */
export async function stopAll(parts: Parts): Promise<void> {
  parts.searches.stopping();
  await parts.server.ask("stopAll", {});
}

/** Runs a solve, a resume or a going-on and tells the outcome. Null when the server gave no answer. */
export async function search(parts: Parts, request: SolveRequest): Promise<SolveOutcome | null> {
  const outcome = await send(parts, request);
  if (outcome !== null) tell(parts, request, outcome);
  return outcome;
}

/** Nobody waits until what is told is dismissed. */
function tell(parts: Parts, request: SolveRequest, outcome: SolveOutcome): void {
  void tellOutcome(parts, request, outcome, (next) => search(parts, next));
}

/** The same, and tells nothing of its outcome. */
export async function send(parts: Parts, request: SolveRequest): Promise<SolveOutcome | null> {
  // The view and messages outlast the editor that they are about.
  const place = placeOfRequest(request);
  const uri = place === undefined ? null : vscode.Uri.parse(place.uri);
  if (uri !== null) await openUnseen(uri);
  const open = uri === null ? null : keepOpen(uri);
  try {
    return await parts.status.during((report) => ask(parts, request, report));
  } finally {
    open?.dispose();
  }
}

async function ask(
  { server }: Parts,
  { kind, params }: SolveRequest,
  report: (message: string) => void,
): Promise<SolveOutcome | null> {
  switch (kind) {
    case "solve":
      return await server.askAtLength("solve", params, report);
    case "resume":
      return await server.askAtLength("resume", params, report);
    case "continue":
      return await server.askAtLength("continue", params, report);
    default:
      return kind satisfies never;
  }
}

/** Goes on with a stored search; its solution goes to the place, where one is given. */
export async function resumeTrace(
  parts: Parts,
  traceId: string,
  place?: ProblemPlace,
): Promise<SolveOutcome | null> {
  return await search(parts, resumption(traceId, place));
}

/** Solves one problem with several strategies at the same budget and shows them side by side. */
export async function compareStrategies(parts: Parts, argument: unknown): Promise<void> {
  const place = await resolvePlace(argument, parts.lists);
  if (place === null) return;
  const chosen = await vscode.window.showQuickPick(
    strategyItems().map((item) => ({ ...item, picked: COMPARED.has(item.strategy) })),
    { title: vscode.l10n.t("Compare which strategies, at the same budget of tokens?"), canPickMany: true },
  );
  if (chosen === undefined || chosen.length === 0) return;
  await compare(
    parts,
    place,
    chosen.map(({ strategy }) => strategy),
  );
}

async function compare(
  parts: Parts,
  place: ProblemPlace,
  strategies: readonly (typeof STRATEGIES)[number][],
): Promise<void> {
  let last: string | null = null;
  for (const strategy of strategies) {
    const request: SolveRequest = {
      kind: "solve",
      params: { ...place, overrides: { strategy }, insert: false },
    };
    const outcome = await send(parts, request);
    if (outcome?.kind === "not-started") {
      // All of them are still to be compared, not only the one that could not begin.
      if (!(await clearObstacle(parts, outcome))) break;
      await compare(parts, place, strategies);
      return;
    }
    if (outcome === null) break;
    tell(parts, request, outcome);
    if (outcome.kind === "cancelled") break;
    last = outcome.traceId;
  }
  if (last === null) return;
  const item = await problemOf(place, parts.lists);
  await vscode.commands.executeCommand(COMMANDS.showSearchTree, item ?? { traceId: last });
}

const COMPARED: ReadonlySet<string> = new Set(["greedy", "self-consistency", "mcts"]);

function readBudget(text: string): number | null {
  const value = Number(text.replace(/[\s,_]/gu, ""));
  return text.trim() !== "" && Number.isInteger(value) && value >= 50 && value <= 1_000_000 ? value : null;
}

function strategyItems(): {
  readonly label: string;
  readonly detail: string;
  readonly strategy: (typeof STRATEGIES)[number];
}[] {
  const details: Record<(typeof STRATEGIES)[number], string> = {
    greedy: vscode.l10n.t("One solution, always the likeliest next token"),
    "self-consistency": vscode.l10n.t("Independent solutions that vote"),
    "best-of-n": vscode.l10n.t("Independent solutions; the PPM picks, or without one the policy"),
    beam: vscode.l10n.t("Step by step; the best few go on"),
    dvts: vscode.l10n.t("Several beams that do not compete"),
    mcts: vscode.l10n.t("Monte-Carlo tree search, the method of rStar-Math"),
    auto: vscode.l10n.t("Looks at how much the first solutions agree, then chooses"),
  };
  return STRATEGIES.map((strategy) => ({ label: strategy, detail: details[strategy], strategy }));
}
