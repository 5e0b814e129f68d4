import { Command, CommanderError } from 'commander';
import { asPlatformError, errorPolicy } from '@millrace/kernel/errors';
import { EXIT, output } from './output.ts';
import type { ExitCode, Output } from './output.ts';
import { benchVerb } from './verbs/bench.ts';
import { captureVerb } from './verbs/capture.ts';
import { chaosVerb } from './verbs/chaos.ts';
import { dlqVerb } from './verbs/dlq.ts';
import { downVerb, statusVerb, upVerb } from './verbs/platform.ts';
import { processorsVerb } from './verbs/processors.ts';
import { rollbackVerb } from './verbs/generations.ts';
import { rebuildVerb } from './verbs/rebuild.ts';
import { replayVerb } from './verbs/replay.ts';
import { lagVerb } from './verbs/lag.ts';
import { migrateVerb } from './verbs/migrate.ts';
import { seedVerb, trafficVerb } from './verbs/shop.ts';
import { traceVerb } from './verbs/trace.ts';
import { verifyVerb } from './verbs/verify.ts';
import { viewsVerb } from './verbs/views.ts';

/** A verb: its name, options and what it does; the number it resolves to is the process's exit code. */
export interface Verb {
  readonly name: string;
  readonly summary: string;
  define(command: Command): void;
  /** `given`: every argument, `argument` being the first. */
  run(
    options: Readonly<Record<string, unknown>>,
    argument: string | undefined,
    out: Output,
    given: readonly string[],
  ): Promise<ExitCode>;
}

const verbs: readonly Verb[] = [
  upVerb,
  downVerb,
  statusVerb,
  migrateVerb,
  seedVerb,
  trafficVerb,
  lagVerb,
  viewsVerb,
  rebuildVerb,
  rollbackVerb,
  replayVerb,
  verifyVerb,
  dlqVerb,
  processorsVerb,
  traceVerb,
  captureVerb,
  benchVerb,
  chaosVerb,
];

function program(finish: (code: ExitCode) => void): Command {
  const root = new Command('millrace')
    .description('Live, verifiable read views of Postgres: the operator’s command.')
    .exitOverride()
    .showHelpAfterError('(millrace --help lists the verbs, millrace <verb> --help its options)');
  for (const verb of verbs) {
    const command = root.command(verb.name).description(verb.summary).option('--json', 'answer in JSON').exitOverride();
    verb.define(command);
    command.action(async (...given: unknown[]) => {
      const texts = given.filter((one) => typeof one === 'string');
      const options = command.opts<Record<string, unknown>>();
      finish(await verb.run(options, texts[0], output(options['json'] === true), texts));
    });
  }
  return root;
}

async function main(): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  try {
    await program((result) => (code = result)).parseAsync(process.argv);
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    const wrapped = asPlatformError(error);
    // Hints for callers of the API say nothing to an operator.
    const { disposition, hint: sentence } = errorPolicy[wrapped.kind];
    const hint = wrapped.kind === 'internal' || disposition === 'reject' ? '' : ` ${sentence}`;
    process.stderr.write(`millrace: ${wrapped.message}${hint}\n`);
    if (wrapped.kind === 'internal' && wrapped.cause instanceof Error && wrapped.cause.name !== 'Problem') {
      process.stderr.write(`${wrapped.cause.stack ?? ''}\n`);
    }
    return wrapped.kind === 'config-invalid' || wrapped.kind === 'validation-failed' ? EXIT.usage : EXIT.failed;
  }
}

process.exitCode = await main();
