/**
 * The JavaScript half of dist/bin/*: `node dist/bin/driver ARGS...`, where the shell half never ran.
 *
 * A Node that is too old hands over to the shell half, which looks for a better one. That happens in the first `npm run quickstart`
 * of a machine: its shell remembers the node it found before the package's own Node was installed.
 */
"use strict";

module.exports = function start(program, shellScript) {
  var running = process.versions.node.split(".").map(Number);
  if (running[0] > 22 || (running[0] === 22 && running[1] >= 13)) {
    process.argv.splice(2, 0, program);
    require("./boot.cjs");
    return;
  }
  var child = require("child_process").spawn("/bin/sh", [shellScript].concat(process.argv.slice(2)), { stdio: "inherit" });
  ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"].forEach(function (signal) {
    process.on(signal, function () {
      // A terminal sends SIGINT and SIGQUIT to the child as well.
      if (!process.stdin.isTTY || signal === "SIGTERM" || signal === "SIGHUP") child.kill(signal);
    });
  });
  child.on("error", function (error) {
    process.stderr.write(program + ": cannot start /bin/sh: " + error.message + "\n");
    process.exitCode = 1;
  });
  child.on("exit", function (code, signal) {
    if (signal === null) {
      process.exitCode = code;
      return;
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
};
