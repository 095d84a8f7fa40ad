import koffi from 'koffi';

/** Address of a native object. */
export type Pointer = bigint;
/** Native memory read or written by the library: an address, or the memory of a typed array. */
export type Memory = Pointer | ArrayBufferView;
/** `TF_Output`, passed by value: one output of an operation of a graph. */
export interface OutputRef {
  readonly oper: Pointer;
  readonly index: number;
}

type Status = Pointer;
type Async<F extends (...args: never[]) => unknown> = F & {
  readonly async: (...args: [...Parameters<F>, (error: Error | null) => void]) => void;
};

const RTLD_NOW = 1;
const RTLD_NODELETE = { linux: 0x1000, darwin: 0x80 } as const;

/**
 * Keeps the library mapped until the process is gone. Koffi unloads libraries at exit while TensorFlow's threads still run
 * in them, which ends the process with a segmentation fault.
 */
function pin(file: string): void {
  if (process.platform !== 'linux' && process.platform !== 'darwin') return;
  const libc = koffi.load(process.platform === 'linux' ? 'libc.so.6' : '/usr/lib/libSystem.B.dylib');
  const dlopen = libc.func('void* dlopen(str, int)') as (file: string, flags: number) => Pointer | null;
  dlopen(file, RTLD_NOW | RTLD_NODELETE[process.platform]);
}

/** The functions of TensorFlow's C API that the engine calls. @param file the shared library. @throws what the dynamic loader says. */
export function loadCApi(file: string) {
  pin(file);
  const library = koffi.load(file, { lazy: true });
  if (!('TF_Output' in types)) types.TF_Output = koffi.struct('TF_Output', { oper: 'void *', index: 'int' });
  const declare = <F extends (...args: never[]) => unknown>(prototype: string) =>
    library.func(prototype) as unknown as Async<F>;
  return {
    version: declare<() => string>('str TF_Version()'),
    ...statusFunctions(declare),
    ...tensorFunctions(declare),
    ...eagerFunctions(declare),
    ...graphFunctions(declare),
    ...sessionFunctions(declare),
    ...serverFunctions(declare),
  };
}

/** All bound functions. */
export type CApi = ReturnType<typeof loadCApi>;

// Koffi's type names are global to the process: a second definition of the same name is an error.
const types: { TF_Output?: ReturnType<typeof koffi.struct> } = {};

type Declare = <F extends (...args: never[]) => unknown>(prototype: string) => Async<F>;

const statusFunctions = (declare: Declare) => ({
  newStatus: declare<() => Status>('void* TF_NewStatus()'),
  deleteStatus: declare<(s: Status) => void>('void TF_DeleteStatus(void*)'),
  getCode: declare<(s: Status) => number>('int TF_GetCode(void*)'),
  message: declare<(s: Status) => string>('str TF_Message(void*)'),
});

const tensorFunctions = (declare: Declare) => ({
  allocateTensor: declare<(dtype: number, dims: BigInt64Array, rank: number, bytes: number) => Pointer | null>(
    'void* TF_AllocateTensor(int, const void*, int, size_t)',
  ),
  deleteTensor: declare<(t: Pointer) => void>('void TF_DeleteTensor(void*)'),
  tensorData: declare<(t: Pointer) => Pointer>('void* TF_TensorData(void*)'),
  tensorByteSize: declare<(t: Pointer) => number | bigint>('size_t TF_TensorByteSize(void*)'),
  tensorType: declare<(t: Pointer) => number>('int TF_TensorType(void*)'),
  tensorRank: declare<(t: Pointer) => number>('int TF_NumDims(void*)'),
  tensorDim: declare<(t: Pointer, i: number) => number | bigint>('int64 TF_Dim(void*, int)'),
  stringInit: declare<(s: Pointer) => void>('void TF_StringInit(void*)'),
  stringCopy: declare<(s: Pointer, bytes: Memory, length: number) => void>(
    'void TF_StringCopy(void*, const void*, size_t)',
  ),
  stringData: declare<(s: Pointer) => Pointer>('void* TF_StringGetDataPointer(void*)'),
  stringSize: declare<(s: Pointer) => number | bigint>('size_t TF_StringGetSize(void*)'),
});

const eagerFunctions = (declare: Declare) => ({
  newContextOptions: declare<() => Pointer>('void* TFE_NewContextOptions()'),
  deleteContextOptions: declare<(o: Pointer) => void>('void TFE_DeleteContextOptions(void*)'),
  contextOptionsSetConfig: declare<(o: Pointer, config: Memory, length: number, s: Status) => void>(
    'void TFE_ContextOptionsSetConfig(void*, const void*, size_t, void*)',
  ),
  newContext: declare<(o: Pointer, s: Status) => Pointer>('void* TFE_NewContext(void*, void*)'),
  contextListDevices: declare<(c: Pointer, s: Status) => Pointer>('void* TFE_ContextListDevices(void*, void*)'),
  deleteDeviceList: declare<(l: Pointer) => void>('void TF_DeleteDeviceList(void*)'),
  deviceCount: declare<(l: Pointer) => number>('int TF_DeviceListCount(void*)'),
  deviceName: declare<(l: Pointer, i: number, s: Status) => string>('str TF_DeviceListName(void*, int, void*)'),
  deviceType: declare<(l: Pointer, i: number, s: Status) => string>('str TF_DeviceListType(void*, int, void*)'),
  newOp: declare<(c: Pointer, name: Memory, s: Status) => Pointer | null>('void* TFE_NewOp(void*, const void*, void*)'),
  deleteOp: declare<(o: Pointer) => void>('void TFE_DeleteOp(void*)'),
  opAddInput: declare<(o: Pointer, h: Pointer, s: Status) => void>('void TFE_OpAddInput(void*, void*, void*)'),
  opAttrType: declare<(o: Pointer, name: Memory, isList: Uint8Array, s: Status) => number>(
    'int TFE_OpGetAttrType(void*, const void*, void*, void*)',
  ),
  opSetString: declare<(o: Pointer, name: Memory, value: Memory, length: number) => void>(
    'void TFE_OpSetAttrString(void*, const void*, const void*, size_t)',
  ),
  opSetInt: declare<(o: Pointer, name: Memory, value: number) => void>(
    'void TFE_OpSetAttrInt(void*, const void*, int64)',
  ),
  opSetIntList: declare<(o: Pointer, name: Memory, values: BigInt64Array, n: number) => void>(
    'void TFE_OpSetAttrIntList(void*, const void*, const void*, int)',
  ),
  opSetFloat: declare<(o: Pointer, name: Memory, value: number) => void>(
    'void TFE_OpSetAttrFloat(void*, const void*, float)',
  ),
  opSetBool: declare<(o: Pointer, name: Memory, value: number) => void>(
    'void TFE_OpSetAttrBool(void*, const void*, uint8)',
  ),
  opSetType: declare<(o: Pointer, name: Memory, value: number) => void>(
    'void TFE_OpSetAttrType(void*, const void*, int)',
  ),
  opSetTypeList: declare<(o: Pointer, name: Memory, values: Int32Array, n: number) => void>(
    'void TFE_OpSetAttrTypeList(void*, const void*, const void*, int)',
  ),
  opSetShape: declare<(o: Pointer, name: Memory, dims: BigInt64Array, n: number, s: Status) => void>(
    'void TFE_OpSetAttrShape(void*, const void*, const void*, int, void*)',
  ),
  execute: declare<(o: Pointer, results: BigUint64Array, count: Int32Array, s: Status) => void>(
    'void TFE_Execute(void*, void*, void*, void*)',
  ),
  newHandle: declare<(t: Pointer, s: Status) => Pointer>('void* TFE_NewTensorHandle(void*, void*)'),
  deleteHandle: declare<(h: Pointer) => void>('void TFE_DeleteTensorHandle(void*)'),
  handleType: declare<(h: Pointer) => number>('int TFE_TensorHandleDataType(void*)'),
  handleRank: declare<(h: Pointer, s: Status) => number>('int TFE_TensorHandleNumDims(void*, void*)'),
  handleDim: declare<(h: Pointer, i: number, s: Status) => number | bigint>(
    'int64 TFE_TensorHandleDim(void*, int, void*)',
  ),
  handleResolve: declare<(h: Pointer, s: Status) => Pointer>('void* TFE_TensorHandleResolve(void*, void*)'),
});

const graphFunctions = (declare: Declare) => ({
  newGraph: declare<() => Pointer>('void* TF_NewGraph()'),
  deleteGraph: declare<(g: Pointer) => void>('void TF_DeleteGraph(void*)'),
  newBuffer: declare<() => Pointer>('void* TF_NewBuffer()'),
  newBufferFromString: declare<(bytes: Memory, length: number) => Pointer>(
    'void* TF_NewBufferFromString(const void*, size_t)',
  ),
  deleteBuffer: declare<(b: Pointer) => void>('void TF_DeleteBuffer(void*)'),
  allOpList: declare<() => Pointer>('void* TF_GetAllOpList()'),
  newImportOptions: declare<() => Pointer>('void* TF_NewImportGraphDefOptions()'),
  deleteImportOptions: declare<(o: Pointer) => void>('void TF_DeleteImportGraphDefOptions(void*)'),
  importGraphDef: declare<(g: Pointer, b: Pointer, o: Pointer, s: Status) => void>(
    'void TF_GraphImportGraphDef(void*, void*, void*, void*)',
  ),
  operationByName: declare<(g: Pointer, name: string) => Pointer | null>('void* TF_GraphOperationByName(void*, str)'),
  newOperation: declare<(g: Pointer, op: string, name: string) => Pointer>(
    'void* TF_NewOperation(void*, const char*, const char*)',
  ),
  addInput: declare<(d: Pointer, o: OutputRef) => void>('void TF_AddInput(void*, TF_Output)'),
  addInputList: declare<(d: Pointer, o: Memory, n: number) => void>('void TF_AddInputList(void*, const void*, int)'),
  setAttrValueProto: declare<(d: Pointer, name: string, bytes: Memory, length: number, s: Status) => void>(
    'void TF_SetAttrValueProto(void*, const char*, const void*, size_t, void*)',
  ),
  finishOperation: declare<(d: Pointer, s: Status) => Pointer | null>('void* TF_FinishOperation(void*, void*)'),
  operationToNodeDef: declare<(o: Pointer, b: Pointer, s: Status) => void>(
    'void TF_OperationToNodeDef(void*, void*, void*)',
  ),
  operationOutputs: declare<(o: Pointer) => number>('int TF_OperationNumOutputs(void*)'),
  outputType: declare<(o: OutputRef) => number>('int TF_OperationOutputType(TF_Output)'),
  outputRank: declare<(g: Pointer, o: OutputRef, s: Status) => number>(
    'int TF_GraphGetTensorNumDims(void*, TF_Output, void*)',
  ),
  outputShape: declare<(g: Pointer, o: OutputRef, dims: BigInt64Array, rank: number, s: Status) => void>(
    'void TF_GraphGetTensorShape(void*, TF_Output, void*, int, void*)',
  ),
});

type SessionRun = (
  session: Pointer,
  runOptions: null,
  feeds: Memory,
  feedValues: BigUint64Array,
  feedCount: number,
  fetches: Memory,
  fetchValues: BigUint64Array,
  fetchCount: number,
  targets: BigUint64Array,
  targetCount: number,
  runMetadata: null,
  status: Status,
) => void;

const sessionFunctions = (declare: Declare) => ({
  newSessionOptions: declare<() => Pointer>('void* TF_NewSessionOptions()'),
  deleteSessionOptions: declare<(o: Pointer) => void>('void TF_DeleteSessionOptions(void*)'),
  setConfig: declare<(o: Pointer, config: Memory, length: number, s: Status) => void>(
    'void TF_SetConfig(void*, const void*, size_t, void*)',
  ),
  setTarget: declare<(o: Pointer, target: string) => void>('void TF_SetTarget(void*, str)'),
  newSession: declare<(g: Pointer, o: Pointer, s: Status) => Pointer>('void* TF_NewSession(void*, void*, void*)'),
  closeSession: declare<(x: Pointer, s: Status) => void>('void TF_CloseSession(void*, void*)'),
  deleteSession: declare<(x: Pointer, s: Status) => void>('void TF_DeleteSession(void*, void*)'),
  sessionRun: declare<SessionRun>(
    'void TF_SessionRun(void*, void*, const void*, const void*, int, const void*, void*, int, const void*, int, void*, void*)',
  ),
});

/** A server lives as long as its process: TensorFlow cannot stop one. */
const serverFunctions = (declare: Declare) => ({
  newServer: declare<(definition: Memory, length: number, s: Status) => Pointer | null>(
    'void* TF_NewServer(const void*, size_t, void*)',
  ),
  serverStart: declare<(server: Pointer, s: Status) => void>('void TF_ServerStart(void*, void*)'),
  serverTarget: declare<(server: Pointer) => string>('str TF_ServerTarget(void*)'),
});
