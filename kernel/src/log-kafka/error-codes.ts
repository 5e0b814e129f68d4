/** Kafka's error codes that the data path meets. */
export const errorCode = {
  none: 0,
  offsetOutOfRange: 1,
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  notLeader: 6,
  requestTimedOut: 7,
  replicaNotAvailable: 9,
  messageTooLarge: 10,
  networkException: 13,
  coordinatorLoading: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  recordListTooLarge: 18,
  notEnoughReplicas: 19,
  notEnoughReplicasAfterAppend: 20,
  illegalGeneration: 22,
  inconsistentGroupProtocol: 23,
  unknownMemberId: 25,
  invalidSessionTimeout: 26,
  rebalanceInProgress: 27,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  invalidProducerEpoch: 47,
  concurrentTransactions: 51,
  storageError: 56,
  unknownProducerId: 59,
  fencedLeaderEpoch: 74,
  unknownLeaderEpoch: 75,
  offsetNotAvailable: 78,
  throttlingQuotaExceeded: 89,
  producerFenced: 90,
  unknownTopicId: 100,
} as const;

const retriable = new Set<number>([
  errorCode.corruptMessage,
  errorCode.unknownTopicOrPartition,
  errorCode.leaderNotAvailable,
  errorCode.notLeader,
  errorCode.requestTimedOut,
  errorCode.replicaNotAvailable,
  errorCode.networkException,
  errorCode.coordinatorLoading,
  errorCode.coordinatorNotAvailable,
  errorCode.notCoordinator,
  errorCode.notEnoughReplicas,
  errorCode.notEnoughReplicasAfterAppend,
  errorCode.concurrentTransactions,
  errorCode.storageError,
  errorCode.fencedLeaderEpoch,
  errorCode.unknownLeaderEpoch,
  errorCode.offsetNotAvailable,
  errorCode.throttlingQuotaExceeded,
  errorCode.unknownTopicId,
]);

const names = new Map<number, string>(Object.entries(errorCode).map(([name, code]) => [code, name]));

/** Whether the same request may succeed later, perhaps at another broker. */
export function isRetriable(code: number): boolean {
  return retriable.has(code);
}

export function errorName(code: number): string {
  return names.get(code) ?? `Kafka error ${code}`;
}
