import * as tf from '@tensorflow/tfjs-core';
import { SslError } from './errors.js';
import { scoreComparison, softmax } from './scoring.js';

export interface InfoNceOptions {
  /** Negatives, [m, d], shared by all anchors. */
  readonly queue: tf.Tensor2D;
  /** τ > 0, no unit (MoCo v2: 0.2; v1: 0.07). */
  readonly temperature: number;
}

/**
 * Softmax contrast with one positive per anchor (InfoNCE):  mean_i [ log Σ_j exp(s_ij / τ) − s_i0 / τ ],  s_i = [q_i·k_i, q_i·Q].
 *
 * Rows are used as given: pass {@link unit} rows for cosine scores. In nats; ln(1 + m) when all scores are equal. Gradient reaches
 * everything that is not a constant: stop it at `key` and `queue` ({@link stopGradient}) for MoCo.
 *
 * @param query anchors, [n, d]. @param key key i belongs to query i, [n, d].
 * @throws SslError `SHAPE_MISMATCH` if n or d disagree; `BAD_OPTION` if τ ≤ 0.
 * @example infoNce(unit([10°, 100°]), unit([0°, 90°]), { queue: unit([180°, 225°, 270°]), temperature: 0.2 }) // 0.010425
 * Source: He et al. 2020, arXiv 1911.05722, eq. 1; spec "hosts" section 4.
 */
export function infoNce(query: tf.Tensor2D, key: tf.Tensor2D, { queue, temperature }: InfoNceOptions): tf.Scalar {
  requireSameShape('infoNce', 'query', query, 'key', key);
  const { losses } = scoreComparison({
    from: 'query',
    to: 'key',
    anchors: query,
    positives: { kind: 'paired', rows: tf.expandDims(key, 1) },
    negatives: [{ kind: 'shared', rows: queue }],
    temperature,
    share: 1,
    objective: softmax,
  });
  return tf.mean(losses);
}

export interface NtXentOptions {
  /** τ > 0, no unit (SimCLR on ImageNet 0.1, solo-learn 0.2, on CIFAR 0.5). */
  readonly temperature: number;
}

/**
 * NT-Xent of SimCLR: each of the 2n rows against all others but itself, its partner in the other view being wanted; mean over 2n rows.
 *
 * Rows are used as given: pass {@link unit} rows. In nats; ln(2n − 1) when all scores are equal. Both views get gradient.
 *
 * @param first, second the two views of the same n images in the same order, [n, d].
 * @throws SslError `SHAPE_MISMATCH` if the shapes disagree; `BAD_OPTION` if τ ≤ 0.
 * @example ntXent(unit([0°, 90°]), unit([20°, 140°]), { temperature: 0.5 }) // 0.306964
 * Source: Chen et al. 2020, arXiv 2002.05709, eq. 1; spec "hosts" section 5.
 */
export function ntXent(first: tf.Tensor2D, second: tf.Tensor2D, { temperature }: NtXentOptions): tf.Scalar {
  requireSameShape('ntXent', 'first', first, 'second', second);
  const n = first.shape[0];
  const image = tf.concat([tf.range(0, n, 1, 'int32'), tf.range(0, n, 1, 'int32')]);
  const isOther = tf.cast(tf.notEqual(tf.expandDims(image, 1), tf.expandDims(image, 0)), 'float32') as tf.Tensor2D;
  const rows = tf.concat([first, second]);
  const { losses } = scoreComparison({
    from: 'view1',
    to: 'view2',
    anchors: rows,
    positives: { kind: 'paired', rows: tf.expandDims(tf.concat([second, first]), 1) },
    negatives: [{ kind: 'shared', rows, mask: isOther }],
    temperature,
    share: 1,
    objective: softmax,
  });
  return tf.mean(losses);
}

function requireSameShape(owner: string, nameA: string, a: tf.Tensor, nameB: string, b: tf.Tensor): void {
  if (String(a.shape) === String(b.shape)) return;
  throw new SslError(
    'SHAPE_MISMATCH',
    `${owner}: ${nameA} is [${a.shape}] and ${nameB} is [${b.shape}], but they must have one shape.`,
  );
}
