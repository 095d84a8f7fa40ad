import { CHECKS, cellOf, fitOf, type HostCase } from '@contrastive/conformance';
import type { Runtime } from '@contrastive/core';
import type { Row } from './rows.js';

/** How one check of a cell came out. */
export interface CheckResult {
  readonly check: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** Why it failed or was skipped. */
  readonly message?: string;
}

/** Methods over a host. */
export interface CellResult {
  readonly methods: string;
  readonly host: string;
  /** False if the parts refuse each other; `reason` then says why. */
  readonly isSupported: boolean;
  readonly reason?: string;
  readonly checks: readonly CheckResult[];
}

/** Tries one cell: whether it fits and, if so, every check. */
export async function runCell(row: Row, host: HostCase, recorded: Runtime | undefined): Promise<CellResult> {
  const { cell, context } = cellOf(row.method, host.make, recorded);
  const names = { methods: row.name, host: host.name };
  try {
    const fit = await fitOf(cell);
    if (!fit.isSupported) {
      return { ...names, ...fit, checks: [{ check: 'is refused with a reason', outcome: 'passed' }] };
    }
  } catch (error) {
    const failed = {
      check: 'fits, or is refused as incompatible',
      outcome: 'failed',
      message: messageOf(error),
    } as const;
    return { ...names, isSupported: true, checks: [failed] };
  }
  const checks: CheckResult[] = [];
  for (const check of CHECKS) {
    const reason = check.skip?.(context);
    if (reason !== undefined) {
      checks.push({ check: check.name, outcome: 'skipped', message: reason });
      continue;
    }
    try {
      await check.run(cell, context);
      checks.push({ check: check.name, outcome: 'passed' });
    } catch (error) {
      checks.push({ check: check.name, outcome: 'failed', message: messageOf(error) });
    }
  }
  return { ...names, isSupported: true, checks };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const hasFailed = ({ checks }: CellResult): boolean => checks.some(({ outcome }) => outcome === 'failed');

export function countOutcomes(cells: readonly CellResult[]) {
  const outcomes = cells.flatMap(({ checks }) => checks.map(({ outcome }) => outcome));
  const count = (wanted: CheckResult['outcome']) => outcomes.filter((outcome) => outcome === wanted).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}
