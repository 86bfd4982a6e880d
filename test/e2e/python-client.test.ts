/** The newest client of the SDK, and its command line, against `kfp-runtime serve`. */
import { testPythonClient } from "../support/python-client.ts";

testPythonClient("2.17.3", [[]]);
