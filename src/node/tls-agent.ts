/**
 * The agent for every HTTPS client of ours.
 *
 * @module
 */
import { Agent } from "node:https";
import { trustDefaultAuthorities } from "./default-authorities.ts";

/** As Node's, and where no authorities are named it trusts those that Node carries, however our program was started. */
export class TlsAgent extends Agent {
  override createConnection(...parameters: Parameters<Agent["createConnection"]>): ReturnType<Agent["createConnection"]> {
    if (this.options.ca === undefined) trustDefaultAuthorities();
    return super.createConnection(...parameters);
  }
}
