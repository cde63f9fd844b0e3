/**
 * Pushed: part of the `parent` bundle, in contexts that start children; master has it too.
 *
 * How contexts that contexts have started become known above: each hop believes its neighbour what
 * that may say, and hands it on. A stream keeps its order, so the news of a context come before its
 * first message.
 */

import type { Router } from '../routing/router.js';
import type { Stream } from '../routing/stream.js';
import { ADD_ROUTE } from '../wire/handles.js';
import { MAX_NAME_CHARS } from '../wire/limits.js';
import type { Ids } from './ids.js';

/** Characters of a method, and of a version of Node. */
const MAX_WORD = 32;

/**
 * A context was started, and when it is connected, once more with the process. As it travels: id, id
 * of the context that starts it, its name below that, method, process id, version of Node.
 */
export type News = [
  id: number,
  via: number,
  name: string,
  method: string,
  pid?: number,
  nodeVersion?: string,
];

/** Listens for routes from above and for news from below; `onNews` hands the latter on. */
export function listenForNews(
  router: Router,
  ids: Ids,
  onNews: (news: News) => void,
  onComplaint: (text: string) => void,
): void {
  router.listen(
    {
      // A child speaks for itself, whatever authority it was lent, and nobody behind it speaks past it.
      policy: (message, from) =>
        from?.side === 'child' ? from.peer === message.source : router.isAbove(message),
      onMessage: (message, from) => {
        const value = router.decode(message);
        if (from && from.side === 'child') {
          const news = readNews(value);
          if (isAllowed(router, ids, news, from)) return onNews(news);
          return onComplaint(`context ${from.peer} may not have announced context ${news[0]}`);
        }
        const [id, via] = value as [number, number];
        const stream = router.routes.get(via);
        if (via === router.id) router.addStream('child', id);
        else if (stream) router.addRoute(id, stream);
      },
    },
    ADD_ROUTE,
  );
}

/** Whether `from` leads to where the context is said to be, and may say so; then there is a route. */
function isAllowed(router: Router, ids: Ids, [id, via]: News, from: Stream): boolean {
  const { routes } = router;
  if (routes.get(via) !== from) return false;
  return routes.has(id)
    ? id !== from.peer && routes.get(id) === from
    : ids.use(id, from) && router.addRoute(id, from);
}

/** Bounded, and of the right types, whatever it was. */
function readNews(value: unknown): News {
  const [id, via, name, method, pid, nodeVersion] = (Array.isArray(value) ? value : []) as News;
  const news: News = [
    Number(id),
    Number(via),
    String(name).slice(0, MAX_NAME_CHARS),
    String(method).slice(0, MAX_WORD),
  ];
  return pid === undefined
    ? news
    : [
        ...(news as [number, number, string, string]),
        Number(pid),
        String(nodeVersion).slice(0, MAX_WORD),
      ];
}
