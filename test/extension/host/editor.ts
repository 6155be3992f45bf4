/**
 * A real VS Code for a test: opens it on a folder with this extension in it, and gives the page to look at and click,
 * and the extension host to run functions in.
 */
import { spawn, type ChildProcess } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";
import { freePort } from "../../support/free-port.ts";
import { DriverChannel, type Remote, type VsCode } from "./driver-channel.ts";
import { installEditor, type InstalledEditor } from "./install.ts";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const DRIVER = path.join(ROOT, "test/extension/driver");
const START_MS = 120_000;

/** What is opened and with what. */
export interface EditorOptions {
  /** The folder to open; tests give a copy of their own. */
  readonly folder: string;
  /** The extension as it lies in this repository, or a built package. */
  readonly extension: { readonly kind: "development" } | { readonly kind: "package"; readonly vsix: string };
  /** Settings of the user, by their full names. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Added to the environment of the editor. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether the editor asks for trust of a folder. Default: every folder is trusted. */
  readonly asksForTrust?: boolean;
}

/** The open editor. */
export class Editor implements AsyncDisposable {
  readonly page: Page;
  readonly #channel: DriverChannel;
  readonly #data: string;
  readonly #close: () => Promise<void>;

  constructor(page: Page, channel: DriverChannel, data: string, close: () => Promise<void>) {
    this.page = page;
    this.#channel = channel;
    this.#data = data;
    this.#close = close;
  }

  /** Runs a function in the extension host. It can use nothing from around it but its argument. */
  async run<R>(work: (api: VsCode) => R | Promise<R>): Promise<Awaited<R>>;
  async run<A, R>(work: Remote<A, R>, argument: A): Promise<Awaited<R>>;
  async run<A, R>(work: Remote<A, R>, argument?: A): Promise<Awaited<R>> {
    return await this.#channel.call<A, Awaited<R>>(work as Remote<A, Awaited<R>>, argument as A);
  }

  /** Reloads the window, and resolves when its new extension host answers. */
  async reload(): Promise<void> {
    const gone = this.#channel.gone();
    await this.run((api) => {
      void api.commands.executeCommand("workbench.action.reloadWindow");
    }).catch(() => undefined);
    await within(START_MS, gone, "the extension host did not end");
    await within(START_MS, this.#channel.connected(), "the extension host did not come back");
  }

  /** What the editor shows and what the extension wrote to its log: to be read when a test failed. */
  async account(): Promise<string> {
    const texts = async (selector: string): Promise<string[]> =>
      await this.page.locator(selector).allInnerTexts();
    const shown = [
      ...(await texts(".notification-list-item-message, .monaco-dialog-box")),
      ...(await texts(".codelens-decoration")),
      ...(await texts(".statusbar-item")),
    ];
    const logs = fs
      .readdirSync(this.#data, { recursive: true, encoding: "utf8" })
      .filter((file) => /rStar Math\.log$/u.test(file))
      .map((file) => fs.readFileSync(path.join(this.#data, file), "utf8").slice(-4_000));
    return [...shown, ...logs]
      .map((text) => text.trim())
      .filter(Boolean)
      .join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

/** Starts the editor and resolves when its extension host answers. @throws when it does not within two minutes. */
export async function openEditor(options: EditorOptions): Promise<Editor> {
  const installed = await installEditor();
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "rstar-editor-"));
  const channel = await DriverChannel.open();
  const closers: (() => Promise<void> | void)[] = [
    () => fs.rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }),
    () => channel.close(),
  ];
  const close = async (): Promise<void> => {
    while (closers.length > 0) await closers.pop()?.();
  };
  try {
    const data = path.join(scratch, "data");
    fs.mkdirSync(path.join(data, "User"), { recursive: true });
    fs.writeFileSync(
      path.join(data, "User", "settings.json"),
      JSON.stringify({ ...QUIET, ...options.settings }, null, 2),
    );
    const start = installed.kind === "browser" ? startInBrowser : startOnDesktop;
    const page = await start(installed as never, { ...options, scratch, data, port: channel.port }, closers);
    await within(START_MS, channel.connected(), "the editor's extension host did not start");
    return new Editor(page, channel, data, close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** Nothing of the editor itself moves, greets or calls home while a test looks at it. */
const QUIET = {
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "workbench.reduceMotion": "on",
  "editor.minimap.enabled": false,
  "editor.cursorBlinking": "solid",
  "telemetry.telemetryLevel": "off",
  "security.workspace.trust.startupPrompt": "never",
  "extensions.ignoreRecommendations": true,
  "git.enabled": false,
  "chat.commandCenter.enabled": false,
} as const;

interface Start extends EditorOptions {
  readonly scratch: string;
  readonly data: string;
  readonly port: number;
}
type Closers = (() => Promise<void> | void)[];

/** What keeps an editor apart from all others: its variables, and the options that name its folders. */
function ownPlaces({ scratch, data, port, environment }: Start): {
  readonly environment: NodeJS.ProcessEnv;
  readonly folders: readonly string[];
} {
  return {
    environment: { ...process.env, ...environment, RSTAR_TEST_DRIVER: String(port) },
    folders: ["--user-data-dir", data, "--extensions-dir", path.join(scratch, "extensions")],
  };
}

async function startInBrowser(
  { entry, browser }: Extract<InstalledEditor, { kind: "browser" }>,
  start: Start,
  closers: Closers,
): Promise<Page> {
  const { environment, folders } = ownPlaces(start);
  const config = ["--config", path.join(start.scratch, "code-server.yaml")];
  const node = (args: readonly string[]): ChildProcess =>
    spawn(process.execPath, [entry, ...config, ...folders, ...args], { env: environment, stdio: "pipe" });
  if (start.extension.kind === "package")
    await ended(node(["--install-extension", start.extension.vsix]), "installing the package");
  const port = await freePort();
  const server = node([
    ...["--auth", "none", "--bind-addr", `127.0.0.1:${port}`],
    ...["--disable-telemetry", "--disable-update-check"],
    ...(start.asksForTrust === true ? [] : ["--disable-workspace-trust"]),
    start.folder,
  ]);
  closers.push(() => stop(server));
  const said = collect(server);
  await until(
    START_MS,
    () => said().includes("HTTP server listening"),
    () => said(),
  );
  const shown: Browser = await chromium.launch({
    executablePath: browser,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
  });
  closers.push(() => shown.close());
  const page = await shown.newPage({ viewport: { width: 1280, height: 800 } });
  const remote = (file: string): string => `vscode-remote://127.0.0.1:${port}${file}`;
  const payload = [
    [
      "extensionDevelopmentPath",
      remote(start.extension.kind === "development" ? ROOT.replace(/\/$/u, "") : DRIVER),
    ],
    ["extensionTestsPath", remote(path.join(DRIVER, "driver.mjs"))],
  ];
  await page.exposeFunction("codeAutomationLog", () => undefined);
  await page.exposeFunction("codeAutomationExit", () => undefined);
  const query = new URLSearchParams({ folder: start.folder, payload: JSON.stringify(payload) });
  await page.goto(`http://127.0.0.1:${port}/?${query.toString()}`);
  return page;
}

async function startOnDesktop(
  { program }: Extract<InstalledEditor, { kind: "desktop" }>,
  start: Start,
  closers: Closers,
): Promise<Page> {
  const { environment, folders } = ownPlaces(start);
  if (start.extension.kind === "package") {
    const { resolveCliArgsFromVSCodeExecutablePath } = await import("@vscode/test-electron");
    const [cli = "", ...args] = resolveCliArgsFromVSCodeExecutablePath(program);
    const own = args.filter((arg) => !/^--(?:user-data-dir|extensions-dir)/u.test(arg));
    const install = [...own, ...folders, "--install-extension", start.extension.vsix];
    await ended(
      spawn(cli, install, { stdio: "pipe", shell: process.platform === "win32" }),
      "installing the package",
    );
  }
  const port = await freePort();
  const development = start.extension.kind === "development" ? ROOT : DRIVER;
  const editor = spawn(
    program,
    [
      start.folder,
      ...folders,
      ...["--no-sandbox", "--disable-gpu", "--disable-updates", "--skip-welcome", "--skip-release-notes"],
      ...(start.asksForTrust === true ? [] : ["--disable-workspace-trust"]),
      `--remote-debugging-port=${port}`,
      `--extensionDevelopmentPath=${development}`,
      `--extensionTestsPath=${path.join(DRIVER, "driver.mjs")}`,
    ],
    { env: environment, stdio: "pipe" },
  );
  closers.push(() => stop(editor));
  const said = collect(editor);
  await until(
    START_MS,
    () => said().includes("DevTools listening"),
    () => said(),
  );
  const shown = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
  closers.push(() => shown.close());
  const context = shown.contexts()[0];
  if (context === undefined) throw new Error("the editor has no window");
  return context.pages()[0] ?? (await context.waitForEvent("page"));
}

/** Everything a process has said so far. */
function collect(child: ChildProcess): () => string {
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => (said += text));
  return () => said;
}

async function ended(child: ChildProcess, doing: string): Promise<void> {
  const said = collect(child);
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(`${doing} ended with ${String(code)}: ${said()}`);
}

/** Ends a process kindly, and after five seconds for certain. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.on("close", resolve));
  child.kill();
  const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await gone;
  clearTimeout(timer);
}

async function until(ms: number, holds: () => boolean, said: () => string): Promise<void> {
  const deadline = performance.now() + ms;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`the editor did not start: ${said()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function within<T>(ms: number, work: Promise<T>, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), ms);
  });
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
