/*
 * Entry point of a portable folder: a static program that starts our Node with our program, in any Linux image.
 *
 *   FOLDER/launch              this program (the driver's image calls it driver)
 *   FOLDER/nssw                name service configuration of our private libc
 *   FOLDER/lib/                node, its dynamic loader and libraries, boot.cjs, the program's chunks
 *
 *   launch --copy DEST         copies the folder so that its entry point is DEST; no Node is started (launcher only)
 *   launch ARGS...             runs the program; as process 1 of a container (launcher only) it stays and is its init
 *
 * Variables that would change how the loader, the libc or Node behave are meant for the user's program, not for ours. They are
 * renamed, and src/node/original-env.ts gives them back under their own names. In an image of our own, Node's variables were set
 * for us (a CA file, a debugger), and only those of loader and libc are hidden.
 *
 * Compile with musl, statically; scripts/build-portable.mjs defines:
 *   PROGRAM           name of the program that boot.cjs starts, also the name in error messages
 *   HOME_DIR          absolute path that lib/node's interpreter and library path point to; anywhere else Node is started through
 *                     the loader, as in an unpacked copy
 *   NODE_ARGUMENTS    options for Node, as strings of C with commas between; may be nothing
 *   LATE_AUTHORITIES  option for a Node that is told nothing of its own by variables, or ""
 *   USER_IMAGE        1 for the launcher, which runs in users' images and understands --copy; 0 for an image of our own
 *
 * Every error is one line on stderr and exit code 1.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#define LOADER "ld-linux-x86-64.so.2"
#elif defined(__aarch64__)
#define LOADER "ld-linux-aarch64.so.1"
#endif

/* Both in src/node/original-env.ts too. */
#define STASH_MARK "KFP_LAUNCHER_STASH"
#define STASH_PREFIX STASH_MARK "_"

static const char *const hostile_prefixes[] = {
#if USER_IMAGE
    "NODE_", "OPENSSL_", "UV_",
#endif
    "LD_", "MALLOC_", STASH_MARK};
static const char *const hostile_names[] = {
#if USER_IMAGE
    "ICU_DATA", "SSLKEYLOGFILE", "GRPC_NODE_USE_ALTERNATIVE_RESOLVER", "GRPC_TRACE", "GRPC_NODE_TRACE", "GRPC_VERBOSITY",
    "GRPC_NODE_VERBOSITY",
#endif
    "GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH", "NLSPATH", "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "RESOLV_HOST_CONF",
    "RESOLV_ADD_TRIM_DOMAINS", "RESOLV_OVERRIDE_TRIM_DOMAINS", "RESOLV_MULTI", "RESOLV_REORDER", "GETCONF_DIR"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void fail(const char *what, const char *path) {
  dprintf(2, PROGRAM ": cannot %s %s: %s\n", what, path, strerror(errno));
  _exit(1);
}

static void *allocate(size_t count, size_t size) {
  void *memory = calloc(count, size);
  if (!memory) fail("allocate memory for", "the arguments");
  return memory;
}

static char *join(const char *folder, const char *name) {
  char *path = allocate(strlen(folder) + strlen(name) + 2, 1);
  return strcat(strcat(strcpy(path, folder), "/"), name);
}

/* ---- where this program lies ---- */

/* Path of this program with symbolic links resolved as far as its name goes. Without /proc the kernel's note of the path it
 * executed has to do; it is absolute when the caller's was. */
static char *find_self(void) {
  static char path[PATH_MAX], target[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length > 0) {
    path[length] = 0;
    return path;
  }
  const char *executed = (const char *)getauxval(AT_EXECFN);
  if (!executed || strlen(executed) >= sizeof path) fail("find the folder of", PROGRAM);
  strcpy(path, executed);
  for (int links = 0; links < 40; links++) {
    length = readlink(path, target, sizeof target - 1);
    if (length < 0) return path;
    target[length] = 0;
    char *slash = strrchr(path, '/');
    size_t folder = target[0] == '/' || !slash ? 0 : (size_t)(slash - path) + 1;
    if (folder + (size_t)length >= sizeof path) break;
    strcpy(path + folder, target);
  }
  errno = ELOOP;
  fail("find the folder of", executed);
  return path;
}

/* Cuts a path into folder and name; the folder of "x" is "." and that of "/x" is "/". */
static const char *split(char *path, const char **folder) {
  char *slash = strrchr(path, '/');
  *folder = slash == path ? "/" : slash ? path : ".";
  if (!slash) return path;
  *slash = 0;
  return slash + 1;
}

/* ---- --copy ---- */

#if USER_IMAGE
#define TEMPORARY ".kfp-runtime-copy.tmp"
#define LOCK_TIMEOUT_MS 60000

static const char *destination;
static int unfinished = -1; /* folder with a temporary file */

static void fail_copy(const char *what, const char *name) {
  int error = errno;
  if (unfinished >= 0) unlinkat(unfinished, TEMPORARY, 0);
  dprintf(2, PROGRAM ": cannot copy itself to %s: %s%s%s: %s\n", destination, what, *name ? " " : "", name, strerror(error));
  _exit(1);
}

/* Moves bytes inside the kernel where the file systems can, else through a small buffer. */
static void copy_bytes(int in, int out, off_t left, const char *name) {
  static char buffer[1 << 16];
  enum { RANGE, SEND, READ } way = RANGE;
  while (left > 0) {
    size_t part = left > (8 << 20) ? (8 << 20) : (size_t)left;
    ssize_t count;
    if (way == RANGE) {
      count = copy_file_range(in, NULL, out, NULL, part, 0);
      if (count <= 0 && !(count < 0 && errno == EINTR)) {
        way = SEND;
        continue;
      }
    } else if (way == SEND) {
      count = sendfile(out, in, NULL, part);
      if (count < 0 && (errno == EINVAL || errno == ENOSYS)) {
        way = READ;
        continue;
      }
    } else {
      count = read(in, buffer, sizeof buffer);
      for (ssize_t written = 0; written < count;) {
        ssize_t some = write(out, buffer + written, (size_t)(count - written));
        if (some < 0 && errno == EINTR) continue;
        if (some < 0) fail_copy("write", name);
        written += some;
      }
    }
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_copy("write", name);
    if (count == 0) {
      errno = EIO;
      fail_copy("read to the end of", name);
    }
    left -= count;
  }
}

/* The file appears under its name complete and with its final mode, or not at all. The temporary name is always the same, so that
 * the next copy removes what an interrupted one left. */
static void copy_file(int from, const char *name, int to, const char *new_name) {
  struct stat status;
  int in = openat(from, name, O_RDONLY | O_CLOEXEC);
  if (in < 0 || fstat(in, &status)) fail_copy("read", name);
  if (unlinkat(to, TEMPORARY, 0) && errno != ENOENT) fail_copy("remove what an interrupted copy left of", new_name);
  int out = openat(to, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (out < 0) fail_copy("create", new_name);
  unfinished = to;
  copy_bytes(in, out, status.st_size, new_name);
  if (fchmod(out, status.st_mode & 0111 ? 0755 : 0644)) fail_copy("set the mode of", new_name); /* whatever the umask */
  if (close(out)) fail_copy("write", new_name);
  if (renameat(to, TEMPORARY, to, new_name)) fail_copy("put in place", new_name);
  unfinished = -1;
  close(in);
}

static void copy_folder(int from, int to, const char *entry) {
  struct dirent *item;
  DIR *items = fdopendir(from);
  if (!items) fail_copy("list", "the package");
  while ((errno = 0, item = readdir(items))) {
    const char *name = item->d_name;
    struct stat status;
    if (!strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, TEMPORARY) || (entry && !strcmp(name, entry))) continue;
    if (fstatat(from, name, &status, 0)) fail_copy("read", name);
    if (!S_ISDIR(status.st_mode)) {
      copy_file(from, name, to, name);
      continue;
    }
    int made = !mkdirat(to, name, 0755);
    if (!made && errno != EEXIST) fail_copy("create", name);
    int inner_from = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (inner_from < 0) fail_copy("read", name);
    int inner_to = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner_to < 0 || (made && fchmod(inner_to, 0755))) fail_copy("create", name);
    copy_folder(inner_from, inner_to, NULL);
    close(inner_to);
  }
  if (errno) fail_copy("list", "the package");
  if (entry) return; /* the caller still needs the folder */
  closedir(items);
}

/* Two copies at the same time take turns. A file system without locks must do without. */
static void lock(int folder) {
  for (int waited_ms = 0; flock(folder, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK; waited_ms += 50) {
    if (waited_ms >= LOCK_TIMEOUT_MS) fail_copy("wait for another copy into the same folder", "");
    nanosleep(&(struct timespec){0, 50 * 1000000}, NULL);
  }
}

static int copy_self(char *self) {
  const char *source_folder, *target_folder;
  struct stat status;
  const char *entry = split(self, &source_folder);
  char *target = strdup(destination);
  if (!target) fail_copy("allocate memory", "");
  const char *new_entry = split(target, &target_folder);
  int to = open(target_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (to < 0) fail_copy("open the folder", target_folder);
  if (!*new_entry || (!fstatat(to, new_entry, &status, 0) && S_ISDIR(status.st_mode))) {
    errno = EISDIR;
    fail_copy("write", destination);
  }
  lock(to);
  int from = open(source_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (from < 0) fail_copy("read", source_folder);
  copy_folder(from, to, entry);
  copy_file(from, entry, to, new_entry); /* the entry point last: where it is, everything is */
  return 0;
}

/* Value of the last --copy among the flags, or NULL. Go's syntax: one or two dashes, "=value" or the next argument; the flags end
 * at "--", at the first argument that is none, and at a request for help. */
static const char *find_copy_flag(int argc, char **argv) {
  static const char *const bare[] = {"cache_disabled", "ml_pipeline_tls_enabled"};
  const char *found = NULL;
  for (int i = 1; i < argc; i++) {
    const char *name = argv[i];
    if (name[0] != '-' || !name[1] || !strcmp(name, "--")) break;
    name += name[1] == '-' ? 2 : 1;
    if (!strcmp(name, "h") || !strcmp(name, "help")) break;
    if (!strncmp(name, "copy=", 5)) found = name + 5;
    if (strchr(name, '=')) continue;
    int is_bare = 0;
    for (size_t b = 0; b < COUNT(bare); b++) is_bare |= !strcmp(name, bare[b]);
    if (is_bare) continue;
    if (++i < argc && !strcmp(name, "copy")) found = argv[i];
  }
  return found && *found ? found : NULL;
}
#endif

/* ---- process 1 ---- */

#if USER_IMAGE
/* Where nobody else is the container's init, as with `docker run`, orphans of the user's program become our children and stay in the
 * process table until somebody waits for them; Node waits for its own children only. So process 1 keeps waiting and passes signals on,
 * and the program is its child. Returns in the process that is to run the program. */
static void serve_as_init(void) {
  sigset_t all, inherited;
  if (getpid() != 1) return;
  signal(SIGCHLD, SIG_DFL); /* ignored, it would leave nothing to wait for */
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &inherited);
  pid_t program = fork();
  if (program < 0) fail("start", PROGRAM);
  if (program == 0) {
    sigprocmask(SIG_SETMASK, &inherited, NULL);
    return;
  }
  for (;;) {
    siginfo_t info;
    int number = sigwaitinfo(&all, &info), status, exit_code = -1;
    if (number < 0) continue; /* EINTR: stopped and continued */
    if (number != SIGCHLD) {
      /* What a terminal sends, its whole process group has got already, and a second signal means "at once". */
      if (info.si_code <= 0) kill(program, number);
      continue;
    }
    for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;)
      if (ended == program) exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (exit_code >= 0) _exit(exit_code); /* and the kernel ends whatever is left */
  }
}
#endif

/* ---- run the program ---- */

static int is_hostile(const char *variable) {
  for (size_t i = 0; i < COUNT(hostile_prefixes); i++)
    if (!strncmp(variable, hostile_prefixes[i], strlen(hostile_prefixes[i]))) return 1;
  for (size_t i = 0; i < COUNT(hostile_names); i++) {
    size_t length = strlen(hostile_names[i]);
    if (!strncmp(variable, hostile_names[i], length) && variable[length] == '=') return 1;
  }
  return 0;
}

static char **stash_environment(char **environment) {
  size_t count = 0, kept = 0, stashed = 0;
  while (environment[count]) count++;
  char **result = allocate(count + 2, sizeof *result);
  for (size_t i = 0; i < count; i++) {
    if (!is_hostile(environment[i])) {
      result[kept++] = environment[i];
      continue;
    }
    char *renamed = allocate(strlen(environment[i]) + sizeof STASH_PREFIX, 1);
    result[kept++] = strcat(strcpy(renamed, STASH_PREFIX), environment[i]);
    stashed++;
  }
  if (stashed) result[kept] = STASH_MARK "=1";
  return result;
}

static int is_same_file(const char *a, const char *b) {
  struct stat status_a, status_b;
  return !stat(a, &status_a) && !stat(b, &status_b) && status_a.st_dev == status_b.st_dev && status_a.st_ino == status_b.st_ino;
}

/* Where they reach Node at all: what they say of certificates counts. */
static int has_own_node_settings(void) {
#if USER_IMAGE
  return 0;
#else
  return getenv("NODE_OPTIONS") || getenv("NODE_USE_SYSTEM_CA");
#endif
}

static void run(char *self, int argc, char **argv, char **environment) {
  const char *folder;
  split(self, &folder);
  char *name = argc > 0 ? argv[0] : PROGRAM;
  char *lib = join(folder, "lib"), *node = join(lib, "node"), *program = node;
  char *node_options[] = {NODE_ARGUMENTS};
  size_t option_count = sizeof node_options / sizeof *node_options;
  char **arguments = allocate((size_t)argc + option_count + 11, sizeof *arguments);
  size_t count = 0;
  if (is_same_file(node, HOME_DIR "/lib/node")) {
    program = HOME_DIR "/lib/node";
    lib = HOME_DIR "/lib";
    arguments[count++] = name;
  } else {
    arguments[count++] = program = join(lib, LOADER);
    arguments[count++] = "--inhibit-cache";
    arguments[count++] = "--library-path";
    arguments[count++] = lib;
    arguments[count++] = "--argv0";
    arguments[count++] = name;
    arguments[count++] = node;
  }
  if (LATE_AUTHORITIES[0] && !has_own_node_settings()) arguments[count++] = LATE_AUTHORITIES;
  for (size_t i = 0; i < option_count; i++) arguments[count++] = node_options[i];
  arguments[count++] = join(lib, "boot.cjs");
  arguments[count++] = PROGRAM;
  for (int i = 1; i < argc; i++) arguments[count++] = argv[i];
  execve(program, arguments, stash_environment(environment));
  fail("start", program);
}

int main(int argc, char **argv, char **environment) {
  char *self = find_self();
#if USER_IMAGE
  destination = find_copy_flag(argc, argv);
  if (destination) return copy_self(self);
  serve_as_init();
#endif
  run(self, argc, argv, environment);
}
