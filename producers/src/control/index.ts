export { controlAction } from './actions.ts';
export type {
  CaptureControl,
  ResnapshotControl,
  ResnapshotRequest,
  ResnapshotState,
  ResnapshotStateName,
  SlotControl,
  StreamControl,
  TableControl,
} from './port.ts';
