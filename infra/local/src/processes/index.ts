export { Problem } from './problem.ts';
export { decideRestart, defaultRestartPolicy, type RestartPolicy } from './backoff.ts';
export { checkHttp, checkReady, checkSocket } from './probe.ts';
export { commandLineOf, isAlive, isOurs } from './identity.ts';
export { lastLines } from './log-tail.ts';
export { isPortFree } from './ports.ts';
export { SupervisedProcess, systemClock, type Clock, type SupervisedOptions } from './supervised.ts';
export type { PortUse, ProcessSpec, ProcessState, ProcessStatus } from './spec.ts';
