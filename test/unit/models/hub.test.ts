/** Downloading from a model hub: here a small server on this machine. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { readFileSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { downloadFromHub, hubAddress, type HubRequest } from "../../../server/engine/hub.ts";
import { never, startProgram } from "./helpers.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const BODY = Buffer.alloc(40_000_000, "weights ");

/** A hub that answers with `answer`; gives its address, the requests it saw and the credentials that came with them. */
async function hub(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const seen: string[] = [];
  const credentials: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method ?? ""} ${request.url ?? ""} ${request.headers.range ?? ""}`.trim());
    const { authorization, cookie } = request.headers;
    credentials.push(...[authorization, cookie].filter((given) => given !== undefined));
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, credentials };
}

/** Serves BODY with ranges; `body` may stop short. */
function serve(body: (response: ServerResponse, part: Buffer) => void) {
  return (request: IncomingMessage, response: ServerResponse) => {
    const [, from, to] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "") ?? [];
    const part = BODY.subarray(
      Number(from ?? 0),
      to === undefined || to === "" ? BODY.length : Number(to) + 1,
    );
    const headers: Record<string, string | number> = {
      "accept-ranges": "bytes",
      "content-length": part.length,
    };
    if (from !== undefined)
      headers["content-range"] = `bytes ${from}-${Number(from) + part.length - 1}/${BODY.length}`;
    response.writeHead(from === undefined ? 200 : 206, headers);
    if (request.method === "HEAD") response.end();
    else body(response, part);
  };
}

function ask(endpoint: string, more: Partial<HubRequest> = {}) {
  const folder = temporaryFolder();
  const request: HubRequest = {
    ...{ uri: "hf:owner/repository/some.gguf", folder, fileName: "some.gguf.hub.partial", endpoint },
    ...{ signal: never(), onBytes: () => undefined },
    ...more,
  };
  return { folder, outcome: downloadFromHub(request) };
}

test("a file arrives whole under the name that was asked for", async () => {
  const { endpoint, seen } = await hub(serve((response, part) => response.end(part)));
  let reported = 0;
  const { folder, outcome } = ask(endpoint, { onBytes: (bytes) => (reported = bytes) });
  const file = path.join(folder, "some.gguf.hub.partial");
  expect(await outcome).toEqual({ kind: "downloaded", path: file });
  expect(readFileSync(file).equals(BODY)).toBe(true);
  expect(reported).toBe(BODY.length);
  expect(seen[0]).toBe("HEAD /owner/repository/resolve/main/some.gguf");
});

test("no credentials are sent, not even where the hub refuses what comes without", async () => {
  // Where it is refused, the library on its own takes the token from here and asks once more.
  vi.stubEnv("HF_TOKEN", "secret");
  onTestFinished(() => void vi.unstubAllEnvs());
  // The first request looks whether the hub is there.
  const { endpoint, seen, credentials } = await hub((_, response) =>
    response.writeHead(seen.length === 1 ? 200 : 401).end(),
  );
  expect(await ask(endpoint).outcome).toMatchObject({ kind: "failed" });
  expect(seen.length).toBeGreaterThan(1);
  expect(credentials).toEqual([]);
});

test("a hub that does not exist is given up at once", async () => {
  const { outcome } = ask("http://127.0.0.1:9");
  expect(await outcome).toMatchObject({ kind: "failed", reason: "unreachable" });
});

test("an address that is none is a hub that cannot be reached; an empty one is none at all", async () => {
  expect(await ask("hf-mirror.example").outcome).toMatchObject({
    kind: "failed",
    reason: "unreachable",
    detail: expect.stringContaining("hf-mirror.example") as string,
  });
  vi.stubEnv("MODEL_ENDPOINT", "");
  vi.stubEnv("HF_ENDPOINT", "");
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(hubAddress("hf:o/r/f.gguf")).toMatch(/^https:\/\/.*\/o\/r\/resolve\/main\/f\.gguf$/u);
});

test("a hub that accepts the connection and never answers is given up after the limit", async () => {
  const { endpoint } = await hub(() => undefined);
  const { outcome } = ask(endpoint, { limits: { connectMs: 100, stallMs: 1_000 } });
  expect(await outcome).toMatchObject({
    kind: "failed",
    reason: "unreachable",
    detail: expect.stringContaining("no answer in time") as string,
  });
});

test("a file that the hub does not have is said to be missing, with the answer's number", async () => {
  const { endpoint } = await hub((_, response) => response.writeHead(404).end());
  const { outcome } = ask(endpoint);
  expect(await outcome).toMatchObject({
    kind: "failed",
    reason: "not-found",
    detail: expect.stringContaining("404") as string,
  });
});

test("a download that stops bringing bytes is given up, so that another source can be tried", async () => {
  const { endpoint } = await hub(serve((response, part) => response.write(part.subarray(0, 1_000))));
  const { outcome } = ask(endpoint, { limits: { connectMs: 1_000, stallMs: 300 } });
  expect(await outcome).toMatchObject({ kind: "failed", reason: "stalled" });
});

test("a download is cancelled within 250 ms, and the next one asks only for what is missing", async () => {
  const controller = new AbortController();
  let cancelledAt = 0;
  let whole = false;
  /** So much arrives at once, the rest slowly. */
  let fast = 25_000_000;
  const { endpoint, seen } = await hub(
    serve((response, part) => {
      let sent = whole ? part.length : Math.min(part.length, fast);
      // The library asks for everything first, only to see the headers.
      if (part.length < BODY.length) fast -= sent;
      // A response that is not ended keeps its connection from answering the next request of the same.
      if (sent === part.length) {
        response.end(part);
        return;
      }
      response.write(part.subarray(0, sent));
      // The library tells how far it is when bytes arrive, and may leave out the last of many.
      const more = setInterval(() => response.write(part.subarray(sent, (sent += 1_000))), 20);
      response.on("close", () => clearInterval(more));
    }),
  );
  const { folder, outcome } = ask(endpoint, {
    signal: controller.signal,
    onBytes: (bytes) => {
      // The library tells of bytes before they are written, and writes whole parts of five megabytes only. Its notes on
      // what it has lie behind the file's own bytes: with them there is something to go on from.
      const [file] = readdirSync(folder);
      const kept = file !== undefined && statSync(path.join(folder, file)).size > BODY.length;
      if (bytes < 16_000_000 || !kept || controller.signal.aborted) return;
      cancelledAt = performance.now();
      controller.abort(new Error("stop"));
    },
  });
  await expect(outcome).rejects.toThrow("stop");
  expect(performance.now() - cancelledAt).toBeLessThan(250);
  expect(readdirSync(folder)).toEqual(["some.gguf.hub.partial.ipull"]);

  whole = true;
  seen.length = 0;
  const again = await ask(endpoint, { folder }).outcome;
  expect(again.kind === "downloaded" && readFileSync(again.path).equals(BODY)).toBe(true);
  // The library first looks at the headers of a request for everything, then asks for ranges.
  const ranges = seen.flatMap((line) => /bytes=(\d+)-(\d+)/.exec(line)?.slice(1).map(Number) ?? []);
  const asked = ranges.reduce((sum, value, index) => sum + (index % 2 === 0 ? -value : value + 1), 0);
  expect(asked).toBeGreaterThan(0);
  expect(asked).toBeLessThan(BODY.length);
});

/** A program that downloads into argv[2] from argv[3]; writes of the download fail after eight megabytes. */
const ON_A_FULL_DISK = `
  import fs from "node:fs/promises";
  import { downloadFromHub } from "./server/engine/hub.ts";
  let written = 0;
  const open = fs.open;
  fs.open = async (...args) => {
    const file = await open(...args);
    const write = file.write.bind(file);
    file.write = async (buffer, ...rest) => {
      written += buffer.length;
      if (written > 8e6) throw Object.assign(new Error("full"), { code: "ENOSPC", syscall: "write" });
      return await write(buffer, ...rest);
    };
    return file;
  };
  const request = { uri: "hf:owner/repository/some.gguf", fileName: "some.partial", onBytes: () => undefined };
  try {
    await downloadFromHub({ ...request, folder: process.argv[2], endpoint: process.argv[3], signal: new AbortController().signal });
    console.log("downloaded");
  } catch (error) {
    console.log(error.code);
  }
  process.exit(7);
`;

test("a disk that becomes full ends the download with an error to catch, not the process", async () => {
  const { endpoint } = await hub(serve((response, part) => response.end(part)));
  const folder = temporaryFolder();
  const child = await startProgram(ON_A_FULL_DISK, [folder, endpoint]);
  let output = "";
  child.stdout.on("data", (text) => (output += String(text)));
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect([output.trim(), code]).toEqual(["ENOSPC", 7]);
  expect(readdirSync(folder)).toEqual([]);
});
