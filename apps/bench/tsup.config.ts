import { preset } from '../../tooling/tsup.js';

// A command, imported by nobody: no type declarations, which would take most of the build's time.
export default preset({ dts: false });
