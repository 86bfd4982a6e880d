/**
 * The shared configuration and credentials files of AWS tools, as far as they are flat. Pure.
 *
 * @module
 */

/** Settings of a profile; nested blocks are left out. */
export type Profile = Readonly<Record<string, string>>;

/** Profiles by name: `[name]` in the credentials file, `[profile name]` in the configuration file. */
export function parseProfiles(text: string): Map<string, Profile> {
  const profiles = new Map<string, Record<string, string>>();
  let current: Record<string, string> | undefined;
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[\s*(?:(profile)\s+)?["']?([^"'\]]+?)["']?\s*\]/.exec(line);
    if (section !== null) {
      const name = section[2] ?? "";
      // A section may be split; what comes later wins.
      current = /^(sso-session|services)\s/.test(name) ? undefined : (profiles.get(name) ?? {});
      if (current !== undefined) profiles.set(name, current);
      continue;
    }
    const setting = /^([A-Za-z0-9_-]+)\s*=\s*(.*?)(?:\s+[#;].*)?\s*$/.exec(line);
    if (current !== undefined && setting?.[1] !== undefined && setting[2] !== undefined && setting[2] !== "") {
      current[setting[1].toLowerCase()] = setting[2];
    }
  }
  return profiles;
}
