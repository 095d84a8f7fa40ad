/** One image file of a container. */
export interface ImageFile {
  /** Position in `Container.list()`. */
  readonly index: number;
  readonly name: string;
  /** The file's bytes. */
  load(): Promise<Uint8Array>;
}

/** Where image files come from: a folder or archives. */
export interface Container {
  /** Names of the image files, '/' between the parts, in a fixed order. */
  list(): Promise<readonly string[]>;
  /** Changes when the container's files change. */
  fingerprint(): Promise<string>;
  /** The image files in the order of `list()`, of those that are `wanted`. */
  read(wanted: (index: number) => boolean): AsyncIterable<ImageFile>;
}
