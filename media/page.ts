/** The HTML page of a webview: its content policy, its script and style, nothing inline. No DOM, so the host can use it. */

/** What a page is made of. All addresses are as the webview sees them (`webview.asWebviewUri`). */
export interface PageParts {
  /** `search.js` and `search.css`, or `dashboard.js` and `dashboard.css`, of `dist/media/`. */
  readonly script: string;
  readonly style: string;
  /** `webview.cspSource`. */
  readonly cspSource: string;
  /** Random for every page: at least 128 bits in letters and digits. */
  readonly nonce: string;
  /** For the page's `title`. */
  readonly title: string;
  /** BCP 47 tag of the language that the page's texts are in. */
  readonly language: string;
}

/**
 * Nothing is allowed but this one script, the extension's own styles and fonts, and images that the page itself draws.
 * Inline styles, `eval` and every network address are closed.
 */
export function contentPolicy(cspSource: string, nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${cspSource}`,
    `font-src ${cspSource}`,
    "img-src data:",
    "form-action 'none'",
    "base-uri 'none'",
  ].join("; ");
}

/** The whole page. The script fills `body` once the extension has answered its `ready`. */
export function webviewPage(parts: PageParts): string {
  const { script, style, cspSource, nonce, title, language } = parts;
  return `<!DOCTYPE html>
<html lang="${escape(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escape(contentPolicy(cspSource, nonce))}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${escape(style)}">
<title>${escape(title)}</title>
</head>
<body>
<main id="view"></main>
<script nonce="${escape(nonce)}" src="${escape(script)}"></script>
</body>
</html>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/gu, (character) => `&#${character.charCodeAt(0)};`);
}
