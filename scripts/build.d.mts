/** Builds what a package carries into `folder`; the sources that are in it, relative to the root, sorted. */
export function buildRelease(folder: string, root?: string): Promise<string[]>;
