export function lockedEnvironment(lockFile: string): string;
export function environmentWith(requirements: readonly string[]): string;
export function lockedWheels(lockFile: string): string;
