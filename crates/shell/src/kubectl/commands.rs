//! The one list of kubectl's commands: name, usage, summary, flags, what has to be there, what runs.

use super::command::Command;
use super::*;

macro_rules! command {
    ($name:literal, $usage:literal, $summary:literal, $flags:expr, $run:path) => {
        command!($name, $usage, $summary, $flags, "", $run)
    };
    ($name:literal, $usage:literal, $summary:literal, $flags:expr, $required:literal, $run:path) => {
        Command {
            name: $name,
            usage: $usage,
            summary: $summary,
            flags: $flags,
            required: $required,
            run: |kubectl| Box::pin($run(kubectl)),
        }
    };
}

/// Sorted by name.
pub(crate) const COMMANDS: &[Command] = &[
    command!(
        "annotate",
        "[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N",
        "Update the annotations on a resource",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= all all-namespaces,A field-selector= list local overwrite resource-version= selector,l=",
        label::annotate
    ),
    command!(
        "api-resources",
        "[flags]",
        "Print the supported API resources on the server",
        "api-group= cached categories= namespaced no-headers output,o= sort-by= verbs=",
        reference::api_resources
    ),
    command!(
        "api-versions",
        "",
        "Print the supported API versions on the server, in the form of \"group/version\"",
        "",
        reference::api_versions
    ),
    command!(
        "apply",
        "(-f FILENAME | -k DIRECTORY)",
        "Apply a configuration to a resource by file name or stdin",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= all cascade= force force-conflicts grace-period# openapi-patch overwrite prune prune-allowlist= selector,l= server-side timeout= validate?strict wait",
        apply::apply
    ),
    command!(
        "attach",
        "POD -c CONTAINER",
        "Attach to a running container",
        "container,c= pod-running-timeout= quiet,q stdin,i tty,t",
        attach::attach
    ),
    command!(
        "auth can-i",
        "VERB [TYPE | TYPE/NAME | NONRESOURCEURL]",
        "Check whether an action is allowed",
        "all-namespaces,A list no-headers quiet,q subresource=",
        reference::can_i
    ),
    command!(
        "autoscale",
        "(-f FILENAME | TYPE NAME | TYPE/NAME) [--min=MINPODS] --max=MAXPODS [--cpu-percent=CPU]",
        "Autoscale a deployment, replica set, stateful set, or replication controller",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config cpu-percent# max# min# name=",
        "max",
        generate::autoscale
    ),
    command!("cluster-info", "", "Display cluster information", "", reference::cluster_info),
    command!(
        "completion",
        "SHELL",
        "Output shell completion code for the specified shell (bash, zsh, fish, or powershell)",
        "",
        absent::completion
    ),
    command!(
        "config current-context",
        "",
        "Display the current-context",
        "",
        reference::current_context
    ),
    command!("config get-clusters", "", "Display clusters", "", reference::get_clusters),
    command!(
        "config get-contexts",
        "[(-o|--output=)name)]",
        "Describe one or many contexts",
        "no-headers output,o=",
        reference::get_contexts
    ),
    command!("config get-users", "", "Display users", "", reference::get_users),
    command!(
        "config set-context",
        "[NAME | --current] [--namespace=namespace]",
        "Set a context entry in kubeconfig",
        "current",
        reference::set_context
    ),
    command!(
        "config use-context",
        "CONTEXT_NAME",
        "Set the current-context in a kubeconfig file",
        "",
        reference::use_context
    ),
    command!(
        "config view",
        "[flags]",
        "Display merged kubeconfig settings or a specified kubeconfig file",
        "flatten merge minify output,o= raw",
        reference::view
    ),
    command!(
        "cordon",
        "NODE",
        "Mark node as unschedulable",
        "dry-run?unchanged selector,l=",
        node::cordon
    ),
    command!(
        "cp",
        "<file-spec-src> <file-spec-dest>",
        "Copy files and directories to and from containers",
        "container,c= no-preserve retries#",
        copy::copy
    ),
    command!(
        "create",
        "-f FILENAME",
        "Create a resource from a file or from stdin",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict edit raw= selector,l= windows-line-endings",
        apply::create
    ),
    command!(
        "create clusterrole",
        "NAME --verb=verb --resource=resource.group [--resource-name=resourcename]",
        "Create a cluster role",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict aggregation-rule= non-resource-url= resource= resource-name= verb=",
        rbac::cluster_role
    ),
    command!(
        "create clusterrolebinding",
        "NAME --clusterrole=NAME [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname]",
        "Create a cluster role binding for a particular cluster role",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict clusterrole= group= serviceaccount= user=",
        "clusterrole",
        rbac::cluster_role_binding
    ),
    command!(
        "create configmap",
        "NAME [--from-file=[key=]source] [--from-literal=key1=value1]",
        "Create a config map from a local file, directory or literal value",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict append-hash from-env-file= from-file= from-literal=",
        data::configmap
    ),
    command!(
        "create cronjob",
        "NAME --image=image --schedule='0/5 * * * ?' -- [COMMAND] [args...]",
        "Create a cron job with the specified name",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict image= restart= schedule=",
        "image schedule",
        generate::cron_job
    ),
    command!(
        "create deployment",
        "NAME --image=image -- [COMMAND] [args...]",
        "Create a deployment with the specified name",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict image= port# replicas,r#",
        "image",
        create::deployment
    ),
    command!(
        "create ingress",
        "NAME --rule=host/path=service:port[,tls[=secret]]",
        "Create an ingress with the specified name",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict annotation= class= default-backend= rule=",
        create::ingress
    ),
    command!(
        "create job",
        "NAME --image=image -- [COMMAND] [args...]",
        "Create a job with the specified name",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict image=",
        "image",
        create::job
    ),
    command!(
        "create namespace",
        "NAME",
        "Create a namespace with the specified name",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict",
        create::namespace
    ),
    command!(
        "create poddisruptionbudget",
        "NAME --selector=SELECTOR --min-available=N",
        "Create a pod disruption budget with the specified name",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict max-unavailable= min-available= selector=",
        generate::disruption_budget
    ),
    command!(
        "create priorityclass",
        "NAME --value=VALUE --global-default=BOOL",
        "Create a priority class with the specified name",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict description= global-default preemption-policy= value#",
        generate::priority_class
    ),
    command!(
        "create quota",
        "NAME [--hard=key1=value1,key2=value2] [--scopes=Scope1,Scope2]",
        "Create a quota with the specified name",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict hard= scopes=",
        generate::quota
    ),
    command!(
        "create role",
        "NAME --verb=verb --resource=resource.group/subresource [--resource-name=resourcename]",
        "Create a role with single rule",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict resource= resource-name= verb=",
        rbac::role
    ),
    command!(
        "create rolebinding",
        "NAME --clusterrole=NAME|--role=NAME [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname]",
        "Create a role binding for a particular role or cluster role",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict clusterrole= group= role= serviceaccount= user=",
        rbac::role_binding
    ),
    command!(
        "create secret docker-registry",
        "NAME --docker-username=user --docker-password=password --docker-email=email",
        "Create a secret for use with a Docker registry",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict append-hash docker-email= docker-password= docker-server= docker-username= from-file=",
        data::registry_secret
    ),
    command!(
        "create secret generic",
        "NAME [--type=string] [--from-file=[key=]source] [--from-literal=key1=value1]",
        "Create a secret from a local file, directory, or literal value",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict append-hash from-env-file= from-file= from-literal= type=",
        data::generic_secret
    ),
    command!(
        "create secret tls",
        "NAME --cert=path/to/cert/file --key=path/to/key/file",
        "Create a TLS secret",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict append-hash cert= key=",
        "",
        data::tls_secret
    ),
    command!(
        "create service clusterip",
        "NAME [--tcp=<port>:<targetPort>]",
        "Create a ClusterIP service",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict clusterip= tcp=",
        create::cluster_ip
    ),
    command!(
        "create service externalname",
        "NAME --external-name external.name",
        "Create an ExternalName service",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict external-name= tcp=",
        "external-name",
        create::external_name
    ),
    command!(
        "create service loadbalancer",
        "NAME [--tcp=port:targetPort]",
        "Create a LoadBalancer service",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict tcp=",
        create::load_balancer
    ),
    command!(
        "create service nodeport",
        "NAME [--tcp=port:targetPort]",
        "Create a NodePort service",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict node-port# tcp=",
        create::node_port
    ),
    command!(
        "create serviceaccount",
        "NAME",
        "Create a service account with the specified name",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= save-config validate?strict",
        create::service_account
    ),
    command!(
        "debug",
        "(POD | TYPE[[.VERSION].GROUP]/NAME) [ -- COMMAND [args...] ]",
        "Create debugging sessions for troubleshooting workloads and nodes",
        "arguments-only attach container,c= copy-to= custom= env= filename,f= image= image-pull-policy= keep-annotations keep-init-containers keep-labels keep-liveness keep-readiness keep-startup profile= quiet,q replace same-node set-image= share-processes stdin,i target= tty,t",
        absent::debug
    ),
    command!(
        "delete",
        "([-f FILENAME] | TYPE [(NAME | -l label | --all)])",
        "Delete resources by file names, stdin, resources and names, or by resources and label selector",
        "filename,f= recursive,R kustomize,k= all all-namespaces,A cascade?background dry-run?unchanged field-selector= force grace-period# ignore-not-found interactive,i now output,o= raw= selector,l= timeout= wait",
        delete::run
    ),
    command!(
        "describe",
        "(-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME)",
        "Show details of a specific resource or group of resources",
        "filename,f= recursive,R kustomize,k= all-namespaces,A chunk-size# selector,l= field-selector= show-events",
        describe::run
    ),
    command!(
        "diff",
        "-f FILENAME",
        "Diff the live version against a would-be applied version",
        "filename,f= recursive,R kustomize,k= concurrency# field-manager= force-conflicts prune selector,l= server-side show-managed-fields",
        apply::diff
    ),
    command!(
        "drain",
        "NODE",
        "Drain node in preparation for maintenance",
        "chunk-size# delete-emptydir-data delete-local-data disable-eviction dry-run?unchanged force grace-period# ignore-daemonsets pod-selector= selector,l= skip-wait-for-delete-timeout# timeout=",
        node::drain
    ),
    command!(
        "edit",
        "(RESOURCE/NAME | -f FILENAME)",
        "Edit a resource on the server",
        "filename,f= recursive,R kustomize,k= output,o= save-config show-managed-fields validate?strict",
        edit::run
    ),
    command!(
        "events",
        "[(-o|--output=)json|yaml|name|go-template|…] [--for TYPE/NAME] [--watch] [--types=Normal,Warning]",
        "List events",
        "all-namespaces,A allow-missing-template-keys chunk-size# for= no-headers output,o= show-managed-fields template= types= watch,w",
        events::run
    ),
    command!(
        "explain",
        "TYPE [--recursive=FALSE|TRUE] [--api-version=api-version-group] [-o|--output=plaintext|plaintext-openapiv2]",
        "Get documentation for a resource",
        "recursive api-version= output,o=",
        explain::run
    ),
    command!(
        "expose",
        "(-f FILENAME | TYPE NAME) [--port=port] [--target-port=number-or-name]",
        "Take a replication controller, service, deployment or pod and expose it as a new Kubernetes service",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= cluster-ip= external-ip= labels,l= load-balancer-ip= name= override-type= overrides= port= protocol= save-config selector= session-affinity= target-port= type=",
        expose::run
    ),
    command!(
        "exec",
        "(POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [args...]",
        "Execute a command in a container",
        "filename,f= container,c= pod-running-timeout= quiet,q stdin,i tty,t",
        exec::exec
    ),
    command!(
        "get",
        "[(-o|--output=)json|yaml|name|wide|…] (TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE[.VERSION][.GROUP]/NAME ...)",
        "Display one or many resources",
        "all-namespaces,A allow-missing-template-keys chunk-size# field-selector= filename,f= ignore-not-found kustomize,k= label-columns,L= no-headers output,o= output-watch-events raw= recursive,R selector,l= server-print show-kind show-labels show-managed-fields sort-by= subresource= template= watch,w watch-only",
        get::run
    ),
    command!(
        "label",
        "[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N",
        "Update the labels on a resource",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= all all-namespaces,A field-selector= list local overwrite resource-version= selector,l=",
        label::label
    ),
    command!(
        "logs",
        "[-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]",
        "Print the logs for a container in a pod",
        "all-containers all-pods container,c= follow,f ignore-errors insecure-skip-tls-verify-backend limit-bytes# max-log-requests# pod-running-timeout= prefix previous,p selector,l= since= since-time= tail# timestamps",
        logs::logs
    ),
    command!(
        "patch",
        "(-f FILENAME | TYPE NAME) [-p PATCH|--patch-file FILE]",
        "Update fields of a resource using strategic merge patch, a JSON merge patch, or a JSON patch",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= local patch,p= patch-file= subresource= type=",
        patch::patch
    ),
    command!(
        "plugin list",
        "[flags]",
        "List all visible plugin executables on a user's PATH",
        "name-only",
        absent::plugins
    ),
    command!(
        "port-forward",
        "TYPE/NAME [options] [LOCAL_PORT:]REMOTE_PORT [...[LOCAL_PORT_N:]REMOTE_PORT_N]",
        "Forward one or more local ports to a pod",
        "address= pod-running-timeout=",
        exec::port_forward
    ),
    command!(
        "proxy",
        "[--port=PORT] [--www=static-dir] [--www-prefix=prefix] [--api-prefix=prefix]",
        "Run a proxy to the Kubernetes API server",
        "accept-hosts= accept-paths= address= api-prefix= append-server-path disable-filter keepalive= port,p# reject-methods= reject-paths= unix-socket,u= www,w= www-prefix,P=",
        absent::proxy
    ),
    command!(
        "replace",
        "-f FILENAME",
        "Replace a resource by file name or stdin",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= cascade= force grace-period# raw= save-config subresource= timeout= validate?strict wait",
        apply::replace
    ),
    command!(
        "rollout history",
        "(TYPE NAME | TYPE/NAME) [flags]",
        "View rollout history",
        "filename,f= recursive,R kustomize,k= output,o= allow-missing-template-keys template= show-managed-fields revision# selector,l=",
        rollout::history
    ),
    command!(
        "rollout pause",
        "RESOURCE",
        "Mark the provided resource as paused",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= selector,l=",
        rollout::pause
    ),
    command!(
        "rollout restart",
        "RESOURCE",
        "Restart a resource",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= selector,l=",
        rollout::restart
    ),
    command!(
        "rollout resume",
        "RESOURCE",
        "Resume a paused resource",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= selector,l=",
        rollout::resume
    ),
    command!(
        "rollout status",
        "(TYPE NAME | TYPE/NAME) [flags]",
        "Show the status of the rollout",
        "filename,f= recursive,R kustomize,k= revision# selector,l= timeout= watch,w",
        rollout::status
    ),
    command!(
        "rollout undo",
        "(TYPE NAME | TYPE/NAME) [flags]",
        "Undo a previous rollout",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields selector,l= to-revision#",
        rollout::undo
    ),
    command!(
        "run",
        "NAME --image=image [--env=\"key=value\"] [--port=port] [-- [COMMAND] [args...]]",
        "Create and run a particular image in a pod",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= annotations= attach cascade= command env= expose force grace-period# image= image-pull-policy= labels,l= leave-stdin-open override-type= overrides= pod-running-timeout= port# privileged quiet,q restart= rm save-config stdin,i timeout= tty,t wait",
        "image",
        create::run
    ),
    command!(
        "scale",
        "[--current-replicas=count] --replicas=COUNT (-f FILENAME | TYPE NAME)",
        "Set a new size for a deployment, replica set, or replication controller",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= all current-replicas# replicas# resource-version= selector,l= timeout=",
        "replicas",
        patch::scale
    ),
    command!(
        "set env",
        "RESOURCE/NAME KEY_1=VAL_1 ... KEY_N=VAL_N",
        "Update environment variables on a pod template",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= all local selector,l= containers,c= env,e= from= keys= list overwrite prefix= resolve",
        set::env
    ),
    command!(
        "set image",
        "(-f FILENAME | TYPE NAME) CONTAINER_NAME_1=CONTAINER_IMAGE_1 ...",
        "Update the image of a pod template",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= all local selector,l=",
        set::image
    ),
    command!(
        "set resources",
        "(-f FILENAME | TYPE NAME) ([--limits=LIMITS & --requests=REQUESTS]",
        "Update resource requests/limits on objects with pod templates",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= all local selector,l= containers,c= limits= requests=",
        set::resources
    ),
    command!(
        "set selector",
        "(-f FILENAME | TYPE NAME) EXPRESSIONS",
        "Set the selector on a resource",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= all local selector,l= resource-version=",
        set::selector
    ),
    command!(
        "set serviceaccount",
        "(-f FILENAME | TYPE NAME) SERVICE_ACCOUNT",
        "Update the service account of a resource",
        "filename,f= recursive,R kustomize,k= dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= all local selector,l= resource-version=",
        set::service_account
    ),
    command!(
        "taint",
        "NODE NAME KEY_1=VAL_1:TAINT_EFFECT_1 ... KEY_N=VAL_N:TAINT_EFFECT_N",
        "Update the taints on one or more nodes",
        "dry-run?unchanged output,o= allow-missing-template-keys template= show-managed-fields field-manager= all overwrite selector,l= validate?strict",
        node::taint
    ),
    command!(
        "top",
        "",
        "Display resource (CPU/memory) usage",
        "all-namespaces,A containers no-headers selector,l= sort-by=",
        reference::top
    ),
    command!(
        "top node",
        "[NAME | -l label]",
        "Display resource (CPU/memory) usage of nodes",
        "no-headers selector,l= show-capacity sort-by= use-protocol-buffers",
        exec::top
    ),
    command!(
        "top pod",
        "[NAME | -l label]",
        "Display resource (CPU/memory) usage of pods",
        "all-namespaces,A containers field-selector= no-headers selector,l= sort-by= sum use-protocol-buffers",
        exec::top
    ),
    command!(
        "uncordon",
        "NODE",
        "Mark node as schedulable",
        "dry-run?unchanged selector,l=",
        node::uncordon
    ),
    command!(
        "version",
        "",
        "Print the client and server version information",
        "client output,o=",
        version::run
    ),
    command!(
        "wait",
        "([-f FILENAME] | resource.group/resource.name) --for=...",
        "Wait for a specific condition on one or many resources",
        "filename,f= recursive,R kustomize,k= all all-namespaces,A allow-missing-template-keys field-selector= for= local output,o= selector,l= timeout=",
        wait::run
    ),
];
