/** Property tests draw the same cases in every run; `FC_SEED=n npm run test:unit` looks further. */
import fc from "fast-check";

fc.configureGlobal({ seed: Number(process.env["FC_SEED"] ?? 20260101) });
