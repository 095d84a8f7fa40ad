import { type Cell, runSteps, trainerOf, using } from '../cell.js';
import { requireSame } from '../same.js';
import type { Check } from './check.js';

/** The host's own state (queues, pointers) after the first step, when both runs still have the same weights. */
async function stateAfterOneStep(cell: Cell) {
  return using(trainerOf(cell), async (trainer) => {
    await runSteps(trainer, 1);
    const { tensors } = await trainer.snapshot();
    return Object.fromEntries(Object.entries(tensors).filter(([path]) => path.startsWith('host/')));
  });
}

/** Queues take the target's raw keys, never what a method made of them. */
export const leavesHostState: Check = {
  name: 'leaves the host’s queues as they are without it, bit for bit',
  run: async ({ host, plugins }) => {
    const alone = await stateAfterOneStep({ host, plugins: () => [] });
    requireSame('The host’s state', await stateAfterOneStep({ host, plugins }), alone);
  },
};
