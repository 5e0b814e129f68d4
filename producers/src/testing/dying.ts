import type { LogClient, LogWriter } from '@millrace/kernel/log';
import type { SchemaRegistry } from '@millrace/schemas/registry';

/**
 * When a capture kills itself, at the `at`-th time that it comes to it: `received`: it has a relation whose schema it has yet to register, and the
 * rows behind it; `encoded`: an append is made up and nothing of it is sent; `sent`: it is on its way and not answered; `held`: the log has
 * answered and Postgres has not been told. Appends that carry watermarks only are not counted.
 */
export interface DyingMoment {
  readonly when: 'received' | 'encoded' | 'sent' | 'held';
  readonly at: number;
}

/** Counts down to the moment, then ends this process as nothing can prevent. */
class Fate {
  #left: number;
  readonly #moment: DyingMoment;

  constructor(moment: DyingMoment) {
    this.#moment = moment;
    this.#left = moment.at;
  }

  isNow(when: DyingMoment['when']): boolean {
    return when === this.#moment.when && --this.#left === 0;
  }

  die(): void {
    process.kill(process.pid, 'SIGKILL');
  }
}

/** `log` and `registry` as they are, until the moment. */
export function dying(moment: DyingMoment, log: LogClient, registry: SchemaRegistry) {
  const fate = new Fate(moment);
  let opened = false;
  const writerOf = (writer: LogWriter): LogWriter => ({
    epoch: writer.epoch,
    ends: writer.ends,
    close: () => writer.close(),
    async append(batches) {
      const hasRows = batches.some(({ records }) => records.length > 1);
      if (hasRows && fate.isNow('encoded')) fate.die();
      const answer = writer.append(batches);
      if (hasRows && fate.isNow('sent')) setImmediate(() => fate.die());
      const results = await answer;
      if (hasRows && fate.isNow('held')) fate.die();
      return results;
    },
  });
  return {
    log: {
      admin: log.admin,
      createReader: (options) => log.createReader(options),
      close: () => log.close(),
      async openWriter(options) {
        opened = true;
        return writerOf(await log.openWriter(options));
      },
    } satisfies LogClient,
    registry: {
      schema: (id) => registry.schema(id),
      register(topic, schema) {
        if (opened && fate.isNow('received')) fate.die();
        return registry.register(topic, schema);
      },
    } satisfies SchemaRegistry,
  };
}
