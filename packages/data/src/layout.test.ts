import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layoutOf } from './layout.js';

const plain = (names: string[], options: Parameters<typeof layoutOf>[1] = {}) => {
  const { indices, labels, classNames } = layoutOf(names, options);
  return { files: [...indices].map((i) => names[i]), labels: labels && [...labels], classNames };
};

describe('layoutOf', () => {
  it('takes the first folder as the class, however deep the image lies', () => {
    expect(plain(['cat/1.jpg', 'cat/deep/2.jpg', 'ant/3.jpg'])).toEqual({
      files: ['cat/1.jpg', 'cat/deep/2.jpg', 'ant/3.jpg'],
      labels: [1, 1, 0],
      classNames: ['ant', 'cat'],
    });
  });

  it('makes no labels of a flat folder or of a single class', () => {
    expect(plain(['1.jpg', '2.jpg']).labels).toBeUndefined();
    expect(plain(['cat/1.jpg', 'cat/2.jpg']).labels).toBeUndefined();
  });

  it('gives −1 to images beside the class folders', () => {
    expect(plain(['0.jpg', 'a/1.jpg', 'b/2.jpg']).labels).toEqual([-1, 0, 1]);
  });

  it('orders classes that are numbers by value', () => {
    expect(plain(['10/1.jpg', '9/1.jpg', '2/1.jpg']).classNames).toEqual(['2', '9', '10']);
  });

  const split = ['train/a/1.jpg', 'train/b/2.jpg', 'val/a/3.jpg', 'val/b/4.jpg', 'unlabeled/5.jpg'];

  it('recognises splits, and takes train by itself', () => {
    expect(plain(split)).toEqual({ files: split.slice(0, 2), labels: [0, 1], classNames: ['a', 'b'] });
    expect(plain(split, { split: 'test' }).files).toEqual(split.slice(2, 4));
    expect(plain(split, { split: 'unlabeled' })).toMatchObject({ files: [split[4]], labels: undefined });
    expect(plain(split, { split: 'all' })).toMatchObject({ labels: [0, 1, 0, 1, -1] });
  });

  it('takes a folder train among other classes for a class', () => {
    const classes = ['boat/1.jpg', 'bus/2.jpg', 'train/3.jpg'];
    for (const options of [{}, { split: 'all' }]) {
      expect(plain(classes, options)).toEqual({
        files: classes,
        labels: [0, 1, 2],
        classNames: ['boat', 'bus', 'train'],
      });
    }
    expect(plain(classes, { split: 'train' }).files).toEqual(['train/3.jpg']);
    expect(plain(['raw/1.jpg', 'train/a/2.jpg']).files).toEqual(['train/a/2.jpg']);
  });

  it('takes off folders that all files share, so that an archive of a folder reads as the folder', () => {
    const names = split.map((name) => `data/set/${name}`);
    expect(plain(names, { split: 'test' })).toMatchObject({ files: names.slice(2, 4), labels: [0, 1] });
  });

  it('reads below a root only', () => {
    const names = ['x/images/a/1.jpg', 'x/images/b/2.jpg', 'x/masks/a/1.png'];
    expect(plain(names, { root: './x/images/' })).toMatchObject({ files: names.slice(0, 2), labels: [0, 1] });
    expect(() => layoutOf(names, { root: 'y' })).toThrow("below 'y'");
  });

  it('takes labels from rows', () => {
    const rows = new Map([
      ['1.jpg', 'dog'],
      ['2.jpg', 'cat'],
    ]);
    expect(plain(['1.jpg', '2.jpg', '3.jpg'], { rows })).toMatchObject({
      labels: [1, 0, -1],
      classNames: ['cat', 'dog'],
    });
    expect(() => layoutOf(['a/1.jpg', 'b/2.jpg'], { rows })).toThrow('None of the 2 rows');
  });

  it('makes no labels if told so', () => {
    expect(plain(['a/1.jpg', 'b/2.jpg'], { rows: null }).labels).toBeUndefined();
  });

  it('names the folders that there are when a split is missing', () => {
    expect(() => layoutOf(['a/1.jpg', 'b/1.jpg'], { split: 'test' })).toThrow(
      expect.objectContaining({ code: 'DATA', hint: 'Its top folders are: a, b.' }),
    );
    expect(() => layoutOf(['1.jpg'], { split: 'test' })).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('no folders') }),
    );
    expect(() => layoutOf([], {})).toThrow(expect.objectContaining({ code: 'DATA' }));
  });

  it('gives every file of the split exactly once, with a label of the list of classes', () => {
    const part = fc.constantFrom('a', 'b', 'c', 'train', 'test');
    const path = fc
      .tuple(fc.array(part, { maxLength: 4 }), fc.nat(9))
      .map(([dirs, n]) => [...dirs, `${n}.jpg`].join('/'));
    fc.assert(
      fc.property(fc.uniqueArray(path, { minLength: 1 }), (names) => {
        const { indices, labels, classNames } = layoutOf(names, { split: 'all' });
        expect([...indices]).toEqual(names.map((_, i) => i));
        for (const label of labels ?? []) expect(label).toBeLessThan(classNames.length);
      }),
    );
  });
});
