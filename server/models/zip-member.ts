/** Reads one member of a zip file (a Python wheel) as a stream, checking its size and CRC. */
import { createReadStream } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { crc32, createInflateRaw } from "node:zlib";

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;
const END_SIZE = 22;
const LONGEST_COMMENT = 0xffff;
const STORED = 0;
const DEFLATED = 8;
/** Marks a value that did not fit 32 bits (zip64), which no wheel of a model part needs. */
const TOO_LARGE = 0xffffffff;

/** A zip that is damaged, or of a kind that is not read here. */
export class ZipError extends Error {
  override name = "ZipError";
}

interface Member {
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  /** Where the packed data begins in the file. */
  readonly start: number;
}

/**
 * The content of `member`, chunk by chunk.
 * @throws ZipError when the file is not a whole zip, lacks the member, or the content does not match its CRC (then
 * only after the last chunk), and the file system's errors.
 */
export async function* readZipMember(zip: string, member: string): AsyncGenerator<Buffer> {
  const found = await locate(zip, member);
  if (found.packed === 0) throw new ZipError(`${member} is empty`);
  const packed = createReadStream(zip, {
    start: found.start,
    end: found.start + found.packed - 1,
    highWaterMark: 1 << 20,
  });
  let content: AsyncIterable<Buffer> = packed;
  if (found.method === DEFLATED) {
    const inflate = createInflateRaw({ chunkSize: 1 << 20 });
    // pipe() does not forward errors.
    packed.on("error", (error) => inflate.destroy(error));
    content = packed.pipe(inflate);
  }
  let size = 0;
  let crc = 0;
  try {
    for await (const chunk of content) {
      size += chunk.length;
      crc = crc32(chunk, crc);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof Error && "code" in error && String(error.code).startsWith("Z_"))
      throw new ZipError(`${member} is damaged: ${error.message}`);
    throw error;
  } finally {
    packed.destroy();
  }
  if (size !== found.size || crc !== found.crc)
    throw new ZipError(`${member} is damaged: its checksum is wrong`);
}

async function locate(zip: string, member: string): Promise<Member> {
  const file = await open(zip, "r");
  try {
    const { size } = await file.stat();
    const tail = await read(file, Math.max(0, size - END_SIZE - LONGEST_COMMENT), size);
    let end = tail.length - END_SIZE;
    while (end >= 0 && tail.readUInt32LE(end) !== END_OF_DIRECTORY) end--;
    if (end < 0) throw new ZipError("not a complete zip file");
    const directoryStart = tail.readUInt32LE(end + 16);
    const directoryEnd = directoryStart + tail.readUInt32LE(end + 12);
    if (directoryEnd > size) throw new ZipError("the zip file's directory lies outside it");
    const directory = await read(file, directoryStart, directoryEnd);
    for (let at = 0; at + 46 <= directory.length;) {
      if (directory.readUInt32LE(at) !== DIRECTORY_ENTRY)
        throw new ZipError("the zip file's directory is damaged");
      const nameLength = directory.readUInt16LE(at + 28);
      const next = at + 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
      if (directory.toString("utf8", at + 46, at + 46 + nameLength) === member)
        return await describe(file, directory, at, size);
      at = next;
    }
    throw new ZipError(`it holds no ${member}`);
  } finally {
    await file.close();
  }
}

async function describe(file: FileHandle, directory: Buffer, at: number, fileSize: number): Promise<Member> {
  const method = directory.readUInt16LE(at + 10);
  const crc = directory.readUInt32LE(at + 16);
  const packed = directory.readUInt32LE(at + 20);
  const size = directory.readUInt32LE(at + 24);
  const headerAt = directory.readUInt32LE(at + 42);
  if (method !== STORED && method !== DEFLATED)
    throw new ZipError(`compression method ${method} is not supported`);
  if ([packed, size, headerAt].includes(TOO_LARGE)) throw new ZipError("zip64 is not supported");
  const header = await read(file, headerAt, headerAt + 30);
  if (header.readUInt32LE(0) !== LOCAL_HEADER) throw new ZipError("a member's header is damaged");
  const start = headerAt + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (start + packed > fileSize) throw new ZipError("a member lies outside the zip file");
  return { method, crc, packed, size, start };
}

async function read(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const buffer = Buffer.alloc(end - start);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
  if (bytesRead !== buffer.length) throw new ZipError("not a complete zip file");
  return buffer;
}
