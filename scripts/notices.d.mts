/** What is said of one work of others. */
export interface Notice {
  readonly name: string;
  readonly version?: string | undefined;
  readonly license: string;
  readonly home: string;
  readonly texts: readonly { readonly file: string; readonly text: string }[];
}
/** The file in the package. */
export const NOTICES: string;
/** Whether a file of this name holds a licence or notices. */
export function isLicence(file: string): boolean;
/** The notice of an npm package in a folder. Throws where nothing says under which licence it is. */
export function noticeOfPackage(folder: string): Notice;
/** The notice of a Python wheel. Throws where nothing says under which licence it is. */
export function noticeOfWheel(archive: Buffer): Notice;
/** The folders of the npm packages that bundled sources are of, from the root, sorted. */
export function bundledPackages(sources: readonly string[]): string[];
/** The folders of all packages in a folder `node_modules`, at any depth. */
export function packagesBelow(modules: string): string[];
/** The notices of a package that was put together in `folder`. Throws where something in it has no licence. */
export function collectNotices(folder: string, sources: readonly string[], root: string): Notice[];
/** The file's text: each work once, in the order of their names. */
export function formatNotices(notices: readonly Notice[]): string;
