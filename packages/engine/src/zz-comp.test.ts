import { it } from 'vitest';
import { eagerRuntime, Trainer, sgd, hostTensor, hostInts, Rng, type ViewRecipe } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { loadTensorFlow, compiledRuntime } from './index.js';
import { wmse, wmseHead } from '../../wmse/src/index.js';
import { reco } from '../../reco/src/index.js';
import * as H from '../../hosts/src/index.js';
import { tinyBackbone } from '@contrastive/testing';
const recipe: ViewRecipe = { name: 's', steps: [], mean: [0,0,0], std: [1,1,1] };
it('x', async () => {
  await loadTensorFlow({ library: '/tmp/tflib/tensorflow/libtensorflow_cc.so.2', threads: 1 });
  const backbone = tinyBackbone();
  const small = { backbone, hidden: 8, dim: 5 } as const;
  const hosts: Record<string, () => any> = { moco: () => H.moco({...small, queueSize: 32}), simclr: () => H.simclr(small), simsiam: () => H.simsiam(small), byol: () => H.byol(small), mocoV3: () => H.mocoV3(small), nnclr: () => (H as any).nnclr({...small, queueSize: 32}), densecl: () => (H as any).densecl({...small, queueSize: 32}) };
  const plugins: Record<string, () => any> = { reco: () => reco({bankSize: 32}), recoRev: () => reco({ bankSize: 32, divergence: 'symmetric', granularity: 'sample', mixSource: 'query', localFeature: 'momentum', teacherView: 'strong' }), recoHost: () => reco({relationBank: 'host', bankSize: 32}), wmse: () => wmse({ sliceSize: 16, iterations: 2, runningStats: true, eps: 'auto' }), wmse4zca: () => wmse({ views: 4, whitening: 'zca', sliceSize: 16 }), newton: () => wmse({ whitening: 'newton', sliceSize: 16 }), pca: () => wmse({ whitening: 'pca', statistics: 'joint', sliceSize: 16 }), diag: () => wmse({ whitening: 'diagonal', distance: 'euclidean' , sliceSize: 16}), cw: () => wmse({ whitening: 'zca', channelGroups: 1, sliceSize: 2}) };
  for (const [hn, host] of Object.entries(hosts)) for (const [pn, plugin] of Object.entries(plugins)) {
    const out: Record<string, number[]> = {};
    try {
    for (const rt of [eagerRuntime, compiledRuntime()]) {
      const t = new Trainer({ host: host(), plugins: [plugin()], optimizer: sgd({ learningRate: 0.05 }), schedule: () => 0.05, batch: 16, side: 8, epochs: 1, stepsPerEpoch: 9, seed: 1, recipes: [recipe], runtime: rt });
      out[rt.name] = [];
      for (let i = 0; i < 3; i++) {
        const images = Object.fromEntries(Object.keys(t.plan).map((v) => { const r = Rng.create(i).fork(v); return [v, hostTensor([16,8,8,3], Float32Array.from({length: 16*192}, () => r.normal()))]; }));
        const { metrics } = await t.step([{ images, ids: hostInts(Int32Array.from({length:16},(_, i)=>i)) }], { record: true });
        out[rt.name]!.push(metrics.loss!);
      }
      t.dispose();
    }
    const [a, b] = Object.values(out) as [number[], number[]];
    console.log(hn, pn, Math.max(...a.map((v, i) => Math.abs(v - b[i]!))).toExponential(1), a.map((v) => v.toFixed(3)).join(' '));
    } catch (e) { console.log(hn, pn, 'ERR', String(e).slice(0, 300), (e as any).hint); }
  }
}, 300000);
