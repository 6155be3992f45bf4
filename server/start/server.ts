/** What `node dist/server.cjs --stdio` starts, and the extension over IPC: the language server. */
import { keepDecodingOnOneThread } from "./decode-thread.ts";

keepDecodingOnOneThread();
void import("../main.ts");
