// The page's first word: one sentence from the server, and what belongs to it.
import { tied } from '../format';
import type { Part } from '../feed';
import type { Status } from '../api/types';

export function Answer({ part, retry }: { part: Part<Status>; retry: () => void }) {
  const answer = part.data?.answer;
  if (!answer) {
    return (
      <div className="head">
        <h1 className="answer">{part.error ? 'The server does not say how the loop stands.' : 'Asking how the loop stands'}</h1>
        <p className="under">
          {part.error ? `${part.error.message} It is asked again by itself. ` : '\u00a0'}
          {part.error && (
            <button type="button" className="btn small" onClick={retry}>
              Try now
            </button>
          )}
        </p>
      </div>
    );
  }
  const sentence = tied(answer.sentence),
    emphasis = tied(answer.emphasis ?? ''),
    at = emphasis ? sentence.indexOf(emphasis) : -1;
  return (
    <div className="head">
      <h1 className="answer">
        {at < 0 ? (
          sentence
        ) : (
          <>
            {sentence.slice(0, at)}
            <em className={answer.tone}>{emphasis}</em>
            {sentence.slice(at + emphasis.length)}
          </>
        )}
      </h1>
      {answer.detail && <p className="under">{tied(answer.detail)}</p>}
    </div>
  );
}
