/** Seeds: one number names a whole search; every candidate's seed follows from it and from its place in the tree. */

/** FNV-1a over UTF-16 code units, finished with a mixer so that near strings give far seeds. 32 bits, unsigned. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash ^= text.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * The seed of the `ordinal`-th candidate ever drawn at a node. It depends on the problem and the node's place, never on
 * what else is searched at the time, so a problem's search is the same alone and in company.
 */
export function candidateSeed(seed: number, problemId: string, place: string, ordinal: number): number {
  return hash32(`${seed}|${problemId}|${place}|${ordinal}`);
}
