import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';

// tfjs-core alone has no gradients: they are registered by the union package (in Node also through tfjs-node).
// Its cpu backend advertises tfjs-node on first use; warnings should mean something here.
Object.assign(tf.backend(), { firstUse: false });

// The same cases in every run, so that a failure is a change's own; FC_SEED tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });
