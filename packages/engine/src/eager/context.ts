import type { CApi, Pointer } from '../native/c-api.js';
import { encodeConfig, type SessionConfig } from '../native/config.js';
import { checkStatus } from '../native/status.js';

/** A device that TensorFlow can use. */
export interface Device {
  readonly name: string;
  /** `CPU`, `GPU`, ... */
  readonly type: string;
}

/** The eager context: it owns the devices and the thread pool of the process, and is never freed before the process ends. */
export interface EagerContext {
  readonly pointer: Pointer;
  readonly devices: readonly Device[];
}

/** Opens the eager context. The first context of a process decides how many threads one operation uses. */
export function openContext(api: CApi, config: SessionConfig): EagerContext {
  const status = api.newStatus();
  const options = api.newContextOptions();
  try {
    const bytes = encodeConfig(config);
    api.contextOptionsSetConfig(options, bytes, bytes.length, status);
    checkStatus(api, status, 'configuring TensorFlow');
    const pointer = api.newContext(options, status);
    checkStatus(api, status, 'starting TensorFlow');
    return { pointer, devices: listDevices(api, pointer, status) };
  } finally {
    api.deleteContextOptions(options);
    api.deleteStatus(status);
  }
}

function listDevices(api: CApi, context: Pointer, status: Pointer): Device[] {
  const list = api.contextListDevices(context, status);
  checkStatus(api, status, 'listing devices');
  const devices = Array.from({ length: api.deviceCount(list) }, (_, i) => ({
    name: api.deviceName(list, i, status),
    type: api.deviceType(list, i, status),
  }));
  api.deleteDeviceList(list);
  return devices;
}
