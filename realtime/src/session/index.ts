export { Session } from './session.ts';
export type { Caller, SessionContext, SessionObserver } from './session.ts';
