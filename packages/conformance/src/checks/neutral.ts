import { type Cell, runSteps, trainerOf, using } from '../cell.js';
import { requireSame } from '../same.js';
import type { Check } from './check.js';

async function twoSteps(cell: Cell) {
  return using(trainerOf(cell), async (trainer) => {
    const reports = await runSteps(trainer, 2);
    return { losses: reports.map((r) => r.metrics.loss!), tensors: (await trainer.snapshot()).tensors };
  });
}

/** Loss, weights, queues, and the optimiser's momentum (which is the gradient after one step): all as without the method. */
export const neutralIsHost: Check = {
  name: 'gives loss and gradients of the host bit for bit with neutral options',
  skip: ({ neutral }) => (neutral === undefined ? 'it has no neutral options' : undefined),
  run: async ({ host }, { neutral }) => {
    const alone = await twoSteps({ host, plugins: () => [] });
    const off = await twoSteps({ host, plugins: neutral! });
    for (const [i, loss] of alone.losses.entries()) {
      if (off.losses[i] !== loss)
        throw new Error(`The loss of step ${i + 1} is ${off.losses[i]}, the host's is ${loss}.`);
    }
    requireSame('Neutral options', off.tensors, alone.tensors);
  },
};
