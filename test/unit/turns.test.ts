import { expect, test } from "vitest";
import { Turns, unlessAborted } from "../../server/turns.ts";

const forever = new AbortController().signal;

/** A task that ends when it is told. */
function held(): { readonly work: () => Promise<void>; readonly end: () => void; begun: boolean } {
  let end: () => void = () => undefined;
  const done = new Promise<void>((resolve) => (end = resolve));
  const task = {
    begun: false,
    end: () => end(),
    work: () => {
      task.begun = true;
      return done;
    },
  };
  return task;
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

test("turns are taken in order, at most so many at once", async () => {
  const turns = new Turns(() => 2);
  const tasks = [held(), held(), held(), held()];
  const all = tasks.map((task) => turns.take(forever, task.work));
  await settle();
  expect(tasks.map(({ begun }) => begun)).toEqual([true, true, false, false]);
  tasks[1]?.end();
  await settle();
  expect(tasks.map(({ begun }) => begun)).toEqual([true, true, true, false]);
  for (const task of tasks) task.end();
  await Promise.all(all);
});

test("who is stopped while waiting never begins, and takes nobody's turn", async () => {
  const turns = new Turns(() => 1);
  const [first, second, third] = [held(), held(), held()];
  const stop = new AbortController();
  const one = turns.take(forever, first.work);
  const two = turns.take(stop.signal, second.work);
  const three = turns.take(forever, third.work);
  stop.abort(new Error("stopped"));
  await expect(two).rejects.toThrow("stopped");
  first.end();
  await one;
  await settle();
  expect([second.begun, third.begun]).toEqual([false, true]);
  third.end();
  await three;
  const fourth = held();
  const four = turns.take(forever, fourth.work);
  await settle();
  expect(fourth.begun).toBe(true);
  fourth.end();
  await four;
});

test("who is stopped in the moment of getting a turn hands it on", async () => {
  const turns = new Turns(() => 1);
  const [first, second, third] = [held(), held(), held()];
  const stop = new AbortController();
  const one = turns.take(forever, first.work);
  const two = turns.take(stop.signal, second.work);
  const three = turns.take(forever, third.work);
  void one.then(() => stop.abort(new Error("stopped")));
  first.end();
  second.end();
  await two.catch(() => undefined);
  await settle();
  expect(third.begun).toBe(true);
  third.end();
  await three;
});

test("more may enter when the limit is raised, those who wait before who comes", async () => {
  let limit = 1;
  const turns = new Turns(() => limit);
  const tasks = [held(), held(), held(), held(), held()];
  const take = (index: number): Promise<void> =>
    turns.take(forever, tasks[index]?.work ?? (() => Promise.resolve()));
  const all = [take(0), take(1), take(2)];
  limit = 2;
  all.push(take(3));
  await settle();
  expect(tasks.map(({ begun }) => begun)).toEqual([true, true, false, false, false]);
  limit = 3;
  tasks[0]?.end();
  await settle();
  expect(tasks.map(({ begun }) => begun)).toEqual([true, true, true, true, false]);
  limit = 1;
  all.push(take(4));
  tasks[1]?.end();
  tasks[2]?.end();
  await settle();
  expect(tasks[4]?.begun).toBe(false);
  for (const task of tasks) task.end();
  await Promise.all(all);
  expect(tasks[4]?.begun).toBe(true);
});

test("waiting ends with the signal, and a failure that comes later is nobody's", async () => {
  const stop = new AbortController();
  let fail: (error: Error) => void = () => undefined;
  const waiting = unlessAborted(new Promise<void>((_resolve, reject) => (fail = reject)), stop.signal);
  stop.abort(new Error("stopped"));
  await expect(waiting).rejects.toThrow("stopped");
  fail(new Error("late"));
  await settle();
});
