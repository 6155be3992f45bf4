/** The options that name a server which has the policy, and the key from the environment. */
import { InvalidArgumentError, Option, type Command } from "commander";
import type { Endpoint, RuntimeOptions } from "../compose.ts";
import { ENDPOINT_KEY, keyOfEnvironment } from "../protocol/endpoint.ts";
import { DEFAULT_SETTINGS, namedPpm } from "../protocol/settings.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { wholeNumber } from "./numbers.ts";

/** As commander reads them; `model` and `ppm` are the command's own. */
export interface EndpointFlags {
  readonly model?: string;
  readonly ppm?: string;
  readonly endpoint?: string;
  readonly endpointModel?: string;
  readonly endpointFormat: Endpoint["promptFormat"];
  readonly endpointRequests: number;
  readonly endpointTimeout: number;
}

const DEFAULTS = DEFAULT_SETTINGS.endpoint;

/** Adds the options to a command. */
export function withEndpoint(command: Command): Command {
  return command
    .option(
      "--endpoint <url>",
      `a policy behind an OpenAI-compatible server instead of a local one; the problem's text is sent there. The key comes from ${ENDPOINT_KEY}`,
    )
    .option("--endpoint-model <name>", "the server's name for the model (default: the only one it has)")
    .addOption(
      new Option("--endpoint-format <format>", "`bare` for a model that was trained on the step grammar")
        .choices(["two-shot", "bare"])
        .default(DEFAULTS.promptFormat),
    )
    .option("--endpoint-requests <n>", "requests under way at once", wholeNumber, DEFAULTS.concurrentRequests)
    .option(
      "--endpoint-timeout <seconds>",
      "how long the server may say nothing",
      seconds,
      DEFAULTS.timeoutSeconds,
    );
}

/** The models that the options name. @throws CommandFailure for options that exclude each other. */
export function modelsFrom(flags: EndpointFlags): Pick<RuntimeOptions, "model" | "ppm" | "endpoint"> {
  const ppm = flags.ppm === undefined ? {} : { ppm: namedPpm(flags.ppm) };
  if (flags.endpoint === undefined) {
    if (flags.endpointModel === undefined)
      return { ...ppm, ...(flags.model === undefined ? {} : { model: flags.model }) };
    throw new CommandFailure(EXIT.usage, "--endpoint-model needs --endpoint, the address of the server.");
  }
  if (flags.model !== undefined)
    throw new CommandFailure(
      EXIT.usage,
      "--model names a model of this machine and --endpoint a server: one of them is to be used. The server's model is named by --endpoint-model.",
    );
  return {
    ...ppm,
    endpoint: {
      url: flags.endpoint,
      model: flags.endpointModel ?? "",
      key: keyOfEnvironment(process.env),
      promptFormat: flags.endpointFormat,
      concurrentRequests: flags.endpointRequests,
      timeoutMs: flags.endpointTimeout * 1000,
    },
  };
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 1 && value <= 300)) throw new InvalidArgumentError("a number from 1 to 300 is needed.");
  return value;
}
