/** Reading one member out of a zip file. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readZipMember, ZipError } from "../../../server/models/zip-member.ts";
import { zipOf } from "./helpers.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

async function read(zip: Buffer, member: string): Promise<Buffer> {
  const file = path.join(temporaryFolder(), "some.whl");
  writeFileSync(file, zip);
  const chunks: Buffer[] = [];
  for await (const chunk of readZipMember(file, member)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const content = Buffer.alloc(3_000_000, "some weights ");

test("a member comes out as it went in, stored or deflated, whatever lies around it", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 5_000 }),
      fc.constantFrom("stored" as const, "deflated" as const),
      async (bytes, method) => {
        const member = Buffer.from(bytes);
        const zip = zipOf(
          { "a/METADATA": Buffer.from("x"), "a/part01.bin": member, b: Buffer.from("y") },
          method,
        );
        expect((await read(zip, "a/part01.bin")).equals(member)).toBe(true);
      },
    ),
    { numRuns: 40 },
  );
});

test("a member of several megabytes is streamed whole", async () => {
  expect((await read(zipOf({ big: content }, "deflated"), "big")).equals(content)).toBe(true);
});

test("a member that is not there is an error that names it", async () => {
  await expect(read(zipOf({ a: content }, "stored"), "b")).rejects.toThrow("it holds no b");
});

test.each(["stored", "deflated"] as const)("one flipped byte of a %s member is noticed", async (method) => {
  const zip = zipOf({ a: content }, method);
  zip.writeUInt8(zip.readUInt8(1_000) ^ 1, 1_000);
  await expect(read(zip, "a")).rejects.toBeInstanceOf(ZipError);
});

test("no prefix of a zip file is taken for a zip file", async () => {
  const zip = zipOf({ a: Buffer.from("some weights") }, "deflated");
  for (let length = 0; length < zip.length; length++)
    await expect(read(zip.subarray(0, length), "a")).rejects.toBeInstanceOf(ZipError);
});

test("what is not a zip file at all is said to be none", async () => {
  await expect(read(Buffer.alloc(70_000, "<html>"), "a")).rejects.toThrow("not a complete zip file");
});
