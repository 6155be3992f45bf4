/** The view's end of the line to the extension: posts typed messages, checks what arrives, keeps state over a reload. */
import type * as z from "zod";
import { parseMessage } from "../../server/protocol/view.ts";

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}
declare function acquireVsCodeApi(): VsCodeApi;

/** What a view knows of the outside. */
export interface Host<In, Out, State> {
  post(message: Out): void;
  /** Calls back with every message that has the right shape. Others are named on the console and change nothing. */
  listen(take: (message: In) => void): void;
  /** What was saved before the last reload, unless it is not of this version. */
  readonly restored: State | null;
  save(state: State): void;
}

/** Takes the editor's API, which may be asked for only once in a page. */
export function connect<In, Out, State>(schemas: {
  readonly incoming: z.ZodType<In>;
  readonly outgoing: z.ZodType<Out>;
  readonly state: z.ZodType<State>;
}): Host<In, Out, State> {
  const api = acquireVsCodeApi();
  const restored = schemas.state.safeParse(api.getState());
  return {
    post: (message) => api.postMessage(message),
    listen(take) {
      window.addEventListener("message", (event: MessageEvent<unknown>) => {
        const parsed = parseMessage(schemas.incoming, event.data);
        switch (parsed.kind) {
          case "message":
            take(parsed.message);
            break;
          case "malformed":
            // eslint-disable-next-line no-console -- a webview has no other log; the page shows nothing of it.
            console.warn(`A message from the extension was not understood and is left out: ${parsed.reason}`);
            break;
          default:
            parsed satisfies never;
        }
      });
    },
    restored: restored.success ? restored.data : null,
    save: (state) => api.setState(state),
  };
}
