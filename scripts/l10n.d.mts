/** Where the collected texts are kept, from the root. */
export const BUNDLE: string;
/** What that file should hold. */
export function collectTexts(root?: string): string;
