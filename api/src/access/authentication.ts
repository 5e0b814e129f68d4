import type { FastifyRequest } from 'fastify';
import { PlatformError } from '@millrace/kernel/errors';
import { hasRole } from '@millrace/kernel/security';
import type { AccessTokens, Principal } from '@millrace/kernel/security';
import type { Access, App } from '../app/app-type.ts';

/**
 * Gives every request its principal and refuses those that the route's `access` does not admit: 401 without a valid token, 403 with
 * another role. A token that is sent and wrong is refused on public routes too.
 */
export function addAuthentication(app: App, tokens: AccessTokens): void {
  app.decorateRequest('principal', undefined);
  app.addHook('onRoute', (route) => {
    if (route.config?.access === undefined && route.url.startsWith('/api')) {
      throw new PlatformError('internal', `route ${route.url} does not state who may call it`);
    }
  });
  app.addHook('onRequest', async (request) => {
    request.principal = await principalOf(request, tokens);
    const access = request.routeOptions.config.access ?? 'public';
    if (!admits(access, request.principal)) {
      throw request.principal === undefined
        ? new PlatformError('unauthenticated', 'This needs an Authorization header with a bearer token.')
        : new PlatformError('forbidden', `This needs the role ${access === 'public' ? '' : access.join(' or ')}.`);
    }
  });
}

export function admits(access: Access, principal: Principal | undefined): boolean {
  return access === 'public' || hasRole(principal, ...access);
}

/** The principal of a route that is not public. */
export function principalIn(request: FastifyRequest): Principal {
  if (request.principal === undefined) throw new PlatformError('unauthenticated', 'This needs a bearer token.');
  return request.principal;
}

async function principalOf(request: FastifyRequest, tokens: AccessTokens): Promise<Principal | undefined> {
  const header = request.headers.authorization;
  if (header === undefined) return undefined;
  const match = /^Bearer +(\S+)$/i.exec(header);
  if (match?.[1] === undefined) {
    throw new PlatformError('unauthenticated', 'The Authorization header must be: Bearer, a space, the token.');
  }
  return tokens.verify(match[1]);
}
