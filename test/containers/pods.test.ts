/**
 * The pod of a step, played with real containers of the images built from this tree: the init container under its limits, the shared
 * volume, and main containers in images that are not ours. Every image once here; all users in pods.long.test.ts.
 */
import { describePods } from "../support/pod-suite.ts";

describePods({
  places: [
    { image: "empty", user: 1000720000 },
    { image: "busybox", user: 0 },
    { image: "musl", user: 65532 },
    { image: "old glibc", user: 65532 },
    { image: "debian", user: 0 },
  ],
  usersWithoutProc: [65532],
});
