/** Reads single files out of zip archives, which Python's wheels and the extension's packages are. */
import { inflateRawSync } from "node:zlib";

const DIRECTORY_END = Buffer.from("PK\x05\x06", "latin1");
const DEFLATED = 8;

function contentOf(archive, entry) {
  const local = archive.readUInt32LE(entry + 42);
  const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
  const packed = archive.subarray(start, start + archive.readUInt32LE(entry + 20));
  return archive.readUInt16LE(entry + 10) === DEFLATED ? inflateRawSync(packed) : packed;
}

/** The texts of an archive's files whose names are wanted, by name, in the archive's order. */
export function readZip(archive, isWanted) {
  const end = archive.lastIndexOf(DIRECTORY_END);
  if (end === -1) throw new Error("this is not a zip archive");
  const texts = new Map();
  let entry = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    const length = archive.readUInt16LE(entry + 28);
    const name = archive.toString("utf8", entry + 46, entry + 46 + length);
    if (isWanted(name)) texts.set(name, contentOf(archive, entry).toString("utf8"));
    entry += 46 + length + archive.readUInt16LE(entry + 30) + archive.readUInt16LE(entry + 32);
  }
  return texts;
}
