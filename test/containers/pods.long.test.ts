/** All images and all users of the pods of pods.test.ts. */
import { describePods } from "../support/pod-suite.ts";

const users = [0, 65532, 1000720000];

describePods({
  places: ["empty", "busybox", "musl", "old glibc", "debian"].flatMap((image) => users.map((user) => ({ image, user }))),
  usersWithoutProc: users,
});
