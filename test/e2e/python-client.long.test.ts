/** Clients of the SDK against `kfp-runtime serve` with tokens and programs; an older one, made from another description of the API. */
import { testPythonClient } from "../support/python-client.ts";

testPythonClient("2.4.0", [[], ["--auth", "--isolation", "process"]]);
