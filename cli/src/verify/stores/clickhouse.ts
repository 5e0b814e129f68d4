import { lsnFromText } from '@millrace/kernel/position';
import { FIRST_GENERATION, clickhouseNames } from '@millrace/schemas/stores';
import type { GenerationView } from '@millrace/schemas/stores';
import type { CliConfig } from '../../config/index.ts';
import { appliedByAll, clickhouseGenerationMarks, clickhouseMarks } from '../../lag/watermarks.ts';
import type { StoreClients } from '../../lag/store-clients.ts';
import { DIGEST_LENGTH } from '../digest.ts';
import type { HeldDigest, HeldDocument, StoreView } from '../store-view.ts';
import { clickhouseDocuments } from './clickhouse-documents.ts';

const PAGE = 5000;
/** Texts of JSON as Postgres and JavaScript write them. */
const asOthersWrite = { output_format_json_escape_forward_slashes: 0 } as const;

/** `generation`: null for what readers see under the plain names. */
export function clickhouseStoreViews(clients: StoreClients, config: CliConfig, generation: number | null): StoreView[] {
  const names = clickhouseNames(config.clickhouseDatabase, () => generation ?? FIRST_GENERATION);
  const shown = (name: GenerationView): string => (generation === null ? names.view(name) : names.generationView(name));
  const ask = (query: string, query_params: Record<string, unknown>, format: 'JSONEachRow' | 'TabSeparated') =>
    clients.clickhouse.query({ query, query_params, format, clickhouse_settings: asOthersWrite });
  return clickhouseDocuments.map(
    ({ view, kind, rows, ids, expected, held = (document) => document, forgets, comparable }) => {
      const marks = async () =>
        generation === null
          ? await clickhouseMarks(clients)
          : await clickhouseGenerationMarks(clients, config, view, generation);
      return {
        view,
        store: 'clickhouse',
        kind,
        expected,
        isRanged: forgets !== true,
        ...(comparable === undefined ? {} : { comparable }),
        applied: async () => appliedByAll(await marks(), view, config.partitions),
        generation: async () =>
          generation ?? (await clickhouseMarks(clients)).find((mark) => mark.view === view)?.generation ?? 0,
        async fetch(wanted) {
          const query = rows(shown, (column) => `${column} in {ids:Array(String)}`);
          const answer = await ask(query, { ids: wanted }, 'JSONEachRow');
          const found = await answer.json<{ id: string; position: string; document: string }>();
          return new Map(
            found.map((row): [string, HeldDocument] => [
              row.id,
              {
                position: lsnFromText(row.position),
                document: held(JSON.parse(row.document) as Record<string, unknown>),
              },
            ]),
          );
        },
        async digests({ after, upTo }, known) {
          const within = (column: string): string =>
            [
              'true',
              ...(after === null ? [] : [`${column} > {after:String}`]),
              ...(upTo === null ? [] : [`${column} <= {upTo:String}`]),
            ].join(' and ');
          const query = `select id, position, lower(hex(substring(MD5(document), 1, ${DIGEST_LENGTH / 2}))) as digest
          from (${rows(shown, within)}) order by id`;
          const bounds = { ...(after === null ? {} : { after }), ...(upTo === null ? {} : { upTo }) };
          const answer = await ask(query, bounds, 'TabSeparated');
          const digests = parsed(await answer.text());
          if (forgets !== true) return digests;
          const wanted = new Set(known);
          return digests.filter(({ id }) => wanted.has(id));
        },
        async *ids() {
          const query = `select id from (${ids(shown, (column) => `${column} > {after:String}`)}) order by id limit {page:UInt32}`;
          let after = '';
          for (;;) {
            const answer = await ask(query, { after, page: PAGE }, 'JSONEachRow');
            const page = (await answer.json<{ id: string }>()).map(({ id }) => id);
            const last = page.at(-1);
            if (last === undefined) return;
            yield page;
            after = last;
          }
        },
      };
    },
  );
}

function parsed(lines: string): HeldDigest[] {
  const held: HeldDigest[] = [];
  for (let start = 0, end = lines.indexOf('\n'); end >= 0; start = end + 1, end = lines.indexOf('\n', start)) {
    const [id = '', position = '', digest = ''] = lines.slice(start, end).split('\t');
    held.push({ id, position, digest });
  }
  return held;
}
