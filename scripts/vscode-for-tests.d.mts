/** The folder that outlives a clone: the editor for tests lies in it. */
export function testCache(): string;
/** The editor for the tests: code-server's entry script and a Chromium to show it in; installed where missing. */
export function codeServerForTests(say?: (line: string) => void): { entry: string; browser: string };
