import { expect, test } from '@jest/globals';
import { count, definePipeline } from '../operators/index.ts';
import { processors } from '../processors/index.ts';
import { operatorTopology, topology } from './mermaid.ts';

test('every processor is drawn with all that it reads and writes', () => {
  const edges = topology(processors).split('\n');
  for (const { name, inputs, output } of processors) {
    expect(edges).toContain(`  processor_${name} --> ${output.replace('.', '_')}`);
    for (const input of inputs) {
      const read = (input.from === 'cdc' ? input.tables : input.kinds).join(', ');
      expect(edges).toContainEqual(expect.stringContaining(`-->|"${read}`));
    }
  }
});

test('a pipeline is drawn operator by operator', () => {
  const pipeline = definePipeline<{ n: { n: number } }>({ name: 'n', output: 'views.n', stateVersion: 1 }, (flow) => {
    const vendors = flow.reference('vendors', { key: ['vendor_id'], value: () => ({}) });
    flow
      .table('cdc.catalog', 'products', { key: ['product_id'], value: () => ({}), partitions: 'all' })
      .joinOn(
        vendors,
        () => 'v',
        () => ({}),
      )
      .groupBy(() => 'all')
      .measure({ n: count() })
      .toView('n', (n) => n);
  });
  expect(operatorTopology(pipeline).split('\n')).toEqual([
    'flowchart LR',
    '  o0["cdc.reference: vendors"]',
    '  o1["cdc.catalog: products"]',
    '  o2["join on reference"]',
    '  o3["measure n"]',
    '  o1 --> o2',
    '  o0 --> o2',
    '  o2 --> o3',
    '  view[(views.n)]',
    '  o3 -->|n| view',
  ]);
  expect(topology([pipeline])).toContain('cdc_catalog -->|"products of all partitions"| processor_n');
});
