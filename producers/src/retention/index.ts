export { LEAST_DAYS, forgetOld, startBehaviourRetention } from './behaviour-retention.ts';
