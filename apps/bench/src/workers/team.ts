import {
  type Collective,
  type CompiledStep,
  hostTensor,
  type Program,
  type Runtime,
  SslError,
} from '@contrastive/core';

/** The processes of a run, as its training loop sees them. */
export interface Team {
  /** Rank 0 writes the run folder. */
  readonly rank: number;
  readonly size: number;
  /**
   * Whether the run stops after this step: if any worker wants to. All workers ask after every step, and get the same answer.
   *
   * @throws SslError `WORKER_LOST`; `CHECKPOINT` if the workers stand at different steps.
   */
  agreeToStop(wanted: boolean, stepsDone: number): boolean | Promise<boolean>;
  /** After the last step: nobody goes while another still waits for it. */
  leave(): Promise<void>;
}

/** A run in one process. */
export const SOLO: Team = { rank: 0, size: 1, agreeToStop: (wanted) => wanted, leave: async () => {} };

/** The workers of a collective. What they agree on is an exchange of its own after each step, of two numbers. */
export function createTeam(collective: Collective, runtime: Runtime): Team {
  const program = runtime.createProgram({});
  const { rank, size } = collective;
  const exchange = exchangeOf(program, collective);
  return {
    rank,
    size,
    agreeToStop: async (wanted, stepsDone) => {
      const told = await exchange(Number(wanted), stepsDone);
      const steps = told.map(([, step]) => step!);
      if (steps.some((step) => step !== stepsDone)) {
        throw new SslError('CHECKPOINT', `The workers stand at different steps: ${steps.join(', ')}, by rank.`, {
          hint: 'All of them must see the same run folder (--out).',
        });
      }
      return told.some(([stop]) => stop === 1);
    },
    leave: async () => {
      try {
        await exchange(1, 0);
      } catch (error) {
        // Who came here has done its last step, and so have all others: they have taken part in it.
        if (!(error instanceof SslError && error.code === 'WORKER_LOST')) throw error;
      } finally {
        program.dispose();
      }
    },
  };
}

/** What each worker tells, by rank. */
function exchangeOf(program: Program, collective: Collective) {
  let step: CompiledStep | undefined;
  return async (...numbers: number[]): Promise<number[][]> => {
    const inputs = { told: hostTensor([1, numbers.length], Int32Array.from(numbers)) };
    step ??= await program.prepare('agree', ({ told }) => ({ all: collective.gather(told!) }), inputs);
    const all = Array.from((await step.run(inputs)).all!.data);
    return Array.from({ length: collective.size }, (_, r) => all.slice(r * numbers.length, (r + 1) * numbers.length));
  };
}
