/** What a client tells about itself: at initialization, and when it changes. */
import * as z from "zod";

/** Which colours formulas in hovers are drawn for. */
export const Theme = z.enum(["light", "dark", "high-contrast", "high-contrast-light"]);
export type Theme = z.infer<typeof Theme>;

/** How formulas are shown; may change while the server runs (`rstar/didChangeDisplay`). */
export const ClientDisplay = z.object({
  /** `svg`: pictures as data URIs (VS Code); `text`: the LaTeX source (most other editors). */
  math: z.enum(["svg", "text"]).default("text"),
  theme: Theme.default("dark"),
  /** TeX macros, as in `markdown.math.macros`: `{"\\R": "\\mathbb{R}"}`. */
  macros: z.record(z.string(), z.string()).default({}),
});
export type ClientDisplay = z.infer<typeof ClientDisplay>;

/** `initializationOptions`. All of it is optional: a plain client sends nothing. */
export const InitializationOptions = z.object({
  /** The value of the section `rstarMath`, for clients that cannot be asked for configuration. */
  settings: z.unknown().optional(),
  display: ClientDisplay.prefault({}),
  /**
   * Who runs the commands of lenses, code actions and hover links. `client`: the editor has them (VS Code);
   * `server`: they are `workspace/executeCommand` (every other editor), and those that need a view are left out.
   */
  commands: z.enum(["client", "server"]).default("server"),
  /** Whether the client keeps the keys of endpoints: it is asked for them by `rstar/endpointKey`. */
  keepsKeys: z.boolean().default(false),
  /** Whether the workspace is trusted. When it is not, stored results can be read and nothing runs. */
  trusted: z.boolean().default(true),
});
export type InitializationOptions = z.infer<typeof InitializationOptions>;
