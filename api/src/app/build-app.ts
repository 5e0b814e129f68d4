import { randomUUID } from 'node:crypto';
import fastify, { LogController } from 'fastify';
import type { FastifyBaseLogger, RouteOptions } from 'fastify';
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { AccessTokens } from '@millrace/kernel/security';
import type { Logger } from '@millrace/kernel/telemetry';
import { addAuthentication } from '../access/authentication.ts';
import { addDemoTokens } from '../access/demo-token.ts';
import { addBehaviour } from '../behaviour/routes.ts';
import { addCommands } from '../commands/routes.ts';
import type { CommandDependencies } from '../commands/routes.ts';
import { addOperations } from '../operations/routes.ts';
import type { OperationsDependencies } from '../operations/routes.ts';
import { addPages } from '../pages/routes.ts';
import type { PageDependencies } from '../pages/routes.ts';
import { addExplanations, addProblemHandlers, answerFrameworkError, ProblemSchema } from '../problems/handlers.ts';
import { addQueries } from '../queries/routes.ts';
import type { QueryDependencies } from '../queries/routes.ts';
import type { App } from './app-type.ts';
import { addDocumentation } from './documentation.ts';
import { addRequestMetrics } from './request-metrics.ts';
import { addSecurityHeaders } from './security-headers.ts';

export interface AppDependencies
  extends CommandDependencies, QueryDependencies, OperationsDependencies, PageDependencies {
  readonly logger: Logger;
  readonly accessTokens: AccessTokens;
  readonly bodyLimitBytes: number;
  /** Told of every route as it is added. */
  readonly onRoute?: (route: RouteOptions) => void;
}

/** The whole API, not yet listening. Closing it finishes the requests in hand. */
export async function buildApp(dependencies: AppDependencies): Promise<App> {
  const loggerInstance: FastifyBaseLogger = dependencies.logger;
  const app: App = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: dependencies.bodyLimitBytes,
    genReqId: () => randomUUID(),
    requestTimeout: 30_000,
    frameworkErrors: answerFrameworkError,
    return503OnClosing: true,
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: true },
  })
    .setValidatorCompiler(TypeBoxValidatorCompiler)
    .withTypeProvider<TypeBoxTypeProvider>();
  // Answers are built by us and typed; no schema filters them.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  if (dependencies.onRoute !== undefined) app.addHook('onRoute', dependencies.onRoute);
  app.addSchema(ProblemSchema);
  addSecurityHeaders(app);
  addRequestMetrics(app, dependencies.metrics);
  addProblemHandlers(app);
  await addDocumentation(app);
  addExplanations(app);
  addAuthentication(app, dependencies.accessTokens);
  normaliseIds(app);
  if (dependencies.demo) addDemoTokens(app, dependencies.accessTokens, dependencies.database);
  addCommands(app, dependencies);
  addQueries(app, dependencies);
  addBehaviour(app, dependencies);
  addOperations(app, dependencies);
  await addPages(app, dependencies);
  return app;
}

/** Ids are compared and hashed as text further on: lower case, as Postgres prints them. */
function normaliseIds(app: App): void {
  app.addHook('preHandler', (request, _reply, done) => {
    const params = request.params as Record<string, string> | undefined;
    for (const name of ['id', 'tagId']) {
      const value = params?.[name];
      if (params !== undefined && value !== undefined) params[name] = value.toLowerCase();
    }
    done();
  });
}
