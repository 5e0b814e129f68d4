/** A task's name, `<processor>/<partition>`. */
export type TaskName = string;

export interface PlacedMember {
  readonly id: string;
  /** What it has now. */
  readonly held: readonly TaskName[];
  /** What it may have. */
  readonly able: readonly TaskName[];
}

/**
 * Who does what. Every task that anyone is able to do is given to one; members have equally many, within one, where their abilities allow; a task
 * stays where it is unless that would leave another with too few. So a member that goes moves its own tasks alone, and one that comes gets
 * no more than its share. A function of its arguments: members in the order given, tasks in order of name.
 */
export function placeTasks(members: readonly PlacedMember[]): Map<string, TaskName[]> {
  const tasks = [...new Set(members.flatMap(({ able }) => able))].sort();
  const placed = new Map<string, TaskName[]>(members.map(({ id }) => [id, []]));
  const least = Math.floor(tasks.length / Math.max(1, members.length));
  let extra = tasks.length - least * members.length;
  const given = new Set<TaskName>();
  // Those that have more than the least may keep one more, as long as there are such places.
  for (const { id, held, able } of [...members].sort((a, b) => b.held.length - a.held.length)) {
    const kept = held.filter((task) => able.includes(task) && !given.has(task)).sort();
    let most = least;
    if (kept.length > least && extra > 0) {
      most++;
      extra--;
    }
    for (const task of kept.slice(0, most)) {
      given.add(task);
      placed.get(id)?.push(task);
    }
  }
  for (const task of tasks) {
    if (given.has(task)) continue;
    let fewest: TaskName[] | undefined;
    for (const { id, able } of members) {
      const list = placed.get(id);
      if (list === undefined || !able.includes(task)) continue;
      if (fewest === undefined || list.length < fewest.length) fewest = list;
    }
    fewest?.push(task);
  }
  return placed;
}
