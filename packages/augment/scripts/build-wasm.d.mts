/** The text of src/kernel/kernel.generated.ts for the current assembly/kernel.ts. */
export function generate(): Promise<string>;
