/** Lets node-llama-cpp find binaries that lie outside of the `node_modules` folders that it looks into. */
import { register } from "node:module";

/** Runs in Node's own thread for such hooks. What npm installed where it belongs is found first. */
const HOOKS = `
let entries = {};
export function initialize(given) {
  entries = given;
}
export async function resolve(specifier, context, next) {
  const entry = entries[specifier];
  if (entry === undefined) return await next(specifier, context);
  try {
    return await next(specifier, context);
  } catch {
    return { url: entry, format: "module", shortCircuit: true };
  }
}`;

const known = new Set<string>();

/** Makes packages importable by name. @param binaries The URL of each package's entry, by its name. */
export function useGpuBinaries(binaries: Readonly<Record<string, string>>): void {
  const fresh = Object.entries(binaries).filter(([, url]) => !known.has(url));
  if (fresh.length === 0) return;
  for (const [, url] of fresh) known.add(url);
  register(`data:text/javascript,${encodeURIComponent(HOOKS)}`, { data: Object.fromEntries(fresh) });
}
