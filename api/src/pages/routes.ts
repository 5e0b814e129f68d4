import { readFile } from 'node:fs/promises';
import type { App } from '../app/app-type.ts';

export interface PageDependencies {
  readonly realtimeUrl: string;
  readonly demo: boolean;
}

const pages = [
  ['/', 'shop.html'],
  ['/console', 'console.html'],
] as const;

/** The demo shop and the operator's console: two files, each whole in itself. */
export async function addPages(app: App, { realtimeUrl, demo }: PageDependencies): Promise<void> {
  const settings = JSON.stringify({ realtimeUrl, demo }).replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  const gateway =
    new URL(realtimeUrl).origin === 'null' ? realtimeUrl : realtimeUrl.replace(/^(wss?:\/\/[^/]+).*$/, '$1');
  const policy = `default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; connect-src 'self' ${gateway}; frame-ancestors 'none'; base-uri 'none'`;
  for (const [url, file] of pages) {
    const text = await readFile(new URL(`../../static/${file}`, import.meta.url), 'utf8');
    const html = text.replace('{settings}', () => settings);
    app.get(url, { config: { access: 'public' }, schema: { hide: true } }, (_request, reply) =>
      reply
        .header('content-type', 'text/html; charset=utf-8')
        .header('content-security-policy', policy)
        .serializer((page: unknown) => page as string)
        .send(html),
    );
  }
}
