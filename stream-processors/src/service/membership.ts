import type { GroupMember } from '@millrace/kernel/group';
import { placeStandbys, placeTasks } from './placement.ts';
import type { PlacedMember, TaskName } from './placement.ts';

/** What a process is told to do. */
export interface Part {
  readonly tasks: readonly TaskName[];
  readonly standbys: readonly TaskName[];
}

/** What a process says of itself to its group. */
export function metadataOf(said: Omit<PlacedMember, 'id'>): string {
  return JSON.stringify(said);
}

/** Everyone's part, by what all say of themselves. A process of a release without standbys is told its tasks alone, as it expects it. */
export function partsOf(members: readonly GroupMember[]): Map<string, string> {
  const placing = members.map(({ id, metadata }): PlacedMember => {
    const said = JSON.parse(metadata) as Omit<PlacedMember, 'id'>;
    return { id, ...said };
  });
  const tasks = placeTasks(placing);
  const standbys = placeStandbys(placing, tasks);
  return new Map(
    placing.map((member) => {
      const mine = tasks.get(member.id) ?? [];
      const part: Part = { tasks: mine, standbys: standbys.get(member.id) ?? [] };
      return [member.id, JSON.stringify(member.standbys === undefined ? mine : part)];
    }),
  );
}

/** A part as this process was told it, by one of its own release or an earlier one. */
export function partFrom(text: string): Part {
  const part = JSON.parse(text === '' ? '[]' : text) as Part | readonly TaskName[];
  return 'tasks' in part ? part : { tasks: part, standbys: [] };
}
