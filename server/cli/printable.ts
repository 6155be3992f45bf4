/** What is not ours (a document, a program and its output, a server's words) as text that a terminal shows and does not obey. */

/** All controls but line feed and tab, and the marks that turn the direction of what follows. */
// eslint-disable-next-line no-control-regex -- control characters are what this is about
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/gu;

/** The text with U+FFFD in place of each character that a terminal would obey; CRLF ends a line as LF does. */
export function printable(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(OBEYED, "\ufffd");
}
