/** What readers met. */
export interface Readings {
  readonly reads: number;
  /** Answers that a shopper would call wrong. */
  readonly wrong: readonly string[];
}

/** Reads products and searches through the API until stopped, and notes each answer that a shopper would call wrong. */
export async function readUntil(stop: AbortSignal, apiUrl: string, ids: readonly string[]): Promise<Readings> {
  const wrong: string[] = [];
  let reads = 0;
  const read = async (path: string, isWhole: (body: Record<string, unknown>) => boolean): Promise<void> => {
    const answer = await fetch(`${apiUrl}${path}`);
    const text = await answer.text();
    reads++;
    if (answer.status !== 200) wrong.push(`${path}: ${answer.status} ${text}`);
    else if (!isWhole(JSON.parse(text) as Record<string, unknown>))
      wrong.push(`${path}: half filled: ${text.slice(0, 300)}`);
  };
  const first = (await (await fetch(`${apiUrl}/api/queries/products/search?limit=1`)).json()) as { total: number };
  const product = async (): Promise<void> => {
    for (let at = 0; !stop.aborted; at++) {
      const id = ids[at % ids.length] ?? '';
      await read(`/api/queries/products/${id}`, (body) => body['productId'] === id);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const search = async (): Promise<void> => {
    while (!stop.aborted) {
      // Traffic adds and archives a few products meanwhile; a half-filled index would miss many.
      await read('/api/queries/products/search?limit=1', (body) => (body['total'] as number) > first.total * 0.9);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  await Promise.all([product(), product(), search()]);
  return { reads, wrong };
}
