import { fileURLToPath } from 'node:url';

/** A file beside this one. */
export const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
