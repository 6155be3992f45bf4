/** Whether this machine has Mesa's Vulkan device, which is a processor that acts as a GPU. */
import { existsSync, readdirSync } from "node:fs";

/** Where this machine's Vulkan drivers are named; `.ci/run` installs the software one. */
const DRIVERS = "/usr/share/vulkan/icd.d";

export const hasSoftwareDevice =
  existsSync(DRIVERS) && readdirSync(DRIVERS).some((name) => name.startsWith("lvp_"));

/** Without it llama.cpp leaves out devices that are really processors. */
export const SOFTWARE_DEVICE = { GGML_VK_VISIBLE_DEVICES: "0" };
