import { PlatformError } from '@millrace/kernel/errors';
import type { Group, GroupOptions } from '@millrace/kernel/group';
import type { Readiness, Service } from '@millrace/kernel/lifecycle';
import type { LogClient } from '@millrace/kernel/log';
import type { Logger, Registry } from '@millrace/kernel/telemetry';
import { GenerationFollower, activeLogOf } from '@millrace/schemas/generations';
import type { GenerationRows } from '@millrace/schemas/generations';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { logOfTopic } from '@millrace/schemas/stores';
import { topicSpecs } from '@millrace/schemas/topics';
import type { PlacementSettings } from '../config.ts';
import { processors as allProcessors } from '../processors/index.ts';
import type { AnyProcessor, RunnerLimits, TaskRunner } from '../runtime/index.ts';
import { LeftOverLogs } from './left-over-logs.ts';
import { ProcessorMetrics } from './metrics.ts';
import { metadataOf, partFrom, partsOf } from './membership.ts';
import { redriveAsked } from './redrive-control.ts';
import { snapshotSettings } from './snapshot-settings.ts';
import { spillSettings } from './spill-settings.ts';
import { StandbySet } from './standby-set.ts';
import { standbyStatusOf, statusOf } from './status.ts';
import type { RestoringStatus, StandbyStatus, TaskStatus } from './status.ts';
import { TaskOpeners } from './task-openers.ts';
import type { KnownTask } from './task-openers.ts';
import { TaskSet } from './task-set.ts';

export interface ProcessingOptions {
  readonly config: {
    readonly topicPrefix: string;
    readonly partitions: number;
    /** Names; empty for all. */
    readonly processors: readonly string[];
    readonly placement?: PlacementSettings;
    /** Left out, with those that follow: no snapshots of state. */
    readonly stateFolder?: string;
    readonly stateSnapshotSeconds?: number;
    readonly stateSnapshotRecords?: number;
    /** Left out: all state stays in memory. */
    readonly stateMemoryMb?: number;
    /** Left out: none. */
    readonly standbyReplicas?: number;
  };
  readonly log: LogClient;
  readonly registry: SchemaRegistry;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly limits?: Partial<RunnerLimits>;
  /** Where placement is by group. */
  readonly joinGroup?: (options: GroupOptions) => Group;
}

/** A fenced task is opened again after this long, where the group still says that it is ours. */
const REOPEN_MS = 2_000;
const SESSION_TIMEOUT_MS = 6_000;

/**
 * The tasks of the chosen processors that are placed in this process, on one log client: all of them, a fixed share, or what the group of processes
 * says at the time; for every log of a view that `view_generations` names, or that one of those is made from. Tasks with one input share a reader, so that a commit is fetched once for all of them; those that join share another, which is
 * read less often. A task that another process took, or that lost an append's outcome, starts again alone; whatever else a task throws ends the process: it starts
 * again and each goes on from its log.
 */
export class ProcessingService implements Service {
  readonly #options: ProcessingOptions;
  #tasks: TaskSet | null = null;
  #standbys: StandbySet | null = null;
  #isPlaced = false;
  #rows: GenerationRows = new Map();
  #known: ReturnType<TaskOpeners['tasks']> = new Map();

  constructor(options: ProcessingOptions) {
    this.#options = options;
  }

  ready(): Readiness {
    if (!this.#isPlaced) return { ready: false, reason: 'waiting to be given tasks' };
    if (this.#tasks?.isRestored !== true) return { ready: false, reason: 'restoring' };
    const [refused] = this.#refused;
    return refused === undefined ? { ready: true } : { ready: true, degraded: refused.reason };
  }

  /** Of the logs that are kept, whoever has the task now. */
  get #refused(): { task: string; reason: string }[] {
    const refused = [...(this.#tasks?.refused ?? [])].map(([task, reason]) => ({ task, reason }));
    return refused.filter(({ task }) => this.#known.has(task));
  }

  /** Of the tasks that it has now and that are restored. */
  get runners(): readonly TaskRunner[] {
    return this.#tasks?.runners ?? [];
  }

  status(): {
    tasks: readonly TaskStatus[];
    restoring: readonly RestoringStatus[];
    standbys: readonly StandbyStatus[];
    refused: readonly { task: string; reason: string }[];
  } {
    const nowMs = Date.now();
    const restoring = this.#tasks?.restoring ?? [];
    return {
      tasks: this.runners.map((runner) => statusOf(runner.processorName, runner, nowMs)),
      restoring: restoring.map(({ name, meter }) => ({ task: name, ...meter.report() })),
      standbys: (this.#standbys?.reports ?? []).map(({ name, report }) => standbyStatusOf(name, report)),
      refused: this.#refused,
    };
  }

  control(action: string, body: Readonly<Record<string, unknown>>): Promise<unknown> | null {
    if (action !== 'redrive') return null;
    const asked = redriveAsked(this.runners, body);
    void asked.then(
      (outcome) => this.#options.logger.info({ ...body, ...outcome }, 'a parked aggregate was redriven or dropped'),
      () => undefined,
    );
    return asked;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { config, log, registry, logger, joinGroup, metrics, limits = {} } = this.#options;
    const { topicPrefix, partitions, placement = { by: 'share', instance: 0, instances: 1 } } = config;
    await log.admin.ensureTopics(topicSpecs(topicPrefix, partitions));
    const counted = new ProcessorMetrics(metrics, () => this.status());
    const openers = await TaskOpeners.create({
      ...{ all: allProcessors, topicPrefix, partitions, log, registry, logger, limits },
      chosen: new Set(choose(config.processors).map(({ name }) => name)),
      events: (processor, partition) => counted.of(processor, partition),
      servedAgeMs: () => servedAgeMs(this.status().tasks, this.#rows),
      snapshots: snapshotSettings(config),
      spill: spillSettings(config),
    });
    const known = (name: string): KnownTask => {
      const task = this.#known.get(name);
      if (task === undefined) throw new PlatformError('internal', `${name} is not known here`);
      return task;
    };
    const standbys = new StandbySet({ open: async (name) => known(name).standby?.() ?? null, logger });
    this.#standbys = standbys;
    const tasks = new TaskSet({
      open: async (name, meter) => known(name).open(meter, standbys.warmStart(name)),
      logger,
      reopenMs: placement.by === 'group' ? REOPEN_MS : null,
      refused: () => group?.rejoin(),
    });
    this.#tasks = tasks;
    const able = (): string[] => [...this.#known.keys()].filter((name) => !tasks.refused.has(name));
    if (placement.by === 'group' && joinGroup === undefined) {
      throw new PlatformError('internal', 'there is no group to join');
    }
    const group = placement.by === 'group' ? (joinGroup?.(this.#membership(tasks, standbys, able)) ?? null) : null;
    const ended = new AbortController();
    const stop = AbortSignal.any([signal, tasks.failed, ended.signal]);
    const stopped = new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }));
    const leftOver = new LeftOverLogs({ log, topicPrefix, logger });
    let haveRows = (): void => undefined;
    const firstRows = new Promise<void>((resolve) => (haveRows = resolve));
    const follower = new GenerationFollower({
      ...{ log, registry, topicPrefix, logger },
      onRows: (rows) => {
        this.#rows = rows;
        this.#known = openers.tasks(rows);
        leftOver.follow(rows, openers.kept(rows));
        haveRows();
        if (placement.by === 'group') {
          // What is not there any more is let go of at once; what is new is somebody's when the group says so.
          tasks.have(tasks.names.filter((name) => this.#known.has(name)));
          standbys.have(
            standbys.names.filter((name) => this.#known.has(name)),
            tasks.names,
          );
          group?.rejoin();
          return;
        }
        const { instance, instances } = placement;
        tasks.have([...this.#known].flatMap(([name, { place }]) => (place % instances === instance ? [name] : [])));
        this.#isPlaced = true;
      },
    });
    const follow = async (): Promise<void> => {
      try {
        await follower.run(stop);
      } finally {
        ended.abort();
      }
    };
    const takePart = async (): Promise<void> => {
      await Promise.race([firstRows, stopped]);
      if (!stop.aborted) await (group?.run(stop) ?? stopped);
    };
    try {
      await Promise.all([follow(), takePart()]);
    } finally {
      ended.abort();
      this.#isPlaced = false;
      leftOver.close();
      await Promise.all([tasks.close(), standbys.close()]);
    }
    if (tasks.failed.aborted) throw tasks.failed.reason;
  }

  #membership(tasks: TaskSet, standbys: StandbySet, able: () => readonly string[]): GroupOptions {
    const { config, logger } = this.#options;
    const { topicPrefix, standbyReplicas: replicas = 0 } = config;
    return {
      group: `${topicPrefix}stream-processors`,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      metadata: () => {
        const copied = replicas === 0 ? [] : able().filter((name) => this.#known.get(name)?.standby !== undefined);
        const of = { replicas, held: standbys.names, warm: standbys.warm, able: copied };
        return metadataOf({ held: tasks.names, able: able(), standbys: of });
      },
      assign: partsOf,
      assigned: (text) => {
        const part = partFrom(text);
        logger.info(part, 'tasks and standbys of this process, by the group');
        // One that was there when the group gathered and is not any more is nobody's.
        const mine = part.tasks.filter((name) => able().includes(name));
        standbys.have(
          part.standbys.filter((name) => this.#known.has(name)),
          mine,
        );
        tasks.have(mine);
        this.#isPlaced = true;
      },
    };
  }
}

/** Age of the least fresh log that readers see, of those whose inputs are there: what waits for another log is not late by itself. */
function servedAgeMs(tasks: readonly TaskStatus[], rows: GenerationRows): number | null {
  let oldest: number | null = null;
  for (const { output, lagMs, heldBackBy } of tasks) {
    const found = logOfTopic(output.slice(output.indexOf('views.')));
    if (found === null || found.log !== activeLogOf(rows, found.view) || heldBackBy !== null) continue;
    if (lagMs !== null && (oldest === null || lagMs > oldest)) oldest = lagMs;
  }
  return oldest;
}

function choose(names: readonly string[]): readonly AnyProcessor[] {
  if (names.length === 0) return allProcessors;
  return names.map((name) => {
    const found = allProcessors.find((processor) => processor.name === name);
    if (found !== undefined) return found;
    const known = allProcessors.map((processor) => processor.name).join(', ');
    throw new PlatformError('config-invalid', `PROCESSORS: there is no processor ${name}; there are ${known}`);
  });
}
