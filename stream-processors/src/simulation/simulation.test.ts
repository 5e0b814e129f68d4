import { expect, test } from '@jest/globals';
import { Checker, Place } from './index.ts';

const TIMEOUT_MS = 120_000;

test(
  'in many schedules of faults every run comes to what the sequential run is',
  async () => {
    const checker = new Checker(await Place.open());
    let faults = 0;
    for (let seed = 0; seed < 150; seed++) {
      const report = await checker.check(seed);
      expect(report).toMatchObject({ seed, findings: [] });
      faults += report.faults;
    }
    expect(faults).toBeGreaterThan(500);
  },
  TIMEOUT_MS,
);

test(
  'schedules that once failed',
  async () => {
    const checker = new Checker(await Place.open());
    // A deletion of half a result, of which compaction left the tombstone, was written again.
    // A deletion and its tombstone were in two batches; the second never came, and the restarted task left both out.
    for (const seed of [1396, 1976, 1036477, 1045942])
      expect(await checker.check(seed)).toMatchObject({ seed, findings: [] });
  },
  TIMEOUT_MS,
);

test(
  'a seed says by itself what happens',
  async () => {
    const place = await Place.open();
    const one = new Checker(place, { broken: 'no-fence' });
    const other = new Checker(place, { broken: 'no-fence' });
    for (let seed = 0; seed < 40; seed++) await one.check(seed);
    for (const seed of [7, 23, 12]) expect(await other.check(seed)).toEqual(await one.check(seed));
  },
  TIMEOUT_MS,
);

test(
  'a broker that does not fence is found out',
  async () => {
    const checker = new Checker(await Place.open(), { broken: 'no-fence' });
    let found = 0;
    for (let seed = 0; seed < 60; seed++) if ((await checker.check(seed)).findings.length > 0) found++;
    expect(found).toBeGreaterThan(5);
  },
  TIMEOUT_MS,
);

test(
  'with snapshots on disks that are damaged, or left behind while a task is elsewhere, it is the same',
  async () => {
    const checker = new Checker(await Place.open(), { snapshots: true });
    let fromSnapshots = 0;
    for (let seed = 0; seed < 80; seed++) {
      const report = await checker.check(seed);
      expect(report).toMatchObject({ seed, findings: [] });
      fromSnapshots += report.fromSnapshots;
    }
    expect(fromSnapshots).toBeGreaterThan(40);
  },
  TIMEOUT_MS,
);

test(
  'with standbys that are slow, given up, killed with their process or taken over at any moment, it is the same',
  async () => {
    const checker = new Checker(await Place.open(), { standbys: true, snapshots: true });
    let fromStandbys = 0;
    for (let seed = 0; seed < 60; seed++) {
      const report = await checker.check(seed);
      expect(report).toMatchObject({ seed, findings: [] });
      fromStandbys += report.fromStandbys;
    }
    expect(fromStandbys).toBeGreaterThan(60);
  },
  TIMEOUT_MS,
);

test(
  'a standby that does not notice how long it was away is found out',
  async () => {
    const checker = new Checker(await Place.open(), { standbys: true, snapshots: true, broken: 'standby-of-any-age' });
    // Few schedules forget a deletion while a standby stands before it: this one does.
    expect((await checker.check(757)).findings).not.toEqual([]);
  },
  TIMEOUT_MS,
);

test.each([
  ['snapshot-of-its-end', { snapshots: true }, 60],
  ['snapshot-in-part', { snapshots: true }, 40],
  ['standby-with-gaps', { standbys: true }, 150],
] as const)(
  'a runtime that takes over what is not so is found out: %s',
  async (broken, options, seeds) => {
    const checker = new Checker(await Place.open(), { ...options, broken });
    let found = 0;
    for (let seed = 0; seed < seeds; seed++) if ((await checker.check(seed)).findings.length > 0) found++;
    expect(found).toBeGreaterThan(1);
  },
  TIMEOUT_MS,
);
