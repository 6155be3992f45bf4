/** The server process, over stdio or over the extension's IPC; `start/server.ts` readies it. */
import { createConnection, ProposedFeatures } from "vscode-languageserver/node";
import { realServices } from "./handlers/services.ts";
import { startServer } from "./server.ts";

startServer(createConnection(ProposedFeatures.all), realServices);
