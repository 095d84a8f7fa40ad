import { DataError } from './errors.js';

/** Classes by file name, from a labels file. */
export type LabelRows = ReadonlyMap<string, string>;

/** Which of the listed files belong to the data set, and their classes. */
export interface Layout {
  /** Positions in the list of names. */
  readonly indices: Int32Array;
  /** Class of each of them, −1 for none; missing if there are no classes. */
  readonly labels: Int32Array | undefined;
  readonly classNames: readonly string[];
}

/** The options of `layoutOf`. */
export interface LayoutOptions {
  /** `train`, `test`, `all`, or the name of another top folder. Default: `train` if there is such a folder, else everything. */
  readonly split?: string | undefined;
  /** Only files below this folder. */
  readonly root?: string | undefined;
  /** Classes by file name (from `root` on); `undefined` takes them from the folders, `null` makes none. */
  readonly rows?: LabelRows | null | undefined;
}

const TRAIN = ['train', 'training'];
const TEST = ['test', 'val', 'valid', 'validation'];
const OTHER = ['unlabeled', 'unlabelled'];
const SPLITS: ReadonlySet<string> = new Set([...TRAIN, ...TEST, ...OTHER]);

/** A folder `train` among several, none of them another split, is a class: that of the vehicles. */
const trainIsClass = (tops: ReadonlySet<string>): boolean =>
  tops.size > 2 && ![...tops].some((folder) => folder === '' || (SPLITS.has(folder) && !TRAIN.includes(folder)));

const top = (name: string): string => name.slice(0, Math.max(0, name.indexOf('/')));
const below = (name: string): string => name.slice(name.indexOf('/') + 1);

/**
 * Recognises `[train|test/][class/]…/image`: a folder that all files share is taken off first (unless it names a split), then
 * the split folder; the next folder is the class. With fewer than two classes there are no labels.
 *
 * @throws DataError `DATA` if nothing is left or the split does not exist.
 */
export function layoutOf(names: readonly string[], { split, root, rows }: LayoutOptions): Layout {
  const prefix = root === undefined ? '' : `${root.replace(/^(\.\/)+|\/+$/g, '')}/`;
  let files = names.map((name, index) => ({ name: name.slice(prefix.length), key: name.slice(prefix.length), index }));
  if (prefix !== '') files = files.filter(({ index }) => names[index]!.startsWith(prefix));
  if (files.length === 0) throw noImages(root);
  for (;;) {
    const shared = top(files[0]!.name);
    if (shared === '' || SPLITS.has(shared) || !files.every(({ name }) => top(name) === shared)) break;
    files = files.map((file) => ({ ...file, name: below(file.name) }));
  }
  files = takeSplit(files, split);
  const classOf =
    rows === null
      ? () => ''
      : rows === undefined
        ? (file: File) => top(file.name)
        : (file: File) => rows.get(file.key) ?? '';
  if (rows) checkRows(rows, files);
  return label(files, classOf);
}

interface File {
  /** Path without the parts that were taken off. */
  readonly name: string;
  /** Path from the root on. */
  readonly key: string;
  readonly index: number;
}

function takeSplit(files: File[], split: string | undefined): File[] {
  const tops = new Set(files.map(({ name }) => top(name)));
  const found = (wanted: readonly string[]) => wanted.find((folder) => tops.has(folder));
  const inside = (folder: string) =>
    files.filter(({ name }) => top(name) === folder).map((file) => ({ ...file, name: below(file.name) }));
  if (split === 'all' && trainIsClass(tops)) return files;
  if (split === 'all')
    return files.map((file) => (SPLITS.has(top(file.name)) ? { ...file, name: below(file.name) } : file));
  const aliases = split === undefined || split === 'train' ? TRAIN : split === 'test' ? TEST : [split];
  const folder = found(aliases);
  if (folder !== undefined && (split !== undefined || !trainIsClass(tops))) return inside(folder);
  if (split === undefined) return files;
  const known = [...tops].filter((t) => t !== '').sort();
  throw new DataError('DATA', `There is no split '${split}' in this data.`, {
    hint:
      known.length === 0
        ? 'The images lie in no folders; leave the split out.'
        : `Its top folders are: ${known.slice(0, 12).join(', ')}${known.length > 12 ? ', …' : ''}.`,
  });
}

function label(files: readonly File[], classOf: (file: File) => string): Layout {
  const indices = Int32Array.from(files, ({ index }) => index);
  const classNames = [...new Set(files.map(classOf))].filter((name) => name !== '').sort(byNumberOrName);
  if (classNames.length < 2) return { indices, labels: undefined, classNames: [] };
  const ids = new Map(classNames.map((name, i) => [name, i]));
  return { indices, labels: Int32Array.from(files, (file) => ids.get(classOf(file)) ?? -1), classNames };
}

/** Numbers by value, everything else by code units, so that the order is the same on every machine. */
function byNumberOrName(a: string, b: string): number {
  const [x, y] = [Number(a), Number(b)];
  if (!Number.isNaN(x) && !Number.isNaN(y) && x !== y) return x - y;
  return a < b ? -1 : a > b ? 1 : 0;
}

function checkRows(rows: LabelRows, files: readonly File[]): void {
  if (files.some(({ key }) => rows.has(key))) return;
  throw new DataError('DATA', `None of the ${rows.size} rows of the labels file names an image of this data.`, {
    hint: `Its first column must hold paths such as '${files[0]!.key}'.`,
  });
}

function noImages(root: string | undefined): DataError {
  return new DataError('DATA', `No images were found${root === undefined ? '' : ` below '${root}'`}.`, {
    hint: 'JPEG, PNG, WebP, GIF, TIFF and AVIF files are read, in any sub-folders.',
  });
}
