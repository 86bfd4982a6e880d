export interface ContainerEngine {
  readonly name: "docker" | "podman" | "buildah";
  readonly build: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}
export const probeImage: string;
export function findEngine(wanted?: string): { engine?: ContainerEngine; reasons: string[] };
export function runEngine(engine: ContainerEngine, args: readonly string[], options?: { quiet?: boolean }): string;
export function buildWith(engine: ContainerEngine, args: readonly string[], options?: { quiet?: boolean }): string;
export function hasImage(engine: ContainerEngine, image: string): boolean;
