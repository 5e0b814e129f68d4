export { TEXT_CODEC, builtinCodec } from './codecs.ts';
export type { BinaryCodec } from './codecs.ts';
export { TextSink } from './text-sink.ts';
