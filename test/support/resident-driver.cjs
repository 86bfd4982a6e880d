// Runs the built driver many times in one process: `node resident-driver.cjs BOOT`, then a message for each, answered by a message.
//
// All chunks are loaded anew for each, so that nothing of one is left for the next; what a driver does to its process (its exit code, its
// signal handlers, its last resort of ending it) is taken down or kept from it.
"use strict";

const boot = process.argv[2];
const real = process;
let finish;

// Of the real one the exit code cannot be watched. What is a function there needs the real one as its `this`.
globalThis.process = new Proxy(real, {
  get(target, name) {
    if (name === "exit") return () => undefined;
    if (name === "kill") return () => true;
    const member = Reflect.get(target, name);
    return typeof member === "function" && name !== "constructor" ? member.bind(target) : member;
  },
  set(target, name, value) {
    if (name === "exitCode") finish?.(value);
    else target[name] = value;
    return true;
  },
});

function write(kept) {
  return (chunk, ...rest) => {
    kept.text += String(chunk);
    const done = rest.find((argument) => typeof argument === "function");
    if (done !== undefined) process.nextTick(done);
    return true;
  };
}

real.on("message", ({ argv, cwd, env }) => {
  const stderr = { text: "" };
  real.stderr.write = write(stderr);
  real.stdout.write = write({ text: "" });
  for (const name of Object.keys(real.env)) delete real.env[name];
  Object.assign(real.env, env);
  real.chdir(cwd);
  real.argv = [real.execPath, boot, "driver", ...argv];
  const before = real.cpuUsage();
  const broken = (error) => {
    stderr.text += error.stack;
    finish?.(7);
  };
  real.on("uncaughtException", broken);
  finish = (exitCode) => {
    finish = undefined;
    // Whatever the driver does after it has named its exit code belongs to it.
    setImmediate(() => {
      for (const name of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "beforeExit", "exit", "uncaughtException"])
        real.removeAllListeners(name);
      const { user, system } = real.cpuUsage(before);
      real.send({ exitCode, stderr: stderr.text, peakKib: real.resourceUsage().maxRSS, cpuMs: (user + system) / 1000 });
    });
  };
  delete require.cache[boot];
  require(boot);
});
real.send("ready");
