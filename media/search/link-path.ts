/** The line from a step to one of its candidates: straight out, along the column's trunk, in again, round corners. Pure. */
import type { Size } from "./layout.ts";

interface Corner {
  readonly x: number;
  readonly y: number;
}

/** Path data. All children of a parent share the trunk, so the lines never cross. */
export function linkPath(parent: Corner, child: Corner, size: Size): string {
  const [x0, y0] = [parent.x + size.width, parent.y + size.height / 2];
  const [x1, y1] = [child.x, child.y + size.height / 2];
  const trunk = x0 + (x1 - x0) / 2;
  const drop = y1 - y0;
  if (Math.abs(drop) < 1) return `M${x0} ${y0}H${x1}`;
  const round = Math.min(Math.abs(drop) / 2, (x1 - x0) / 2, 8);
  const turn = Math.sign(drop) * round;
  return (
    `M${x0} ${y0}H${trunk - round}Q${trunk} ${y0} ${trunk} ${y0 + turn}` +
    `V${y1 - turn}Q${trunk} ${y1} ${trunk + round} ${y1}H${x1}`
  );
}
