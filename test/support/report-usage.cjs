// Loaded before a program (node --require): its last words, on descriptor 3, are what it took of memory and processor.
"use strict";
const { readFileSync, writeSync } = require("node:fs");

process.on("exit", () => {
  const { user, system } = process.cpuUsage();
  writeSync(3, JSON.stringify({ peakKib: peakKib(), cpuMs: (user + system) / 1000 }));
});

/** What getrusage says counts what the process was before it became this program. */
function peakKib() {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "latin1"))[1]);
  } catch {
    return process.resourceUsage().maxRSS;
  }
}
