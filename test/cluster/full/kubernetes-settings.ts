/**
 * Command lines and configurations of Kubernetes' own programs.
 *
 * Standard: the reference pages of Kubernetes 1.34 for its command line tools, and of its KubeletConfiguration and KubeProxyConfiguration.
 *
 * @module
 */
import path from "node:path";
import { API_PORT, DOMAIN, ETCD_PORT, NODE_ADDRESS, NODE_NAME, POD_RANGE, SERVICE_RANGE } from "./addresses.ts";
import type { Credentials } from "./credentials.ts";

export interface SettingsOptions {
  /** Holds the data of all of them. */
  readonly folder: string;
  readonly credentials: Credentials;
  /** Of the container runtime. */
  readonly socket: string;
  /** Under which cgroups of pods are made, from the root of each hierarchy. */
  readonly cgroupRoot: string;
}

export interface KubernetesSettings {
  /** Arguments by program. */
  readonly args: Readonly<Record<"etcd" | "kube-apiserver" | "kube-controller-manager" | "kube-scheduler", readonly string[]>>;
  readonly nodeArgs: Readonly<Record<"kubelet" | "kube-proxy", readonly string[]>>;
  /** What must stand in files before they start, by path. */
  readonly files: Readonly<Record<string, string>>;
}

const ISSUER = `https://kubernetes.default.svc.${DOMAIN}`;

export function kubernetesSettings(options: SettingsOptions): KubernetesSettings {
  const { folder, credentials } = options;
  const { files, kubeconfigs } = credentials;
  const at = (name: string): string => path.join(folder, name);
  const etcd = `http://127.0.0.1:${String(ETCD_PORT)}`;
  const peers = `http://127.0.0.1:${String(ETCD_PORT + 1)}`;
  return {
    args: {
      etcd: flags({
        "data-dir": at("etcd"),
        "listen-client-urls": etcd,
        "advertise-client-urls": etcd,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": `default=${peers}`,
        // Nothing is to outlive this cluster.
        "unsafe-no-fsync": "true",
      }),
      "kube-apiserver": flags({
        "etcd-servers": etcd,
        "advertise-address": NODE_ADDRESS,
        "secure-port": String(API_PORT),
        "tls-cert-file": files.certificate,
        "tls-private-key-file": files.key,
        "token-auth-file": files.tokens,
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "service-cluster-ip-range": SERVICE_RANGE,
        "service-account-issuer": ISSUER,
        "service-account-key-file": files.serviceAccountKey,
        "service-account-signing-key-file": files.serviceAccountKey,
        "kubelet-preferred-address-types": "InternalIP",
      }),
      "kube-controller-manager": flags({
        ...{ kubeconfig: kubeconfigs["kube-controller-manager"], "leader-elect": "false", "bind-address": "127.0.0.1" },
        "root-ca-file": files.certificate,
        "service-account-private-key-file": files.serviceAccountKey,
        "use-service-account-credentials": "true",
      }),
      "kube-scheduler": flags({
        ...{ kubeconfig: kubeconfigs["kube-scheduler"], "leader-elect": "false", "bind-address": "127.0.0.1" },
      }),
    },
    nodeArgs: {
      kubelet: flags({
        ...{ config: at("kubelet.json"), kubeconfig: kubeconfigs.kubelet, "root-dir": at("kubelet") },
        ...{ "hostname-override": NODE_NAME, "node-ip": NODE_ADDRESS, "cert-dir": at("kubelet-certificates") },
      }),
      "kube-proxy": flags({ config: at("kube-proxy.json"), "hostname-override": NODE_NAME }),
    },
    files: {
      [at("kubelet.json")]: JSON.stringify(kubeletConfiguration(options)),
      [at("kube-proxy.json")]: JSON.stringify(proxyConfiguration(options)),
      [at("resolv.conf")]: `nameserver ${NODE_ADDRESS}\n`,
    },
  };
}

function kubeletConfiguration({ folder, socket, cgroupRoot }: SettingsOptions): object {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    containerRuntimeEndpoint: `unix://${socket}`,
    // Only who is in the network namespace of the cluster reaches it, and only logs of pods are asked for.
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: "AlwaysAllow" },
    ...{ clusterDNS: [NODE_ADDRESS], clusterDomain: DOMAIN, resolvConf: path.join(folder, "resolv.conf") },
    ...{ cgroupDriver: "cgroupfs", cgroupRoot, failCgroupV1: false, failSwapOn: false },
    // To be less likely to be killed than others needs CAP_SYS_RESOURCE.
    oomScoreAdj: 0,
    podLogsDir: path.join(folder, "pod-logs"),
    // The disk is that of the machine, and not for this node to judge.
    evictionHard: { "memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%" },
    ...{ imageGCHighThresholdPercent: 100, imageGCLowThresholdPercent: 99 },
    ...{ maxPods: 60, makeIPTablesUtilChains: false },
  };
}

function proxyConfiguration({ credentials }: SettingsOptions): object {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    clientConnection: { kubeconfig: credentials.kubeconfigs["kube-proxy"] },
    mode: "iptables",
    clusterCIDR: POD_RANGE,
    // Answers between pods of one bridge come back the way they went.
    iptables: { masqueradeAll: true },
    // Limits of the machine stay as they are.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
    ...{ healthzBindAddress: "127.0.0.1:10256", metricsBindAddress: "127.0.0.1:10249" },
  };
}

function flags(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}
