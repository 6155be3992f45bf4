/** What `node dist/cli.cjs` starts: the command. */
import { keepDecodingOnOneThread } from "./decode-thread.ts";

keepDecodingOnOneThread();
void import("../cli.ts");
