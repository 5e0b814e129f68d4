export { ChildCapture, canMakeDisks } from './child-capture.ts';
export { PlainReader } from './plain-reader.ts';
export type { ReadChange } from './plain-reader.ts';
export { CaptureHarness, eventually, tagNames } from './capture-harness.ts';
export type { RunningCapture, StartOptions } from './capture-harness.ts';
export { TcpProxy } from './tcp-proxy.ts';
