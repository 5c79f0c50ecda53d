# web.yaml
kubectl api-versions
kubectl api-resources
kubectl api-resources --namespaced=false
kubectl api-resources -o name
kubectl api-resources --api-group=apps --no-headers
kubectl api-resources --sort-by=kind
kubectl api-resources nope
kubectl cluster-info
kubectl version --client
kubectl version --short
kubectl top pods
kubectl top nodes
kubectl auth can-i get pods
kubectl auth can-i '*' '*'
kubectl auth can-i get nodes
kubectl auth can-i list deployments.apps -n default
kubectl auth can-i create foo
kubectl auth can-i get
kubectl auth can-i get pods/web
kubectl auth can-i get pods --subresource=log
kubectl auth can-i get pods -q
kubectl config get-contexts
kubectl config get-contexts -o name
kubectl config get-contexts --no-headers
kubectl config get-contexts nope
kubectl config current-context
kubectl config use-context nope
kubectl config use-context lab
kubectl config get-clusters
kubectl config get-users
kubectl config set-context --current --namespace=kube-system
kubectl config get-contexts
kubectl get deploy
kubectl config set-context --current --namespace=default
kubectl config view --minify -o jsonpath='{..namespace}'
kubectl explain svc
kubectl explain pods.spec.containers
kubectl explain pod.spec.containers.ports
kubectl explain deploy --recursive
kubectl explain pod --recursive
kubectl explain svc.spec.ports.targetPort
kubectl explain pod.metadata.creationTimestamp
kubectl explain pod.metadata.labels
kubectl explain pod.metadata.labels.app
kubectl explain pod.metadata.managedFields.fieldsV1
kubectl explain cm.data
kubectl explain pod.spec.containers.resources.limits
kubectl explain pod.spec.restartPolicy
kubectl explain pod.spec.volumes.hostPath.type
kubectl explain crd.spec.versions.schema.openAPIV3Schema --recursive
kubectl explain hpa
kubectl explain netpol.spec.podSelector
kubectl explain ingress.spec.rules.http.paths
kubectl explain deployments.apps.spec.replicas
kubectl explain deployments.apps
kubectl explain deploy.apps
kubectl explain Service
kubectl explain SVC
kubectl explain events
kubectl explain events.events.k8s.io
kubectl explain foo
kubectl explain
kubectl explain svc pods
kubectl explain svc,pods
kubectl explain all
kubectl explain svc.
kubectl explain svc.spec..ports
kubectl explain svc.spec.type.x
kubectl explain svc.nope.x
kubectl explain pods --api-version=v1
kubectl explain deploy --api-version=apps/v1
kubectl explain deploy --api-version=apps/v9
kubectl explain deploy --api-version=v1
kubectl explain deploy --api-version=a/b/c
kubectl explain svc --output=nope
kubectl explain 'pod.spec.containers[0]'
kubectl explain 'pod.spec.containers[*].name'
kubectl explain nodes.status.conditions
kubectl explain pvc.spec
kubectl explain job.spec.template.spec.containers.livenessProbe
kubectl explain event.involvedObject
kubectl explain lease
