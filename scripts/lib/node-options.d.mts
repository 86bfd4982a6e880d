export function nodeOptions(program: string): readonly string[];
export const LATE_AUTHORITIES: string;
export function takesLateAuthorities(program: string): boolean;
