import type { MethodCase } from '@contrastive/conformance';
import { ft, scoreRecorder } from '@contrastive/ft';
import { reco } from '@contrastive/reco';
import { regioncl } from '@contrastive/regioncl';
import { snclr } from '@contrastive/snclr';
import { wmse } from '@contrastive/wmse';

/** A row of the matrix: methods that are used together, in the order in which a run lists them. */
export interface Row {
  /** As it is shown. */
  readonly name: string;
  readonly method: MethodCase;
}

// Rings as small as the hosts' queues; all else as it comes.
const parts = {
  reco: () => reco({ bankSize: 32 }),
  ft: () => ft(),
  regioncl: () => regioncl(),
  snclr: () => snclr({ neighbours: 3, bankSize: 32 }),
  wmse: () => wmse(),
} as const;

/** Options with which a method leaves its host alone. W-MSE has none: it replaces the host's loss. */
const neutral = {
  reco: () => reco({ lambda1: 0, lambda2: 0 }),
  ft: () => ft({ lambdaEx: 1, lambdaIn: 1, postNorm: 'off' }),
  regioncl: () => regioncl({ regionWeight: 0 }),
  snclr: () => snclr({ neighbours: 0 }),
} as const;

/** Every method alone; to add one, add a line. */
export const METHODS: readonly Row[] = [
  { name: 'no method', method: { make: () => [] } },
  { name: 'reco', method: { make: parts.reco, neutral: neutral.reco } },
  { name: 'ft', method: { make: parts.ft, neutral: neutral.ft } },
  { name: 'regioncl', method: { make: parts.regioncl, neutral: neutral.regioncl } },
  { name: 'snclr', method: { make: parts.snclr, neutral: neutral.snclr } },
  { name: 'wmse', method: { make: parts.wmse } },
];

/** Combinations that make sense, and some that must be refused with a reason. */
export const COMBINATIONS: readonly Row[] = [
  {
    name: 'reco + ft',
    method: { make: () => [parts.reco(), parts.ft()], neutral: () => [neutral.reco(), neutral.ft()] },
  },
  {
    name: 'regioncl + ft on both terms',
    method: {
      make: () => [parts.regioncl(), ft({ terms: ['global', 'region'] })],
      neutral: () => [neutral.regioncl(), neutral.ft()],
    },
  },
  {
    name: 'regioncl + reco',
    method: { make: () => [parts.regioncl(), parts.reco()], neutral: () => [neutral.regioncl(), neutral.reco()] },
  },
  {
    name: 'snclr + regioncl',
    method: { make: () => [parts.snclr(), parts.regioncl()], neutral: () => [neutral.snclr(), neutral.regioncl()] },
  },
  { name: 'wmse + regioncl', method: { make: () => [parts.wmse(), parts.regioncl()] } },
  { name: 'ft + score recorder', method: { make: () => [parts.ft(), scoreRecorder()] } },
  { name: 'ft on negatives only', method: { make: () => ft({ target: 'neg' }) } },
  {
    name: 'snclr with the loss of the paper',
    method: { make: () => snclr({ neighbours: 3, bankSize: 32, lossForm: 'inLog' }) },
  },
  { name: 'snclr + ft', method: { make: () => [parts.snclr(), parts.ft()] } },
  { name: 'wmse + ft', method: { make: () => [parts.wmse(), parts.ft()] } },
];
