/** A task's name, `<processor>/<partition>`. */
export type TaskName = string;

export interface PlacedMember {
  readonly id: string;
  /** What it has now. */
  readonly held: readonly TaskName[];
  /** What it may have. */
  readonly able: readonly TaskName[];
  /** Left out: it keeps no standbys. */
  readonly standbys?: PlacedStandbys;
}

export interface PlacedStandbys {
  /** How many processes are to keep a standby of each task, as this one is told; the greatest number counts. 0: it keeps none. */
  readonly replicas: number;
  /** Of which tasks it has a standby now. */
  readonly held: readonly TaskName[];
  /** Those of them that have been at their log's end. */
  readonly warm: readonly TaskName[];
  /** Of which it may have one. */
  readonly able: readonly TaskName[];
}

/**
 * Who does what. Every task that anyone is able to do is given to one; members have equally many, within one, where their abilities allow; a task
 * stays where it is unless that would leave another with too few, and goes where a warm standby of it is, as far as that is so. So a member that goes moves its own
 * tasks alone, and one that comes gets no more than its share. A function of its arguments: members in the order given, tasks in order of name.
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
  const sizeOf = ({ id }: PlacedMember): number => placed.get(id)?.length ?? 0;
  for (const task of tasks) {
    if (given.has(task)) continue;
    const isWarm = ({ able, standbys }: PlacedMember): boolean =>
      able.includes(task) && standbys?.warm.includes(task) === true;
    const room = members.filter((member) => isWarm(member) && sizeOf(member) < least + (extra > 0 ? 1 : 0));
    const member = first(room, (one) => [sizeOf(one)]);
    if (member === undefined) continue;
    if (sizeOf(member) >= least) extra--;
    given.add(task);
    placed.get(member.id)?.push(task);
  }
  for (const task of tasks) {
    if (given.has(task)) continue;
    const able = members.filter((member) => member.able.includes(task));
    const member = first(able, (one) => [sizeOf(one)]);
    if (member !== undefined) placed.get(member.id)?.push(task);
  }
  return placed;
}

/**
 * Who keeps a standby of what, beside what `placeTasks` gave to whom: of each task as many members as are told to, none of them the one that has the task. A standby
 * stays where it is, warm ones first, while its member has no more than its share. New ones go where the fewest are of tasks of the same member, so that a
 * member that goes leaves its tasks to all others alike, and else where the least is to do.
 */
export function placeStandbys(
  members: readonly PlacedMember[],
  placed: ReadonlyMap<string, readonly TaskName[]>,
): Map<string, TaskName[]> {
  const standing = new Map<string, TaskName[]>(members.map(({ id }) => [id, []]));
  const keeping = members.filter(({ standbys }) => (standbys?.replicas ?? 0) > 0);
  const replicas = Math.max(0, ...keeping.map(({ standbys }) => standbys?.replicas ?? 0));
  const ownerOf = new Map([...placed].flatMap(([id, names]) => names.map((name) => [name, id] as const)));
  const tasks = [...ownerOf.keys()].sort();
  const listOf = ({ id }: PlacedMember): TaskName[] => standing.get(id) ?? [];
  const may = (member: PlacedMember, task: TaskName): boolean =>
    ownerOf.get(task) !== member.id && member.standbys?.able.includes(task) === true && !listOf(member).includes(task);
  const copies = new Map(tasks.map((task) => [task, 0]));
  const wants = (task: TaskName): boolean => (copies.get(task) ?? 0) < replicas;
  const give = (member: PlacedMember, task: TaskName): void => {
    listOf(member).push(task);
    copies.set(task, (copies.get(task) ?? 0) + 1);
  };
  const wanted = tasks.filter((task) => keeping.some((member) => may(member, task)));
  const share = Math.ceil((wanted.length * replicas) / Math.max(1, keeping.length));
  for (const isWarm of [true, false]) {
    for (const member of keeping) {
      const { held = [], warm = [] } = member.standbys ?? {};
      for (const task of held.filter((name) => warm.includes(name) === isWarm).sort()) {
        if (wants(task) && may(member, task) && listOf(member).length < share) give(member, task);
      }
    }
  }
  for (const task of wanted) {
    const owner = ownerOf.get(task);
    while (wants(task)) {
      const able = keeping.filter((member) => may(member, task));
      const member = first(able, (one) => {
        const ofOwner = listOf(one).filter((name) => ownerOf.get(name) === owner).length;
        return [ofOwner, (placed.get(one.id)?.length ?? 0) + listOf(one).length];
      });
      if (member === undefined) break;
      give(member, task);
    }
  }
  return standing;
}

/** The one with the least numbers, the first of them deciding before the second; of equal ones the first. */
function first<T>(list: readonly T[], numbers: (one: T) => readonly number[]): T | undefined {
  let best: { readonly one: T; readonly rank: readonly number[] } | undefined;
  for (const one of list) {
    const rank = numbers(one);
    const at = rank.findIndex((number, index) => number !== best?.rank[index]);
    if (best === undefined || (at !== -1 && (rank[at] ?? 0) < (best.rank[at] ?? 0))) best = { one, rank };
  }
  return best?.one;
}
