import type { SnapshotDisk } from '../runtime/index.ts';
import { endOf, endText, headOf, headText } from '../runtime/snapshot/content.ts';
import { frameOf, readFrame } from '../runtime/snapshot/frames.ts';
import type { Broken } from './simulate.ts';

/** A disk whose snapshots say of themselves, with checksums that are right, what is not so. Others are as they were given. */
export function brokenDisk(disk: SnapshotDisk, broken: Broken | undefined): SnapshotDisk {
  if (broken !== 'snapshot-of-its-end' && broken !== 'snapshot-in-part') return disk;
  return {
    list: (task) => disk.list(task),
    open: (task, name) => disk.open(task, name),
    create: async (task) => {
      const draft = await disk.create(task);
      const frames: Buffer[] = [];
      return {
        write: (bytes) => {
          frames.push(Buffer.from(bytes));
          return Promise.resolve();
        },
        publish: async (name, keep) => {
          const said = broken === 'snapshot-in-part' ? { name, parts: await half(frames) } : await ofItsEnd(frames);
          for (const part of said.parts) await draft.write(part);
          await draft.publish(said.name, keep);
        },
        discard: () => draft.discard(),
      };
    },
  };
}

/** The head, the first half of the parts, and an end that says there are no more. */
async function half(frames: readonly Buffer[]): Promise<Buffer[]> {
  const [head = Buffer.alloc(0), ...rest]: readonly Buffer[] = frames;
  const end = endOf(await textOf(rest.pop()));
  const kept = rest.slice(0, Math.floor(rest.length / 2));
  let values = 0;
  // A part says first how many values it has.
  for (const part of kept) values += (await contentOf(part)).readUInt32LE(0);
  return [head, ...kept, frameOf('end', Buffer.from(endText({ ...end, values })))];
}

async function ofItsEnd(frames: readonly Buffer[]): Promise<{ name: string; parts: readonly Buffer[] }> {
  const { toOffset: fromOffset } = endOf(await textOf(frames.at(-1)));
  const head = headOf(await textOf(frames[0]));
  const parts = [frameOf('head', Buffer.from(headText({ ...head, fromOffset }))), ...frames.slice(1)];
  return { name: fromOffset.toString().padStart(20, '0'), parts };
}

async function textOf(frame: Buffer | undefined): Promise<string> {
  return (await contentOf(frame)).toString('utf8');
}

async function contentOf(frame: Buffer = Buffer.alloc(0)): Promise<Buffer> {
  let at = 0;
  const read = (length: number): Promise<Buffer> => Promise.resolve(frame.subarray(at, (at += length)));
  return (await readFrame({ read, close: () => Promise.resolve() }))?.content ?? Buffer.alloc(0);
}
