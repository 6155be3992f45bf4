/** Entry of the evolution dashboard: messages in, page out. */
import "../shared/no-eval.ts";
import { DashboardState, FromDashboard, ToDashboard } from "../../server/protocol/view.ts";
import { focusIn } from "../shared/dom.ts";
import { connect } from "../shared/host.ts";
import { setTexts } from "../shared/l10n.ts";
import { EMPTY_DASHBOARD, receive } from "./dashboard-model.ts";
import { dashboardPage, type DashboardActions } from "./page.ts";

/** The page is made anew at most this often: a training tells of several steps a second. */
const REDRAW_MS = 400;

const host = connect({ incoming: ToDashboard, outgoing: FromDashboard, state: DashboardState });
const element = document.getElementById("view") ?? document.body;
let model = EMPTY_DASHBOARD;
let wanted = host.restored?.run ?? null;
let drawing: ReturnType<typeof setTimeout> | null = null;
let drawnAt = -Infinity;
let isPressed = false;

const actions: DashboardActions = {
  openRun: (run) => host.post({ kind: "open-run", run }),
  start: () => host.post({ kind: "start" }),
  stop: (run) => {
    host.post({ kind: "stop", run });
    if (model.run !== null) model = { ...model, run: { ...model.run, stopping: true } };
    draw();
  },
  resume: (run) => host.post({ kind: "resume", run }),
  trainNow: (run) => host.post({ kind: "train-now", run }),
  reveal: (run) => host.post({ kind: "reveal", run }),
  rollBack: () => host.post({ kind: "roll-back" }),
  copy: (text) => host.post({ kind: "copy", text }),
};

host.listen((message) => {
  if (message.kind === "texts") setTexts(message.texts, message.language);
  model = receive(model, message, performance.now());
  if (message.kind === "run") host.save({ version: 1, run: message.state.id });
  // After a reload the run that was shown comes back, else the newest.
  if (message.kind === "runs" && model.run === null) {
    const run = message.runs.find(({ id }) => id === wanted) ?? message.runs[0];
    wanted = null;
    if (run !== undefined) host.post({ kind: "open-run", run: run.id });
  }
  drawSoon();
});
for (const type of ["pointerdown", "pointermove", "pointerup", "pointercancel"] as const)
  addEventListener(type, ({ buttons }) => (isPressed = (buttons & 1) === 1));
host.post({ kind: "ready" });

function drawSoon(): void {
  drawing ??= setTimeout(draw, Math.max(0, REDRAW_MS - (performance.now() - drawnAt)));
}

/** Makes the page anew; focus, scrolled places and the tables that were opened stay as they were. */
function draw(): void {
  if (drawing !== null) clearTimeout(drawing);
  drawing = null;
  drawnAt = performance.now();
  // What is pressed has to be there still when it is let go: only then is it clicked. What is selected is being copied.
  if (isPressed || isSelecting()) {
    drawSoon();
    return;
  }
  const focused = focusIn(element)?.dataset["key"];
  const before = new Map(
    keyed().map((one) => [
      one.dataset["key"],
      { open: one.hasAttribute("open"), top: one.scrollTop, left: one.scrollLeft },
    ]),
  );
  const top = element.scrollTop;
  dashboardPage(element, model, actions);
  for (const one of keyed()) {
    const { open = false, ...place } = before.get(one.dataset["key"]) ?? {};
    one.toggleAttribute("open", open);
    one.scrollTo(place);
  }
  element.scrollTop = top;
  if (focused !== undefined)
    element.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function isSelecting(): boolean {
  return document.hasFocus() && getSelection()?.isCollapsed === false;
}

/** What is found again after it was made anew. */
function keyed(): HTMLElement[] {
  return [...element.querySelectorAll<HTMLElement>("[data-key]")];
}
