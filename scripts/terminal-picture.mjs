/**
 * Draws terminal output as an SVG for the README: `rstar solve … | node scripts/terminal-picture.mjs TITLE > media/x.svg`.
 * Weight stands for colour, so that the picture reads the same on light and dark pages.
 */
import { readFileSync } from "node:fs";

const CHAR = 8.4;
const LINE = 19;
const PAD = 18;
const lines = readFileSync(0, "utf8").trimEnd().split("\n");
const width = Math.ceil(Math.max(...lines.map((line) => line.length), 60) * CHAR + 2 * PAD);
const height = Math.ceil((lines.length + 2) * LINE + 2 * PAD);
const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const style = (line) => {
  if (/^\d+\. /u.test(line) || /^ {2}Answer /u.test(line)) return "b";
  if (/^ {2}Step /u.test(line)) return "s";
  if (/^ {6}[✓✗]/u.test(line)) return "e";
  return /^ {2}\d/u.test(line) ? "d" : "c";
};
const rows = lines.map(
  (line, index) =>
    `<text x="${PAD}" y="${PAD + (index + 2.6) * LINE}" class="${style(line)}" xml:space="preserve">${escape(line)}</text>`,
);
process.stdout
  .write(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escape(process.argv[2] ?? "Terminal output")}</title>
<style>text{font:14px ui-monospace,Menlo,Consolas,monospace;fill:#d4d4d4}.b{fill:#fff;font-weight:700}.s{fill:#6cc7e6}.e{fill:#7fca8c}.d{fill:#8b949e}</style>
<rect width="100%" height="100%" rx="8" fill="#1e1e1e"/>
<circle cx="22" cy="20" r="6" fill="#ff5f57"/><circle cx="42" cy="20" r="6" fill="#febc2e"/><circle cx="62" cy="20" r="6" fill="#28c840"/>
${rows.join("\n")}
</svg>
`);
