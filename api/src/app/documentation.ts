import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { App } from './app-type.ts';

/** The OpenAPI document at `/api/openapi.json`, made from the routes' own schemas, and readable at `/docs`. */
export async function addDocumentation(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Millrace',
        version: '0.1.0',
        description:
          'Commands answer `Millrace-Position`; a query given that header waits for it, at most `Millrace-Wait` ms. ' +
          'Every error is an RFC 9457 problem document.',
      },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
      tags: [
        { name: 'commands', description: 'Write the shop' },
        { name: 'queries', description: 'Read the views' },
        { name: 'behaviour', description: 'Tell what visitors do' },
        { name: 'operations', description: 'Health and lag' },
        { name: 'demo', description: 'Only where AUTH=demo' },
      ],
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) => (json['$id'] as string) || `schema${index}`,
    },
  });
  await app.register(swaggerUi, { routePrefix: '/docs', uiConfig: { docExpansion: 'list' } });
  app.get('/api/openapi.json', { config: { access: 'public' }, schema: { hide: true } }, () => app.swagger());
}
