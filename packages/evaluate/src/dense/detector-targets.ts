import type { Box, Detection, GroundTruth } from './detection.js';

/** The map's cells, and how many pixels one covers. */
export interface GridShape {
  readonly rows: number;
  readonly columns: number;
  readonly classes: number;
  readonly strideY: number;
  readonly strideX: number;
}

export interface CentreTargets {
  /** [n, rows, columns, classes]: 1 at centres, falling off as a Gaussian around them. */
  readonly heat: Float32Array;
  /** [n, rows, columns, 4]: height, width, centre's y and x inside its cell; all in cells. */
  readonly box: Float32Array;
  /** [n, rows, columns]: 1 where `box` is known. */
  readonly owned: Float32Array;
  /** Objects, at least 1. */
  readonly count: number;
}

/**
 * What the head must give for the images with the given indices. The Gaussian's deviation is a sixth of the box's sides, at least a third of a
 * cell; where two objects of a class meet, the larger value counts, and the later object owns a shared centre cell.
 */
export function centreTargets(
  grid: GridShape,
  images: Int32Array,
  objects: readonly (GroundTruth<Box> & { readonly image: number })[],
): CentreTargets {
  const cells = grid.rows * grid.columns;
  const heat = new Float32Array(images.length * cells * grid.classes);
  const box = new Float32Array(images.length * cells * 4);
  const owned = new Float32Array(images.length * cells);
  let count = 0;
  images.forEach((image, i) => {
    for (const { region, label } of objects.filter((object) => object.image === image)) {
      const { y, x, height, width } = inCells(grid, region);
      const row = Math.min(grid.rows - 1, Math.max(0, Math.floor(y)));
      const column = Math.min(grid.columns - 1, Math.max(0, Math.floor(x)));
      const spread = [Math.max(1 / 3, height / 6), Math.max(1 / 3, width / 6)] as const;
      for (let r = 0; r < grid.rows; r++) {
        for (let c = 0; c < grid.columns; c++) {
          const at = ((i * grid.rows + r) * grid.columns + c) * grid.classes + label;
          const value = Math.exp(-(((r - row) / spread[0]) ** 2 + ((c - column) / spread[1]) ** 2) / 2);
          heat[at] = Math.max(heat[at]!, value);
        }
      }
      const cell = (i * grid.rows + row) * grid.columns + column;
      box.set([height, width, y - row, x - column], cell * 4);
      owned[cell] = 1;
      count++;
    }
  });
  return { heat, box, owned, count: Math.max(1, count) };
}

/**
 * Boxes of the best peaks of every image, best first.
 *
 * @param images index of each map. @param output the head's values, [n, rows, columns, classes + 4]. @param peaks score of every cell that
 * is a local maximum, else 0, [n, rows, columns, classes].
 */
export function decodeCentres(
  grid: GridShape,
  images: Int32Array,
  output: Float32Array,
  peaks: Float32Array,
  maxDetections: number,
): Detection<Box>[] {
  const size = grid.rows * grid.columns * grid.classes;
  return Array.from(images).flatMap((image, i) => {
    const scored = Array.from(peaks.subarray(i * size, (i + 1) * size), (score, at) => ({ score, at }));
    const best = scored.filter(({ score }) => score > 0).sort((a, b) => b.score - a.score || a.at - b.at);
    return best.slice(0, maxDetections).map(({ score, at }) => {
      const label = at % grid.classes;
      const cell = Math.floor(at / grid.classes);
      const values = (i * grid.rows * grid.columns + cell) * (grid.classes + 4) + grid.classes;
      const [height, width, dy, dx] = output.subarray(values, values + 4) as unknown as [
        number,
        number,
        number,
        number,
      ];
      const y = (Math.floor(cell / grid.columns) + dy) * grid.strideY;
      const x = ((cell % grid.columns) + dx) * grid.strideX;
      const half = [(Math.max(0, height) * grid.strideY) / 2, (Math.max(0, width) * grid.strideX) / 2] as const;
      return { image, label, score, region: [x - half[1], y - half[0], x + half[1], y + half[0]] as Box };
    });
  });
}

function inCells({ strideX, strideY }: GridShape, [x0, y0, x1, y1]: Box) {
  return {
    y: (y0 + y1) / 2 / strideY,
    x: (x0 + x1) / 2 / strideX,
    height: (y1 - y0) / strideY,
    width: (x1 - x0) / strideX,
  };
}
