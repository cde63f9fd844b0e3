/**
 * Reads one file out of a tar archive, as npm packs them.
 */

const BLOCK = 512;

/**
 * The bytes of the file `path`, piece by piece. Throws where the archive ends without it, or within.
 * Reads the archive to its end: whoever unpacks it would take anything else for a failure.
 */
export async function* readTarFile(
  archive: AsyncIterable<Buffer>,
  path: string,
): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  /** Bytes of the current file, and then of its padding, that are still to come. */
  let left = 0;
  let padding = 0;
  let isWanted = false;
  let isDone = false;
  for await (const chunk of archive) {
    if (isDone) continue;
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      if (left > 0) {
        const piece = rest.subarray(0, left);
        rest = rest.subarray(piece.length);
        left -= piece.length;
        if (isWanted && piece.length > 0) yield piece;
        if (left > 0) break;
      }
      isDone = isWanted;
      if (isDone || rest.length < padding + BLOCK) break;
      const header = rest.subarray(padding, padding + BLOCK);
      rest = rest.subarray(padding + BLOCK);
      left = sizeOf(header);
      padding = (BLOCK - (left % BLOCK)) % BLOCK;
      isWanted = isFile(header) && nameOf(header) === path;
    }
  }
  if (isDone) return;
  throw new Error(
    isWanted ? `the archive ends within ${path}` : `the archive does not contain ${path}`,
  );
}

const text = (header: Buffer, at: number, size: number): string => {
  const field = header.subarray(at, at + size);
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? size : end).toString();
};

function nameOf(header: Buffer): string {
  const prefix = text(header, 257, 5) === 'ustar' ? text(header, 345, 155) : '';
  return prefix ? `${prefix}/${text(header, 0, 100)}` : text(header, 0, 100);
}

const isFile = (header: Buffer): boolean => header[156] === 0 || header[156] === 0x30;

/** Octal, or from 8 GiB on binary, which no file here can be. */
function sizeOf(header: Buffer): number {
  const digits = text(header, 124, 12).trim();
  if (!/^[0-7]*$/.test(digits)) throw new Error('the archive is damaged');
  return Number.parseInt(digits || '0', 8);
}
