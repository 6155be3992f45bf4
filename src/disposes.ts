/** What VS Code takes as disposable: anything with the method, of whatever class. */
export interface Disposes {
  dispose(): unknown;
}
