import { existsSync } from 'node:fs';
import koffi from 'koffi';

/** `tsl::enable_tensor_float_32_execution(bool)` and `tsl::tensor_float_32_execution_enabled()`. */
const ENABLE = '_ZN3tsl32enable_tensor_float_32_executionEb';
const IS_ENABLED = '_ZN3tsl33tensor_float_32_execution_enabledEv';

/** TensorFlow's switch of TF32, for the whole process: whether GPUs may round the factors of float32 products to 10 bits. */
export interface TensorFloat32 {
  isEnabled(): boolean;
  enable(on: boolean): void;
}

/** @returns undefined if this library has no such switch. @param libraryFile TensorFlow's library, which is loaded already. */
export function tensorFloat32(libraryFile: string): TensorFloat32 | undefined {
  const framework = libraryFile.replace('libtensorflow_cc', 'libtensorflow_framework');
  if (!existsSync(framework)) return undefined;
  try {
    const library = koffi.load(framework, { lazy: true });
    return {
      enable: library.func(`void ${ENABLE}(bool)`) as TensorFloat32['enable'],
      isEnabled: library.func(`bool ${IS_ENABLED}()`) as TensorFloat32['isEnabled'],
    };
  } catch {
    return undefined;
  }
}
