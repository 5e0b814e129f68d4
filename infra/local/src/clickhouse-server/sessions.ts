import { Session } from 'chdb';
import { literal, plainName, quoted, type Statement } from './protocol.ts';

/**
 * Several sessions on one data folder, lent to one statement at a time. When all are busy, statements wait in the
 * order they came.
 */
export class SessionPool {
  readonly #free: LentSession[];
  readonly #all: readonly LentSession[];
  readonly #waiting: ((session: LentSession) => void)[] = [];

  constructor(dataFolder: string, size: number) {
    this.#all = Array.from({ length: size }, () => new LentSession(new Session(dataFolder)));
    this.#free = [...this.#all];
  }

  /** Runs `work` with a session on which the statement's database, settings and parameters are in force. */
  async use<T>(statement: Statement, work: (session: Session) => Promise<T>): Promise<T> {
    const lent = this.#free.pop() ?? (await new Promise<LentSession>((resolve) => this.#waiting.push(resolve)));
    try {
      await lent.enter(statement);
      return await work(lent.session);
    } finally {
      await lent.leave(statement);
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(lent);
      else next(lent);
    }
  }

  /** Call only when no statement runs. */
  close(): void {
    for (const { session } of this.#all) session.close();
  }
}

class LentSession {
  readonly session: Session;
  #database = 'default';

  constructor(session: Session) {
    this.session = session;
  }

  async enter(statement: Statement): Promise<void> {
    if (statement.database !== this.#database) {
      await this.session.queryAsync(`USE ${quoted(statement.database)}`);
      this.#database = statement.database;
    }
    const assignments = [
      ...statement.settings.map(([name, value]) => `${plainName(name)} = ${literal(value)}`),
      ...statement.parameters.map(([name, value]) => `${plainName(`param_${name}`)} = ${literal(value)}`),
    ];
    if (assignments.length > 0) await this.session.queryAsync(`SET ${assignments.join(', ')}`);
  }

  /** A setting holds for one statement only. (Parameters are overwritten where they are used.) */
  async leave(statement: Statement): Promise<void> {
    for (const [name] of statement.settings) {
      // A setting that was refused has nothing to take back.
      await this.session.queryAsync(`SET ${plainName(name)} = DEFAULT`).catch(() => undefined);
    }
  }
}
