/** What the server is started with: a program that no folder can put in another's place, and who is asked without the proxy. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import * as vscode from "./fake-vscode.ts";

vi.mock("vscode", () => import("./fake-vscode.ts"));
const { serverProgram, serverVariables } = await import("../../../src/server-process.ts");

const folder = mkdtempSync(path.join(os.tmpdir(), "rstar-programs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let settings: Readonly<Record<string, unknown>>;
beforeEach(() => {
  settings = {};
  vscode.workspace.getConfiguration = () => ({ get: (name, value) => settings[name] ?? value });
});

/** A file that can be run, or not; its whole path. */
function file(name: string, mode = 0o755): string {
  const whole = path.join(folder, name);
  mkdirSync(path.dirname(whole), { recursive: true });
  writeFileSync(whole, "");
  chmodSync(whole, mode);
  return whole;
}

describe("the program that the setting names", () => {
  const program = (
    nodePath: string,
    folders: readonly string[] = [],
    platform: NodeJS.Platform = "linux",
  ) => {
    settings = { nodePath };
    return serverProgram({ PATH: folders.join(path.delimiter) }, platform);
  };

  it("is the editor's own where none is named, and a whole path as it is", async () => {
    expect(await program("")).toEqual({ kind: "editor" });
    for (const whole of [path.join(folder, "not there"), "~/bin/node"])
      expect(await program(whole)).toEqual({
        kind: "other",
        file: whole.replace("~", os.homedir()),
      });
  });

  it("is the first of its name on the PATH that can be run, and never one of the current folder", async () => {
    file("a/node", 0o644);
    mkdirSync(path.join(folder, "b/node"), { recursive: true });
    const node = file("c/node");
    file("d/node");
    const here = path.relative(process.cwd(), path.join(folder, "d"));
    const folders = [
      "",
      ".",
      here,
      ...["missing", "a", "b", "c", "d"].map((name) => path.join(folder, name)),
    ];
    expect(await program("node", folders)).toEqual({ kind: "other", file: node });
  });

  it("is an .exe on Windows, which leaves that out", async () => {
    file("w/node");
    const exe = file("w/node.exe");
    for (const name of ["node", "node.exe"])
      expect(await program(name, [path.join(folder, "w")], "win32")).toEqual({ kind: "other", file: exe });
  });

  it.each(["./node", "tools/node", "..\\node.exe", "C:node"])("may not be relative: %s", async (named) => {
    const found = await program(named, [folder]);
    expect(found).toMatchObject({ kind: "unusable" });
    expect("reason" in found && found.reason).toMatch(/nodePath is .*node.*Write a whole path/u);
  });

  it("is told of where it is not on the PATH", async () => {
    const found = await program("no-such-node", [folder]);
    expect("reason" in found && found.reason).toMatch(/names no-such-node, .* leave the setting empty/u);
  });
});

describe("the server's environment", () => {
  const OURS = "localhost,127.0.0.1,::1,[::1]";

  it("keeps Windows from taking files of the current folder for programs", () => {
    expect(serverVariables({}, "win32")).toEqual({ NoDefaultCurrentDirectoryInExePath: "1" });
    expect(serverVariables({}, "linux")).toEqual({});
  });

  it("has the editor's proxy, with this machine and the exceptions of settings and system asked directly", () => {
    settings = { proxy: " http://proxy.example:3128 ", noProxy: ["*.example.com"] };
    const direct = `own.example,b.example,*.example.com,${OURS}`;
    expect(serverVariables({ NO_PROXY: "own.example, b.example" }, "linux")).toEqual({
      HTTP_PROXY: "http://proxy.example:3128",
      HTTPS_PROXY: "http://proxy.example:3128",
      NODE_USE_ENV_PROXY: "1",
      NO_PROXY: direct,
      no_proxy: direct,
    });
    settings = { proxy: "http://proxy.example:3128" };
    expect(serverVariables({}, "linux")).toMatchObject({ NO_PROXY: OURS });
    expect(serverVariables({ no_proxy: "*" }, "linux")).toMatchObject({ NO_PROXY: "*", no_proxy: "*" });
  });

  it("leaves a proxy of the person's own system as it is", () => {
    settings = { proxy: "http://proxy.example:3128" };
    expect(serverVariables({ https_proxy: "http://own.example" }, "linux")).toEqual({});
  });
});
