import { describe, it } from 'vitest';
import { CHECKS } from './checks/index.js';
import { fitOf } from './fit.js';
import { HOSTS, type HostCase } from './hosts.js';
import { cellOf, type MethodCase, recordedRuntime } from './method.js';

export interface TestPluginOptions {
  /** Hosts that the method must support, or refuse. Default: it must support all. */
  readonly supports?: (host: string) => boolean;
  /** Hosts to try. Default all. */
  readonly hosts?: readonly HostCase[];
}

/**
 * The shared test suite: a method over every host, with the checks of {@link CHECKS}. For a package's own tests:
 *
 * @example testPlugin('ft', { make: () => ft(), neutral: () => ft({ lambdaEx: 1, lambdaIn: 1 }) });
 */
export function testPlugin(
  name: string,
  method: MethodCase,
  { supports = () => true, hosts = HOSTS }: TestPluginOptions = {},
): void {
  const recorded = recordedRuntime();
  describe.each(hosts.map((host) => [host.name, host.make] as const))(`${name} over %s`, (hostName, host) => {
    const { cell } = cellOf(method, host, undefined);
    if (!supports(hostName)) {
      it('is refused with a reason', async ({ expect }) => {
        expect(await fitOf(cell)).toMatchObject({ isSupported: false, reason: expect.stringContaining('[') });
      });
      return;
    }
    it('fits', async ({ expect }) => {
      expect(await fitOf(cell)).toEqual({ isSupported: true });
    });
    for (const check of CHECKS) {
      it(check.name, async ({ skip }) => {
        const runtime = await recorded;
        const { context } = cellOf(method, host, 'missing' in runtime ? undefined : runtime);
        const reason = check.skip?.(context);
        if (reason !== undefined) skip(reason);
        await check.run(cell, context);
      });
    }
  });
}
