// Requests to the server that served this page.  An error says what happened in the server's own words.

export class ApiError extends Error {
  // status: the HTTP status, or 0 where no answer came.
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const base = '/api/v1';

// The detail of an RFC 9457 problem, or the best words that the reply allows.
async function problem(reply: Response): Promise<ApiError> {
  let words = '';
  try {
    const body = (await reply.json()) as { title?: unknown; detail?: unknown };
    words = [body.detail, body.title].find((s): s is string => typeof s === 'string' && s !== '') ?? '';
  } catch {
    /* Not JSON: the status line has to do. */
  }
  return new ApiError(reply.status, words || `The server answered ${reply.status} ${reply.statusText}.`.replace(' .', '.'));
}

async function send<T>(path: string, init: RequestInit): Promise<T> {
  let reply: Response;
  try {
    reply = await fetch(base + path, { ...init, credentials: 'same-origin' });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, 'The server did not answer.');
  }
  if (!reply.ok) throw await problem(reply);
  return (await reply.json()) as T;
}

export const get = <T>(path: string): Promise<T> => send<T>(path, { headers: { Accept: 'application/json' } });

export const post = <T>(path: string, body: unknown): Promise<T> =>
  send<T>(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify(body),
  });

// One decision about a model, in the three forms a person may meet it: what the button sends, the API call, the command.
export interface Decision {
  path: string;
  body: Record<string, string>;
  api: string;
  cli: string;
}

export function decision(
  verb: 'approve' | 'reject',
  version: number,
  stage: string | null,
  why: string,
  command: string,
): Decision {
  const path = `/models/${version}/${verb}`;
  const body: Record<string, string> = {};
  if (verb === 'approve' && stage) body['stage'] = stage;
  if (why.trim()) body['why'] = why.trim();
  const cli =
    command.replace(/ -m WHY$/, '') + (body['why'] ? ` -m ${shellQuoted(body['why'])}` : verb === 'reject' ? ' -m WHY' : '');
  return { path, body, api: `POST ${base}${path} ${JSON.stringify(body)}`, cli };
}

// In single quotes nothing is special to a POSIX shell but the quote itself.
export const shellQuoted = (text: string): string => `'${text.replace(/'/g, `'\\''`)}'`;
