/** A context leaves memory when nobody uses it and comes back by itself. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  ContextHost,
  type Job,
  type OpenContext,
  UnloadedError,
} from "../../../server/engine/context-host.ts";
import { FakeBackend, fakeContext } from "./fake-backend.ts";

const forever = new AbortController().signal;

interface Source {
  readonly opened: OpenContext[];
  readonly closed: OpenContext[];
  readonly open: () => Promise<OpenContext>;
  readonly close: (context: OpenContext) => Promise<void>;
}

function source(
  open: () => Promise<OpenContext> = () => Promise.resolve(fakeContext(new FakeBackend())),
): Source {
  const opened: OpenContext[] = [];
  const closed: OpenContext[] = [];
  return {
    opened,
    closed,
    open: async () => {
      const context = await open();
      opened.push(context);
      return context;
    },
    close: (context) => {
      closed.push(context);
      return Promise.resolve();
    },
  };
}

function job(result: Promise<number>): Job<number> & { cancelled: boolean } {
  return {
    cancelled: false,
    result,
    cancel() {
      this.cancelled = true;
    },
  };
}

const answer = (): Job<number>[] => [job(Promise.resolve(42))];

describe("ContextHost", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("unloads after the time without a call and loads again on the next one", async () => {
    const contexts = source();
    const first = await contexts.open();
    const host = new ContextHost(contexts, first, 1000);
    await vi.advanceTimersByTimeAsync(900);
    expect(await host.run(forever, answer)).toEqual([42]);
    await vi.advanceTimersByTimeAsync(900);
    expect(host.loaded).toBe(true);
    await vi.advanceTimersByTimeAsync(200);
    expect(host.loaded).toBe(false);
    expect(contexts.closed).toEqual([first]);
    expect(await host.run(forever, answer)).toEqual([42]);
    expect(contexts.opened).toHaveLength(2);
  });

  it("stays loaded while a call is under way, however long it takes", async () => {
    const contexts = source();
    const host = new ContextHost(contexts, await contexts.open(), 1000);
    let finish: (value: number) => void = () => undefined;
    const running = host.run(forever, () => [job(new Promise((resolve) => (finish = resolve)))]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(contexts.closed).toEqual([]);
    finish(1);
    expect(await running).toEqual([1]);
  });

  it("says why when the context does not come back, and tries again on the next call", async () => {
    let broken = true;
    const contexts = source(() =>
      broken
        ? Promise.reject(new Error("the file is gone"))
        : Promise.resolve(fakeContext(new FakeBackend())),
    );
    const host = new ContextHost(contexts, fakeContext(new FakeBackend()), 1000);
    await vi.advanceTimersByTimeAsync(1001);
    await expect(host.run(forever, answer)).rejects.toThrow(new UnloadedError("the file is gone"));
    broken = false;
    expect(await host.run(forever, answer)).toEqual([42]);
  });

  it("rejects with the signal's reason while the context is still loading", async () => {
    const contexts = source(() => new Promise(() => undefined));
    const host = new ContextHost(contexts, fakeContext(new FakeBackend()), 1000);
    await vi.advanceTimersByTimeAsync(1001);
    const stop = new AbortController();
    const running = host.run(stop.signal, answer);
    stop.abort("enough");
    await expect(running).rejects.toBe("enough");
  });

  it("cancels the jobs of an aborted call", async () => {
    const contexts = source();
    const host = new ContextHost(contexts, await contexts.open(), Infinity);
    const stop = new AbortController();
    const endless = job(new Promise(() => undefined));
    const running = host.run(stop.signal, () => [endless]);
    await Promise.resolve();
    await Promise.resolve();
    stop.abort("enough");
    await expect(running).rejects.toBe("enough");
    expect(endless.cancelled).toBe(true);
  });

  it("lets many calls wait for one signal", async () => {
    const warned = vi.fn();
    process.on("warning", warned);
    const contexts = source();
    const host = new ContextHost(contexts, await contexts.open(), Infinity);
    const stop = new AbortController();
    const running = Array.from({ length: 12 }, () =>
      host.run(stop.signal, () => [job(new Promise(() => undefined))]),
    );
    await new Promise((resolve) => process.nextTick(resolve));
    await new Promise((resolve) => process.nextTick(resolve));
    stop.abort("enough");
    await Promise.allSettled(running);
    process.off("warning", warned);
    expect(warned).not.toHaveBeenCalled();
  });

  it("closes once and refuses later calls", async () => {
    const contexts = source();
    const first = await contexts.open();
    const host = new ContextHost(contexts, first, 1000);
    await host.dispose();
    await host.dispose();
    expect(contexts.closed).toEqual([first]);
    await expect(host.run(forever, answer)).rejects.toThrow(UnloadedError);
  });
});
