/** What a client may do; docs/realtime.md holds the same numbers. */
export interface ProtocolLimits {
  /** Bytes of one text frame; above it the frame is refused with `too-large`. */
  readonly maxFrameBytes: number;
  /** Bytes at which the transport itself ends the connection. */
  readonly hardFrameBytes: number;
  /** Messages in one array frame. */
  readonly maxMessagesPerFrame: number;
  /** Topics of one connection. */
  readonly maxTopics: number;
  /** Characters of a message id. */
  readonly maxIdLength: number;
  /** Messages a second, on average, and the burst allowed above it. */
  readonly messagesPerSecond: number;
  readonly messageBurst: number;
  /** Errors a connection may cause before it is closed; one is forgiven every ten seconds. */
  readonly maxStrikes: number;
}

export const defaultLimits: ProtocolLimits = {
  maxFrameBytes: 65_536,
  hardFrameBytes: 1_048_576,
  maxMessagesPerFrame: 100,
  maxTopics: 1_000,
  maxIdLength: 100,
  messagesPerSecond: 100,
  messageBurst: 500,
  maxStrikes: 20,
};
