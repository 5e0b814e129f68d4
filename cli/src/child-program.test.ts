import { describe, expect, test } from '@jest/globals';
import { childOutput } from './child-program.ts';

const node = (program: string, env: Readonly<Record<string, string>> = {}): Promise<string> =>
  childOutput(process.execPath, ['-e', program, 'secret'], env, 'the program');

describe('the output of a child', () => {
  test('is all that it wrote, also what is longer than a pipe holds', async () => {
    expect(await node(`process.stdout.write('x'.repeat(1_000_000))`)).toHaveLength(1_000_000);
  });

  test('comes from the variables that it was given, not from those of this process', async () => {
    const printed = await node('console.log(process.env.HOME, process.env.GIVEN)', { GIVEN: 'given' });
    expect(printed).toBe('undefined given\n');
  });

  test('is an error with what it said last where it failed, and without its arguments', async () => {
    const failed = node(`process.stderr.write('no such slot'); process.exitCode = 3`);
    await expect(failed).rejects.toThrow('the program ended with 3: no such slot');
    await expect(failed).rejects.not.toThrow('secret');
  });

  test('is an error where it was killed, or is not there', async () => {
    await expect(node(`process.kill(process.pid, 'SIGKILL')`)).rejects.toThrow('ended with a signal');
    await expect(childOutput('no-such-command', [])).rejects.toThrow('ENOENT');
  });
});
