/** Small machines compute on one thread of Node's pool, others and those whose user chose are left alone. */
import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { keepDecodingOnOneThread } from "../../../server/start/decode-thread.ts";

it("is set on two cores, and nowhere else, and never against the user", () => {
  const sizeOf = (environment: NodeJS.ProcessEnv, cores: number): string | undefined => {
    keepDecodingOnOneThread(environment, cores);
    return environment["UV_THREADPOOL_SIZE"];
  };
  expect(sizeOf({}, 2)).toBe("1");
  expect(sizeOf({}, 4)).toBeUndefined();
  expect(sizeOf({ UV_THREADPOOL_SIZE: "6" }, 2)).toBe("6");
});

it("still counts where a CommonJS file sets it first: two jobs of the pool run one after the other", () => {
  const program = `
    process.env.UV_THREADPOOL_SIZE = "1";
    const { pbkdf2 } = require("node:crypto");
    const ends = [];
    const note = (name) => () => ends.push(name) === 2 && console.log(ends.join());
    pbkdf2("a", "b", 400_000, 64, "sha512", note("long"));
    pbkdf2("a", "b", 1, 64, "sha512", note("short"));
  `;
  const run = spawnSync(process.execPath, ["--input-type=commonjs", "--eval", program], { encoding: "utf8" });
  expect(run.stdout.trim()).toBe("long,short");
});
