/** What is read of the sinks' `/status`. */
interface SinksStatus {
  readonly sinks?: readonly { readonly sink: string; readonly state: string; readonly reason?: string }[];
}

/** Why a sink of the generation cannot go on; null where none says so, or the sinks do not answer now. */
export async function brokenSinks(sinksUrl: string, generation: number): Promise<string | null> {
  let status: SinksStatus;
  try {
    const answer = await fetch(new URL('/status', sinksUrl), { signal: AbortSignal.timeout(2_000) });
    status = (await answer.json()) as SinksStatus;
  } catch {
    // Sinks that are away come back by themselves; that nothing moves is noticed by whoever waits.
    return null;
  }
  const broken = status.sinks?.find(({ sink, state }) => state === 'broken' && sink.endsWith(`_g${generation}`));
  return broken === undefined ? null : `${broken.sink} cannot go on: ${broken.reason ?? ''}`;
}
