import { PlatformError } from '@millrace/kernel/errors';
import type { ViewData } from '@millrace/schemas/views';
import type { Context, InputSpec, Processor, StoreSpecs, ViewLog } from '../runtime/processor.ts';
import { Flow } from './flow.ts';
import { Outlets } from './outlets.ts';
import { Place } from './place.ts';
import { Plan } from './plan.ts';
import type { Drawn } from './plan.ts';
import type { Running } from './node.ts';
import type { EntrySource, RowSource } from './sources.ts';

export interface PipelineSpec {
  readonly name: string;
  readonly output: ViewLog;
  /** Grows when the functions given to operators change their meaning. That operators were added or moved is noticed without it. */
  readonly stateVersion: number;
}

/** A processor made of operators. */
export interface Pipeline extends Processor {
  readonly operators: readonly Drawn[];
}

/**
 * A processor from operators: `build` lays out once what is made of what. Guarantees, with those of the runtime: after each commit the view is
 * what the operators make of the tables as they are at that commit, however rows, commits and restarts came; each key is emitted once per commit.
 * A function that throws parks the aggregate of the row that was being carried, and leaves the state of all operators as it was before the row.
 */
export function definePipeline<O = ViewData>(spec: PipelineSpec, build: (flow: Flow<O>) => void): Pipeline {
  const plan = new Plan();
  build(new Flow<O>(plan));
  if (plan.sinks.length === 0)
    throw new PlatformError('config-invalid', `${spec.name} has no toView: nothing would come out`);
  const tasks = new WeakMap<object, Work>();
  const work = (ctx: Context<StoreSpecs>): Work => {
    let found = tasks.get(ctx.stores);
    if (found === undefined) tasks.set(ctx.stores, (found = start(plan, ctx)));
    return found;
  };
  return {
    name: spec.name,
    output: spec.output,
    stateVersion: spec.stateVersion * 0x8000 + plan.fingerprint(),
    inputs: inputsOf(plan),
    stores: Object.assign({}, ...plan.nodes.map(({ stores }) => stores)) as StoreSpecs,
    operators: plan.drawing(),
    apply(change, ctx) {
      const { place, tables } = work(ctx);
      const source = tables.get(change.table);
      if (source !== undefined) place.carry(() => source.apply(change), change.op === 'r');
    },
    applyView(entry, ctx) {
      const { place, views } = work(ctx);
      const source = views.get(entry.kind);
      if (source !== undefined) place.carry(() => source.applyView(entry), false);
    },
    onTimer(key, ctx) {
      work(ctx).place.fire(key);
    },
    emit(key, ctx) {
      work(ctx).outlets.emit(key);
    },
  };
}

/** A pipeline at work in one task: what it remembers beyond its stores lasts no longer than a commit. */
interface Work {
  readonly place: Place;
  readonly tables: ReadonlyMap<string, RowSource>;
  readonly views: ReadonlyMap<string, EntrySource>;
  readonly outlets: Outlets;
}

function start(plan: Plan, ctx: Context<StoreSpecs>): Work {
  const place = new Place(ctx);
  const running: Running<unknown>[] = [];
  for (const node of plan.nodes) {
    running.push(
      node.start(
        place,
        node.from.map(({ id }) => running[id] as unknown as Running<never>),
      ),
    );
  }
  const tables = new Map<string, RowSource>();
  const views = new Map<string, EntrySource>();
  for (const { node, input, name } of plan.sources) {
    const source = running[node.id] as unknown as RowSource & EntrySource;
    if (input.from === 'cdc') tables.set(name.slice(input.topic.length + 1), source);
    else views.set(name, source);
  }
  const outlets = new Outlets(
    ctx,
    plan.sinks.map((sink) => ({
      ...sink,
      from: running[sink.node.id] as Running<unknown>,
      lasting: sink.node.lasting,
    })),
  );
  return { place, tables, views, outlets };
}

/** One input per topic and reach, in the order in which they are first read. */
function inputsOf(plan: Plan): InputSpec[] {
  const inputs: InputSpec[] = [];
  for (const { input } of plan.sources) {
    const at = inputs.findIndex(({ topic, partitions }) => topic === input.topic && partitions === input.partitions);
    const known = inputs[at];
    if (known === undefined) inputs.push(input);
    else if (known.from === 'cdc' && input.from === 'cdc') {
      inputs[at] = { ...known, tables: [...known.tables, ...input.tables] };
    } else if (known.from === 'view' && input.from === 'view') {
      inputs[at] = { ...known, kinds: [...known.kinds, ...input.kinds] };
    }
  }
  for (const [at, { topic }] of inputs.entries()) {
    if (inputs.findIndex((other) => other.topic === topic) !== at) {
      throw new PlatformError('config-invalid', `${topic} is read in its own partition and in all: choose one`);
    }
  }
  return inputs;
}
