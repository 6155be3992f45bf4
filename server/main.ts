/** Entry of the server process: `node server.mjs --stdio`, or started over IPC by the extension. */
import { createConnection, ProposedFeatures } from "vscode-languageserver/node";
import { realServices } from "./handlers/services.ts";
import { startServer } from "./server.ts";

startServer(createConnection(ProposedFeatures.all), realServices);
