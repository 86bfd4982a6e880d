// Generates src/gen from proto/. With --check: fails when what is committed differs from what proto/ says.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const check = process.argv.includes("--check");
const committed = join(root, "src/gen");

const listFiles = (dir) =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort();

const scratch = mkdtempSync(join(tmpdir(), "kfp-runtime-gen-"));
try {
  const buf = spawnSync(join(root, "node_modules/.bin/buf"), ["generate", "--output", scratch], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, PATH: `${join(root, "node_modules/.bin")}:${process.env.PATH}` },
  });
  if (buf.status !== 0) throw new Error("buf generate failed; its output is above");
  const fresh = join(scratch, "src/gen");
  if (check) {
    const names = new Set([...listFiles(fresh), ...listFiles(committed)]);
    const read = (dir, name) => {
      try {
        return readFileSync(join(dir, name), "utf8");
      } catch {
        return undefined;
      }
    };
    const stale = [...names].filter((name) => read(fresh, name) !== read(committed, name));
    if (stale.length > 0) throw new Error(`src/gen is out of step with proto/ (${stale.join(", ")}): run "npm run gen"`);
    console.error(`src/gen agrees with proto/ (${names.size} files)`);
  } else {
    rmSync(committed, { recursive: true, force: true });
    cpSync(fresh, committed, { recursive: true });
    console.error("src/gen written");
  }
} catch (error) {
  console.error(`gen: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
