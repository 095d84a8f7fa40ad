import { describe, expect, it } from 'vitest';
import { testResize, testView } from './test-view.js';

describe('testView', () => {
  it('resizes to 256 and crops 224, but takes small images whole', () => {
    expect([32, 64, 96, 128, 224].map(testResize)).toEqual([32, 64, 96, 128, 256]);
    const { steps, mean } = testView({ side: 224, mean: [0.1, 0.2, 0.3], std: [1, 1, 1] });
    expect(steps).toEqual([{ op: 'centerCrop', side: 256, filter: 'bilinear' }]);
    expect(mean).toEqual([0.1, 0.2, 0.3]);
  });
});
