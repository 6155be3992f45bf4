/** Bytes of a file to text and back: UTF-8 only, its byte order mark and line endings kept. */

/** What the bytes of a file are. */
export type Decoded =
  | {
      readonly kind: "text";
      /** Without the byte order mark. */
      readonly text: string;
      /** The commonest line ending; `\n` when there is none. */
      readonly eol: "\n" | "\r\n" | "\r";
      /** Whether a byte order mark came first; `encode` writes it again. */
      readonly bom: boolean;
    }
  | { readonly kind: "failed"; readonly reason: string };

/** Reads a file's bytes. Anything but UTF-8 fails, since writing it back would lose characters. */
export function decode(bytes: Uint8Array): Decoded {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return {
      kind: "failed",
      reason: "The file is UTF-16. Save it as UTF-8 and try again; nothing was written.",
    };
  }
  const bom = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bom ? bytes.subarray(3) : bytes);
  } catch {
    const reason =
      "The file is not valid UTF-8 (it may be Latin-1 or Windows-1252). Save it as UTF-8 and try again; nothing was written.";
    return { kind: "failed", reason };
  }
  if (text.includes("\0")) {
    return {
      kind: "failed",
      reason: "The file holds zero bytes, so it is not a text file; nothing was written.",
    };
  }
  return { kind: "text", text, eol: commonestEnding(text), bom };
}

/** The bytes of a text, with a byte order mark if the file had one. */
export function encode(text: string, bom: boolean): Uint8Array {
  return new TextEncoder().encode(bom ? `\uFEFF${text}` : text);
}

function commonestEnding(text: string): "\n" | "\r\n" | "\r" {
  const counts = { "\n": 0, "\r\n": 0, "\r": 0 };
  for (const [ending] of text.matchAll(/\r\n|\n|\r/g)) {
    if (ending === "\n" || ending === "\r\n" || ending === "\r") counts[ending] += 1;
  }
  if (counts["\r\n"] > counts["\n"]) return counts["\r\n"] >= counts["\r"] ? "\r\n" : "\r";
  return counts["\r"] > counts["\n"] ? "\r" : "\n";
}
