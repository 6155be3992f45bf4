/** Messages to the person that ask nothing. */
import { MessageType, ShowMessageNotification, type Connection } from "vscode-languageserver";

/** Shows a message: `trouble` when something did not come to pass. */
export function say(connection: Connection, kind: "done" | "trouble", message: string): void {
  const type = kind === "done" ? MessageType.Info : MessageType.Warning;
  void connection.sendNotification(ShowMessageNotification.type, { type, message });
}
