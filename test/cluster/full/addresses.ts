/**
 * Addresses of the whole Kubernetes, all inside of a network namespace of its own.
 *
 * @module
 */

/** Of the node, its bridge, and what listens beside Kubernetes. */
export const NODE_ADDRESS = "10.88.0.1";
export const POD_RANGE = "10.88.0.0/16";
export const SERVICE_RANGE = "10.96.0.0/16";
/** The first one is that of the API itself. */
export const API_SERVICE_ADDRESS = "10.96.0.1";
export const BRIDGE = "cni0";
export const NODE_NAME = "node";
export const DOMAIN = "cluster.local";
/** As the service of the API says it, so that no service has to be translated before kube-proxy runs. */
export const API_PORT = 443;
export const ETCD_PORT = 2379;
