/** The texts of an archive's files whose names are wanted, by name, in the archive's order. */
export function readZip(archive: Buffer, isWanted: (name: string) => boolean): Map<string, string>;
