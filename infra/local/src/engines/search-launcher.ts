import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runToEnd } from './run.ts';

/**
 * The runner's own main takes no HTTP port above 9299 and hides why a start failed. This one takes any port, uses just
 * that port, and prints the reason.
 */
const source = `import org.codelibs.opensearch.runner.OpenSearchRunner;

public final class MillraceSearch {
  private static final class Runner extends OpenSearchRunner {
    Runner() {
      maxHttpPort = -1;
    }
  }

  public static void main(String[] args) throws Exception {
    Runner runner = new Runner();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        runner.close();
      } catch (Exception error) {
        error.printStackTrace();
      }
    }));
    try {
      runner.build(args);
    } catch (Throwable error) {
      error.printStackTrace();
      System.exit(1);
    }
    while (!runner.isClosed()) Thread.sleep(1000);
  }
}
`;

export const launcherClass = 'MillraceSearch';

/** Compiles the launcher into `folder` unless the same one is there already. */
export async function ensureLauncher(folder: string, lib: string): Promise<void> {
  const marker = join(folder, '.source');
  if ((await readFile(marker, 'utf8').catch(() => '')) === source) return;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${launcherClass}.java`);
  await writeFile(file, source);
  const compiler = [
    '-cp',
    join(lib, '*'),
    'org.eclipse.jdt.internal.compiler.batch.Main',
    '-17',
    '-nowarn',
    '-proc:none',
  ];
  const classPath = await jarsOf(lib);
  await runToEnd(
    'Compiling the launcher of OpenSearch',
    'java',
    [...compiler, '-classpath', classPath, '-d', folder, file],
    { cwd: folder },
  );
  await writeFile(marker, source);
}

async function jarsOf(lib: string): Promise<string> {
  return (await readdir(lib))
    .filter((name) => name.endsWith('.jar'))
    .map((name) => join(lib, name))
    .join(':');
}
