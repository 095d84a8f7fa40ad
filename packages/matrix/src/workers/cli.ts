// pnpm workers [--size 3] [--steps 20] [--only byol]: several processes against one, on every host and method.
import { parseArgs } from 'node:util';
import { compiledRuntime, loadTensorFlow } from '@contrastive/engine';
import { CASES } from './cases.js';
import { compareWorkers, type Difference, LIMIT } from './compare.js';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '2' },
    steps: { type: 'string', default: '20' },
    only: { type: 'string' },
  },
});
const names = CASES.map((c) => c.name).filter((name) => name.includes(values.only ?? ''));
await loadTensorFlow({ threads: 1 });
const runtime = compiledRuntime({ threads: 1 });
const isGood = (r: Difference) => r.loss < LIMIT && r.variables < LIMIT && r.between === 0;
const show = (r: Difference) => {
  const [loss, variables] = [r.loss, r.variables].map((gap) => gap.toExponential(1));
  const verdict = isGood(r) ? 'passed' : 'FAILED';
  console.log(`${verdict}  loss ${loss}  variables ${variables} (${r.worst})  between workers ${r.between}  ${r.name}`);
};
const options = { names, steps: Number(values.steps), onResult: show };
const results = await compareWorkers(runtime, Number(values.size), options);
const failed = results.filter((r) => !isGood(r)).length;
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 && results.length > 0 ? 0 : 1);
