import * as tf from '@tensorflow/tfjs';

// tfjs-core alone has no gradients: they are registered by the union package (in Node also through tfjs-node).
// Its cpu backend advertises tfjs-node on first use; warnings should mean something here.
Object.assign(tf.backend(), { firstUse: false });
