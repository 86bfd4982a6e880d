/**
 * Gives back the memory of what was read from a pipe or a socket.
 *
 * Node makes a buffer of 64 KiB for each read, and the garbage collector is in no hurry: output at full speed, or a large download, would
 * take twice the memory.
 *
 * @module
 */

/** To be called when nobody looks at the chunk any more; it is empty afterwards. A view of a part of an ArrayBuffer is left alone: others may share it. */
export function freeChunk(chunk: Buffer): void {
  const { buffer } = chunk;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === chunk.length) buffer.transfer(0);
}
