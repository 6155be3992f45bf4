/** A webview outside the editor: the built page under its own content policy, in Chromium, with a host that records. */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";
import { webviewPage } from "../../media/page.ts";
import { THEMES, type ThemeName } from "./themes.ts";

const MEDIA = fileURLToPath(new URL("../../dist/media/", import.meta.url));
const TYPES: Record<string, string> = {
  ".js": "text/javascript",
  ".css": "text/css",
  ".woff2": "font/woff2",
};
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** What the page did that a test asks about. */
export interface ViewPage {
  readonly page: Page;
  /** Messages the view posted, oldest first. */
  posted(): Promise<{ kind: string; [key: string]: unknown }[]>;
  /** What the view saved last. */
  state(): Promise<unknown>;
  send(message: unknown): Promise<void>;
  /** Content-policy violations, uncaught errors and failed requests so far. */
  readonly troubles: readonly string[];
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly theme?: ThemeName;
  readonly width?: number;
  readonly height?: number;
  /** What `getState` gives, as after a reload. */
  readonly state?: unknown;
  readonly forcedColors?: boolean;
}

/** A browser and a server of `dist/media/`, to be closed at the end of a test file. */
export class ViewBrowser {
  readonly #browser: Browser;
  readonly #server: Server;

  private constructor(browser: Browser, server: Server) {
    this.#browser = browser;
    this.#server = server;
  }

  static async start(): Promise<ViewBrowser> {
    const executablePath = process.env["CHROMIUM"] ?? CHROMIUM.find((path) => existsSync(path));
    if (executablePath === undefined)
      throw new Error("No Chromium: install the package `chromium`, or name the program in CHROMIUM.");
    const server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
      const origin = `http://${request.headers.host ?? ""}`;
      if (pathname === "/page") {
        const view = searchParams.get("view") ?? "";
        response.setHeader("Content-Type", "text/html");
        response.end(
          webviewPage({
            script: `${origin}/${view}.js`,
            style: `${origin}/${view}.css`,
            cspSource: origin,
            nonce: "n0nce0fThisTest0nly",
            title: view,
            language: "en",
          }),
        );
        return;
      }
      const file = join(MEDIA, pathname);
      if (!file.startsWith(MEDIA) || !existsSync(file)) {
        response.statusCode = 404;
        response.end();
        return;
      }
      response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
      response.end(readFileSync(file));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const browser = await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
    });
    return new ViewBrowser(browser, server);
  }

  /** Opens a view and waits for its `ready`. */
  async open(view: "search" | "dashboard", options: OpenOptions = {}): Promise<ViewPage> {
    const { theme = "dark", width = 1280, height = 800, state, forcedColors = false } = options;
    const context = await this.#browser.newContext({
      viewport: { width, height },
      forcedColors: forcedColors ? "active" : "none",
      reducedMotion: "reduce",
    });
    const page = await context.newPage();
    const troubles: string[] = [];
    page.on("pageerror", (error) => troubles.push(`error: ${error.message}`));
    page.on("requestfailed", (request) => troubles.push(`request failed: ${request.url()}`));
    page.on("response", (response) => {
      if (response.status() >= 400 && !response.url().endsWith("/favicon.ico"))
        troubles.push(`${response.status()}: ${response.url()}`);
    });
    await page.exposeFunction("reportViolation", (text: string) => troubles.push(`policy: ${text}`));
    await page.addInitScript(
      ({ classes, variables, saved }) => {
        const host = { posted: [] as unknown[], state: saved };
        Object.assign(window, {
          testHost: host,
          acquireVsCodeApi: () => ({
            postMessage: (message: unknown) => host.posted.push(structuredClone(message)),
            getState: () => host.state,
            setState: (next: unknown) => (host.state = structuredClone(next)),
          }),
        });
        addEventListener("securitypolicyviolation", (event) => {
          void (window as unknown as { reportViolation(text: string): Promise<void> }).reportViolation(
            `${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`,
          );
        });
        addEventListener("DOMContentLoaded", () => {
          document.body.className = classes;
          const { style } = document.documentElement;
          for (const [name, value] of Object.entries(variables)) style.setProperty(`--vscode-${name}`, value);
          style.setProperty("--vscode-font-family", '"Segoe UI", "DejaVu Sans", system-ui, sans-serif');
          style.setProperty("--vscode-editor-font-family", '"DejaVu Sans Mono", monospace');
          style.setProperty("--vscode-font-size", "13px");
          style.setProperty("--vscode-editor-font-size", "13px");
        });
      },
      { ...THEMES[theme], saved: state },
    );
    const port = (this.#server.address() as AddressInfo).port;
    await page.goto(`http://127.0.0.1:${port}/page?view=${view}`);
    const host = <T>(part: "posted" | "state"): Promise<T> =>
      page.evaluate(
        (name) => (window as unknown as { testHost: Record<string, unknown> }).testHost[name] as T,
        part,
      );
    const opened: ViewPage = {
      page,
      posted: () => host("posted"),
      state: () => host("state"),
      send: (message) =>
        page.evaluate((data) => {
          window.postMessage(data, "*");
        }, message),
      troubles,
      close: () => context.close(),
    };
    // The script has run when the page has loaded.
    if ((await opened.posted())[0]?.kind !== "ready")
      throw new Error(`The view did not start: ${troubles.join("; ")}`);
    await opened.send({ kind: "texts", language: "en", texts: {} });
    return opened;
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
