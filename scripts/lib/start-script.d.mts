export function startScript(program: string): string;
