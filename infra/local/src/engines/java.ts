import { spawn } from 'node:child_process';
import { Problem } from '../processes/index.ts';

const install =
  'install one, for example with `apt-get install -y openjdk-17-jre-headless` or `brew install openjdk@17`';

/** Major version out of what `java -version` prints; undefined when it cannot be read. */
export function javaMajor(text: string): number | undefined {
  const match = /version "(\d+)(?:\.(\d+))?/.exec(text);
  if (match === null) return undefined;
  return match[1] === '1' && match[2] !== undefined ? Number(match[2]) : Number(match[1]);
}

/** @throws Problem when the `java` of the path is missing or older than 17. */
export async function requireJava(): Promise<void> {
  const child = spawn('java', ['-version'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  child.stdout.resume();
  await new Promise<void>((resolve, reject) => {
    child.once('error', () =>
      reject(new Problem(`The engines need Java 17 or later and no java was found: ${install}.`)),
    );
    child.once('close', () => resolve());
  });
  const major = javaMajor(text);
  if (major === undefined || major < 17) {
    throw new Problem(
      `The engines need Java 17 or later, and the java found is ${major ?? 'of an unknown version'}: ${install}.`,
    );
  }
}
