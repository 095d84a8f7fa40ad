import { SslError } from '@contrastive/core';
import type { ImageSet } from '@contrastive/data';
import { otherRows, stratifiedSample } from '@contrastive/evaluate';
import { type DataOptions, type DataOutput, openData } from '../image-data.js';
import { type EvaluationImages, evenly, subset } from './image-subset.js';

/** The images of an evaluation. */
export interface EvaluationSets {
  /** Training images: the bank of kNN, what probes learn from. */
  readonly train: EvaluationImages;
  /** Test images; without labels there are none. */
  readonly test: EvaluationImages | undefined;
  readonly classNames: readonly string[];
  /** What a reader of the numbers must know. */
  readonly notes: readonly string[];
  close(): Promise<void>;
}

export interface SetOptions extends DataOptions {
  /** At most so many training and test images, a stratified sample: the light protocols. Default: all. */
  readonly trainImages?: number | undefined;
  readonly testImages?: number | undefined;
}

/** Share of the training images that is held out where there are no test images. */
const HELD_OUT = 0.2;

/**
 * Opens training and test images. Without a test folder a stratified fifth of the labelled images is held out (seed 0), and a note
 * says so; images without a label take no part where others have one.
 *
 * @throws SslError `DATA` if the data cannot be opened, or test images are of classes that training lacks.
 */
export async function openSets(options: SetOptions, output: DataOutput): Promise<EvaluationSets> {
  const { trainImages, testImages, ...data } = options;
  const train = await openData(data, output);
  const opened: ImageSet[] = [train];
  const close = async () => {
    await Promise.all(opened.map((set) => set.close()));
  };
  try {
    const notes: string[] = [];
    const { classNames } = train;
    if (train.labels === undefined) {
      const sample = limited(train, trainImages, notes, 'training');
      return { train: sample, test: undefined, classNames, notes, close };
    }
    const bank = labelledOnly(train, notes, 'training');
    const test = await openTest(data, output);
    if (typeof test !== 'string') opened.push(test);
    const sets =
      typeof test === 'string'
        ? holdOut(bank, test, notes)
        : { train: bank, test: matched(train, test, data.data, notes) };
    return {
      train: limited(sets.train, trainImages, notes, 'training'),
      test: limited(sets.test, testImages, notes, 'test'),
      ...{ classNames, notes, close },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The test images, or why there are none. */
async function openTest(data: DataOptions, output: DataOutput): Promise<ImageSet | string> {
  if (data.split !== undefined) return `The split ${data.split} was named, which has no test images.`;
  try {
    return await openData({ ...data, split: 'test' }, output);
  } catch (error) {
    if ((error as { code?: string }).code === 'DATA' && /no split/.test((error as Error).message)) {
      return 'There is no folder of test images.';
    }
    throw error;
  }
}

function holdOut(bank: EvaluationImages, why: string, notes: string[]) {
  const held = stratifiedSample(bank.labels!, HELD_OUT);
  if (held.length === bank.count) {
    throw new SslError('DATA', `${why} The ${bank.count} labelled images are too few to hold some out for testing.`, {
      hint: 'Add a test folder, or more images of each class.',
    });
  }
  notes.push(
    `${why} ${held.length} of ${bank.count} images, a fifth of each class by seed 0, are held out for testing.`,
  );
  return { train: subset(bank, otherRows(bank.count, held)), test: subset(bank, held) };
}

function labelledOnly(images: ImageSet, notes: string[], which: string): EvaluationImages {
  const labels = images.labels!;
  const known = Int32Array.from([...labels.keys()].filter((id) => labels[id]! >= 0));
  if (known.length === images.count) return images;
  notes.push(`${images.count - known.length} ${which} images have no label and take no part.`);
  return subset(images, known);
}

/** Test images with the class numbers of the training images. */
function matched(train: ImageSet, test: ImageSet, data: string, notes: string[]): EvaluationImages {
  if (test.labels === undefined) {
    throw new SslError('DATA', `The test images of ${data} have no labels, or are all of one class.`, {
      hint: 'Name the class folders alike in both splits, or give labels of both by --labels.',
    });
  }
  const unknown = test.classNames.filter((name) => !train.classNames.includes(name));
  if (unknown.length > 0) {
    throw new SslError('DATA', `${data} has test images of classes without training images: ${unknown.join(', ')}.`, {
      hint: 'Name the class folders alike in both splits.',
    });
  }
  const absent = train.classNames.filter((name) => !test.classNames.includes(name));
  if (absent.length > 0) notes.push(`No test image is of class ${absent.join(', ')}; training images of it stay in.`);
  const numbers = test.classNames.map((name) => train.classNames.indexOf(name));
  const labels = test.labels.map((label) => numbers[label] ?? -1);
  return labelledOnly({ ...test, labels }, notes, 'test');
}

/** A stratified sample of about `count` images (an even one where there are no labels). */
function limited(
  images: EvaluationImages,
  count: number | undefined,
  notes: string[],
  which: string,
): EvaluationImages {
  if (count === undefined || count >= images.count) return images;
  const rows =
    images.labels === undefined ? evenly(count, images.count) : stratifiedSample(images.labels, count / images.count);
  notes.push(`${rows.length} of ${images.count} ${which} images are used.`);
  return subset(images, rows);
}
