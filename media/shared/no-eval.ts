/** Tells zod not to generate code, which the page's policy forbids. Imported before any schema is made. */
import * as z from "zod";

z.config({ jitless: true });
