export function exitProgram(arch?: string): Buffer;
