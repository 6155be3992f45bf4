/** The way through a trace's tree. */
import type { TraceNode } from "./trace.ts";

/** The nodes from the root's child to `id`, in order. */
export function pathTo(nodes: readonly TraceNode[], id: number): TraceNode[] {
  const path: TraceNode[] = [];
  for (let node = nodes[id]; node !== undefined && node.parent !== null; node = nodes[node.parent])
    path.push(node);
  return path.reverse();
}
