/** What the server has to know about how this editor shows things: theme and TeX macros. */
import * as vscode from "vscode";
import type { ClientDisplay, Theme } from "../server/protocol/client.ts";

/** As it is now; the server is told again when it changes. */
export function displayOf(): ClientDisplay {
  return { math: "svg", theme: themeOf(vscode.window.activeColorTheme.kind), macros: macros() };
}

/** The user's TeX macros: those of the built-in preview, so that a macro works in one place as in the other. */
export function macros(): Record<string, string> {
  const given = vscode.workspace.getConfiguration("markdown.math").get<unknown>("macros", {});
  if (typeof given !== "object" || given === null) return {};
  const usable = Object.entries(given).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return Object.fromEntries(usable);
}

/** The theme by the protocol's name. */
export function themeOf(kind: vscode.ColorThemeKind): Theme {
  switch (kind) {
    case vscode.ColorThemeKind.Light:
      return "light";
    case vscode.ColorThemeKind.Dark:
      return "dark";
    case vscode.ColorThemeKind.HighContrast:
      return "high-contrast";
    case vscode.ColorThemeKind.HighContrastLight:
      return "high-contrast-light";
    default:
      return kind satisfies never;
  }
}
