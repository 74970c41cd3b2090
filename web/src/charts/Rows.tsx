// The rows of a chart as a table, in the chart's own place and size.
export interface Column {
  name: string;
  number?: boolean;
}

export function Rows({
  label,
  columns,
  rows,
  height,
}: {
  label: string;
  columns: Column[];
  rows: (string | null)[][];
  height: number;
}) {
  return (
    <div className="rows" role="region" aria-label={label} tabIndex={0} style={{ height }}>
      <table>
        <thead>
          <tr>
            {columns.map((c) => (
              <th key={c.name} scope="col" className={c.number ? 'r' : undefined}>
                {c.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={i}>
              {row.map((cell, k) => (
                <td key={k} className={columns[k]?.number ? 'r' : undefined}>
                  {cell ?? ''}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
