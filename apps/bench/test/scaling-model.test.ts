import { expect, it } from 'vitest';
import { linkOf, predict } from '../bench/scaling-model.js';

it('finds latency and bandwidth from two all-reduces of two workers', () => {
  // 2 α = 1 ms; 10 MB in further 10 ms: 1 MB a millisecond.
  expect(linkOf({ smallMs: 1, bucketMs: 11, bucketBytes: 1e7 })).toEqual({ latencyMs: 0.5, bytesPerMs: 1e6 });
});

it('predicts by hand-worked numbers', () => {
  const link = { latencyMs: 0.5, bytesPerMs: 1e6 };
  const bucket = { aloneMs: 100, bucketBytes: 8e6, gatherBytes: 0 };
  // 2 · 1 · (0.5 + 4) = 9; 2 · 7 · (0.5 + 1) = 21.
  expect(predict(bucket, link, 2).exchangeMs).toBeCloseTo(9, 10);
  expect(predict(bucket, link, 8)).toMatchObject({ exchangeMs: 21, stepMs: 121 });
  expect(predict(bucket, link, 8).efficiency).toBeCloseTo(100 / 121, 10);
  // Rows of 1 MB a worker, 4 workers: gather 3 · (0.5 + 1) = 4.5; their gradient, 4 MB: 2 · 3 · (0.5 + 1) = 9; bucket 2 · 3 · 2.5 = 15.
  expect(predict({ ...bucket, gatherBytes: 1e6 }, link, 4).exchangeMs).toBeCloseTo(28.5, 10);
  expect(predict(bucket, link, 1)).toMatchObject({ exchangeMs: 0, efficiency: 1 });
});
