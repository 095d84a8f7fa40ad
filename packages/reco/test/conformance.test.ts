import { testPlugin } from '@contrastive/conformance';
import { reco } from '../src/index.js';

testPlugin('reco', { make: () => reco({ bankSize: 32 }), neutral: () => reco({ lambda1: 0, lambda2: 0 }) });
