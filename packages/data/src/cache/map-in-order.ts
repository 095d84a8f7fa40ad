/** Applies `f` to each item, `limit` at a time, and gives the results in the items' order. */
export async function* mapInOrder<T, R>(
  items: AsyncIterable<T>,
  limit: number,
  f: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const queue: Promise<R>[] = [];
  for await (const item of items) {
    const result = f(item);
    result.catch(() => undefined); // thrown when its turn comes
    queue.push(result);
    if (queue.length === limit) yield await queue.shift()!;
  }
  for (const result of queue) yield await result;
}
