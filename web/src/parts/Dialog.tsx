// A modal dialog: the browser's own, so that focus stays in it, Esc closes it and focus returns to where it was.
import { useEffect, useId, useRef, type ReactNode } from 'react';

export function Dialog({
  shown,
  close,
  title,
  children,
}: {
  shown: boolean;
  close: () => void;
  title: string;
  children: ReactNode;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog) return;
    if (shown && !dialog.open) dialog.showModal();
    if (!shown && dialog.open) dialog.close();
  }, [shown]);
  return (
    <dialog
      ref={ref}
      className="dialog"
      aria-labelledby={id}
      onClose={close}
      onClick={(event) => {
        if (event.target === ref.current) close();
      }}
    >
      {shown && (
        <div className="in">
          <h2 id={id}>{title}</h2>
          {children}
        </div>
      )}
    </dialog>
  );
}
