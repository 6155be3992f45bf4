/** Builds the package of a platform and returns its path. */
export function packageExtension(target: string, output?: string): Promise<string>;
