/**
 * Starts one of the programs: `node boot.cjs PROGRAM ARGS...`.
 *
 * Loads the chunks that scripts/build.mjs wrote beside this file, through V8's code cache. A missing or rejected cache only costs
 * the time of a normal compile. This file runs on any Node that parses ES5, so that an old one is told off in one line.
 *
 * Environment, for builds and for those who look into start-up times:
 * - `KFP_RUNTIME_WRITE_CODE_CACHE=1` writes the code cache of every chunk that was loaded, when the process ends. Functions that
 *   an existing cache holds stay in it, so that several runs add up.
 * - `KFP_RUNTIME_WARM_CHUNKS=a,b` loads these chunks as well, after the program has ended, so that they get a cache.
 * - `KFP_RUNTIME_DEBUG_CODE_CACHE=1` says for each chunk on stderr whether its cache was accepted.
 */
"use strict";
var fs = require("fs");
var path = require("path");
var vm = require("vm");

var minimum = [22, 13];
var running = process.versions.node.split(".").map(Number);
if (running[0] < minimum[0] || (running[0] === minimum[0] && running[1] < minimum[1])) {
  process.stderr.write(
    "kfp-runtime needs Node.js " +
      minimum.join(".") +
      " or newer, this is " +
      process.version +
      " (" +
      process.execPath +
      "): put a newer node first on the PATH, or run npm ci in the package's folder, which brings one\n",
  );
  process.exit(1);
}

// What Node says of code that is out of date is for those who develop the programs: --trace-deprecation shows it.
if (!process.traceDeprecation && !process.throwDeprecation) process.noDeprecation = true;

// A driver or launcher that a signal ends while its code is read would leave a task that runs for ever. Listened to, a signal waits for
// the first turn of the event loop, when the program, which loads and begins in one go, listens as well (src/node/stop-signals.ts).
if (process.argv[2] === "driver" || process.argv[2] === "launcher-v2") {
  ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"].forEach(function (signal) {
    process.on(signal, function () {});
  });
}

var environment = process.env;
var writeCodeCache = environment["KFP_RUNTIME_WRITE_CODE_CACHE"] === "1";
var debugCodeCache = environment["KFP_RUNTIME_DEBUG_CODE_CACHE"] === "1";
var modules = new Map();
var scripts = new Map();

/** The build escapes everything outside ASCII, and latin1 needs no decoding. */
function readSource(file) {
  var bytes = fs.readFileSync(file);
  var text = bytes.latin1Slice();
  free(bytes);
  return text;
}

/** Gives memory back at once: the garbage collector comes too late for the peak of a short program. A small buffer may share its own. */
function free(bytes) {
  if (bytes.byteLength === bytes.buffer.byteLength) bytes.buffer.transfer(0);
}

function readCodeCache(file) {
  try {
    return fs.readFileSync(file + ".cache");
  } catch {
    return undefined;
  }
}

function loadChunk(name) {
  var known = modules.get(name);
  if (known !== undefined) return known.exports;
  var file = path.join(__dirname, name + ".js");
  var source = readSource(file);
  var cachedData = readCodeCache(file);
  // A cache holds the name it was made under (and takes the one it is loaded under): it must not depend on the folder of a build.
  var script = new vm.Script(source, { filename: writeCodeCache ? name + ".js" : file, cachedData: cachedData });
  if (debugCodeCache) {
    var state = cachedData === undefined ? "missing" : script.cachedDataRejected ? "rejected" : "accepted";
    process.stderr.write("code cache of " + name + ": " + state + "\n");
  }
  if (cachedData !== undefined) free(cachedData);
  var module = { exports: {} };
  // Known before it runs: chunks may import each other in a circle.
  modules.set(name, module);
  scripts.set(file, script);
  var url = "file://" + encodeURI(file).replace(/[?#]/g, encodeURIComponent);
  script.runInThisContext()(module.exports, requireFromChunk, module, file, __dirname, url);
  return module.exports;
}

/** Chunks name each other as `./name.js`; everything else is a module of Node. */
function requireFromChunk(id) {
  return id.charCodeAt(0) === 46 /* . */ ? loadChunk(id.slice(2, -3)) : require(id);
}
requireFromChunk.resolve = require.resolve;
requireFromChunk.cache = require.cache;

function writeCodeCaches() {
  var more = environment["KFP_RUNTIME_WARM_CHUNKS"];
  if (more) more.split(",").forEach(loadChunk);
  // The flags at this moment are part of what V8 compares when it accepts a cache.
  require("v8").setFlagsFromString("--flush-bytecode");
  scripts.forEach(function (script, file) {
    var temporary = file + ".cache." + process.pid + ".tmp";
    try {
      fs.writeFileSync(temporary, script.createCachedData());
      fs.renameSync(temporary, file + ".cache");
    } catch (error) {
      process.stderr.write("cannot write the code cache of " + file + ": " + error.message + "\n");
    }
  });
}
if (writeCodeCache) {
  // Otherwise a garbage collection may forget functions that have not run for a while, now and then.
  require("v8").setFlagsFromString("--no-flush-bytecode");
  process.on("exit", writeCodeCaches);
}

// Started with --inspect or --inspect-brk: else Node keeps the ended program, and its pod, until the debugger lets go of it.
if (
  process.execArgv.some(function (flag) {
    return flag.indexOf("--inspect") === 0;
  })
) {
  process.on("exit", function () {
    require("inspector").close();
  });
}

// The program sees the arguments as if it were started directly.
loadChunk(process.argv.splice(2, 1)[0]);
