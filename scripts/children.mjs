/** Running other programs in the foreground, signals passed on. Plain JavaScript without dependencies. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Arguments for a Node that runs TypeScript from source. */
export const fromSource = ['--import', 'tsx', '--conditions=@millrace/source'];

/** A child of this process: `ended` resolves with its exit code (128 + n after a signal). Signals to us reach it. */
export function start(args, options = {}) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit', ...options });
  const forward = (signal) => child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, forward);
  const ended = new Promise((resolve) => {
    child.once('error', (error) => {
      process.stderr.write(`${error.message}\n`);
      resolve(1);
    });
    child.once('exit', (code, signal) => {
      for (const name of signals) process.off(name, forward);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 143));
    });
  });
  return { child, ended };
}

/** Compiles every workspace into its `dist`; only what has changed. Ends the process when something does not compile. */
export function build() {
  const { status } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-b', 'tsconfig.build.json'],
    { cwd: root, stdio: 'inherit' },
  );
  if (status === 0) return;
  process.stderr.write('The build failed: the messages above name the files.\n');
  process.exit(status ?? 1);
}
