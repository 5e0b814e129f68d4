export { Releasers } from './releasers.ts';
export { runService } from './run-service.ts';
export type { Service, ServiceContext, ServiceDefinition } from './run-service.ts';
export { startHealthServer } from './health-server.ts';
export type { HealthServer, HealthSource, Readiness } from './health-server.ts';
export { nodeArguments } from './node-arguments.ts';
export { controlBody } from './control.ts';
export type { ControlSource } from './control.ts';
