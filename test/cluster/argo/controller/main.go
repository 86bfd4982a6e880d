// Command controller runs Argo's workflow controller as Argo's own program does, but for three things: it sends JSON where client-go
// would send protobuf, there is no leader to elect, and no port is opened for metrics and profiles.
package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"syscall"

	log "github.com/sirupsen/logrus"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	wfclientset "github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned"
	cmdutil "github.com/argoproj/argo-workflows/v3/util/cmd"
	"github.com/argoproj/argo-workflows/v3/workflow/common"
	"github.com/argoproj/argo-workflows/v3/workflow/controller"
)

// Numbers of workers, as Argo's program has them by default.
const (
	workflowWorkers        = 32
	workflowTTLWorkers     = 4
	podCleanupWorkers      = 4
	cronWorkflowWorkers    = 8
	workflowArchiveWorkers = 8
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "file that says where the Kubernetes API is")
	namespace := flag.String("namespace", "", "of the controller and of the workflows")
	executorImage := flag.String("executor-image", "", "image of argoexec")
	flag.Parse()
	// The executor is told the same levels.
	cmdutil.SetLogLevel("info")
	cmdutil.SetGLogLevel(0)
	cmdutil.SetLogFormatter("text")

	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	config.ContentType = "application/json"
	config.QPS = 200
	config.Burst = 200

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	kube := kubernetes.NewForConfigOrDie(config)
	workflows := wfclientset.NewForConfigOrDie(config)
	wfc, err := controller.NewWorkflowController(ctx, config, kube, workflows, *namespace, *namespace, *executorImage,
		"IfNotPresent", "text", common.ConfigMapName, false)
	if err != nil {
		log.Fatal(err)
	}
	wfc.Run(ctx, workflowWorkers, workflowTTLWorkers, podCleanupWorkers, cronWorkflowWorkers, workflowArchiveWorkers)
}
