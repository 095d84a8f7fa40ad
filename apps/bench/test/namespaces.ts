// Two network namespaces as two machines: each has its own interfaces, and one link between them that can be cut.
import { spawnSync } from 'node:child_process';

const ip = (...args: readonly string[]): string | undefined => {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
};

/** Two machines of their own. */
export interface Machines {
  readonly addresses: readonly [string, string];
  /** Program and arguments that run what follows on a machine. */
  on(machine: 0 | 1): readonly string[];
  link(state: 'up' | 'down'): void;
  remove(): void;
}

/** @returns the machines, or why there can be none here: no `ip` command, or not enough rights. */
export function createMachines(): Machines | string {
  const id = process.pid.toString(36);
  const names = [`ct-a-${id}`, `ct-b-${id}`] as const;
  const links = [`cta${id}`, `ctb${id}`] as const;
  const addresses = ['10.213.77.1', '10.213.77.2'] as const;
  const on = (machine: 0 | 1) => ['ip', 'netns', 'exec', names[machine]];
  const inside = (machine: 0 | 1, ...args: readonly string[]) => ip('netns', 'exec', names[machine], 'ip', ...args);
  const remove = () => {
    for (const name of names) ip('netns', 'delete', name); // takes its end of the link along
  };
  const problem =
    ip('netns', 'add', names[0]) ??
    ip('netns', 'add', names[1]) ??
    ip('link', 'add', links[0], 'netns', names[0], 'type', 'veth', 'peer', 'name', links[1], 'netns', names[1]) ??
    [0, 1].reduce<string | undefined>((earlier, i) => {
      const machine = i as 0 | 1;
      return (
        earlier ??
        inside(machine, 'address', 'add', `${addresses[machine]}/24`, 'dev', links[machine]) ??
        inside(machine, 'link', 'set', links[machine], 'up') ??
        inside(machine, 'link', 'set', 'lo', 'up')
      );
    }, undefined);
  if (problem !== undefined) {
    remove();
    return problem;
  }
  return { addresses, on, link: (state: 'up' | 'down') => void inside(0, 'link', 'set', links[0], state), remove };
}
