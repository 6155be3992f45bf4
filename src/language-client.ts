/** The library that talks to the server, bundled apart and read with the first use of the server. */
export * from "vscode-languageclient/node";
