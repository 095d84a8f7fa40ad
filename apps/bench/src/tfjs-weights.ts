import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type HostTensor, SslError } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** The part of a tfjs `model.json` that says what lies in its shards. */
interface ModelJson {
  readonly weightsManifest?: readonly {
    readonly paths: readonly string[];
    readonly weights: tf.io.WeightsManifestEntry[];
  }[];
}

/**
 * Weights of a tfjs model by their names; the model's topology is not used.
 *
 * @param path `model.json`; its shards lie beside it. @throws SslError `CHECKPOINT` if it names none, or a shard elsewhere.
 */
export function readTfjsWeights(path: string): Record<string, HostTensor> {
  let manifest: ModelJson['weightsManifest'];
  try {
    manifest = (JSON.parse(readFileSync(path, 'utf8')) as ModelJson).weightsManifest;
  } catch (cause) {
    throw new SslError('CHECKPOINT', `${path} is not a tfjs model: ${(cause as Error).message}.`, { cause });
  }
  if (manifest === undefined)
    throw new SslError('CHECKPOINT', `${path} has no weightsManifest, so it is not a tfjs model.`);
  return Object.fromEntries(
    manifest.flatMap(({ paths, weights }) => {
      const shards = paths.map((name) => {
        if (name !== basename(name))
          throw new SslError('CHECKPOINT', `${path} names the shard ${name}, which is not beside it.`);
        return readFileSync(join(dirname(path), name));
      });
      const bytes = Uint8Array.from(Buffer.concat(shards));
      return Object.entries(tf.io.decodeWeights(bytes.buffer, weights)).map(([name, tensor]) => [name, toHost(tensor)]);
    }),
  );
}

function toHost(tensor: tf.Tensor): HostTensor {
  const host = {
    shape: tensor.shape as HostTensor['shape'],
    dtype: 'float32' as const,
    data: Float32Array.from(tensor.dataSync()),
  };
  tensor.dispose();
  return host;
}
