# web.yaml
kubectl version
kubectl get pods
kubectl get pods -o wide
kubectl get svc,deploy -A
kubectl get all
kubectl get pods -A --sort-by=.metadata.name
kubectl get pods --sort-by=.spec.nodeName -o wide
kubectl get svc --sort-by='{.spec.type}'
kubectl get pods --field-selector=status.phase=Running
kubectl get pods --field-selector=spec.nodeName=worker-1 -o name
kubectl get svc --field-selector metadata.name=web
kubectl get svc --field-selector foo=bar
kubectl get pods -l app=web --no-headers
kubectl get pods -l 'app in (web,x),app!=y'
kubectl get pods -l 'app in (a'
kubectl get pods --chunk-size=1
kubectl get pods --show-labels
kubectl get pods -L app
kubectl get svc web -o go-template='{{.spec.clusterIP}}{{"\n"}}'
kubectl get svc -o go-template='{{range .items}}{{.metadata.name}} {{len .spec.ports}}{{"\n"}}{{end}}'
kubectl get svc web -o go-template='{{.nope}}'
kubectl get svc web -o go-template='{{range .spec.ports}}{{.port}}/{{.protocol}}{{end}}'
kubectl get svc web -o go-template='{{if eq .spec.type "ClusterIP"}}yes{{else}}no{{end}}'
kubectl get svc web -o go-template='{{.spec'
kubectl get svc web -o jsonpath='{.spec.ports[*].port}'
kubectl get pods -o jsonpath='{range .items[*]}{.metadata.labels.app}{"\t"}{.status.podIP}{"\n"}{end}'
kubectl get pods -o jsonpath='{.items[?(@.status.phase=="Running")].spec.nodeName}'
kubectl get svc web -o jsonpath='{.spec'
kubectl get svc web -o jsonpath='{.metadata}'
kubectl get svc web -o jsonpath
kubectl get svc web -o nope
kubectl get svc web -o custom-columns=NAME:.metadata.name,IP:.spec.clusterIP,X:.spec.nope
kubectl get svc -o custom-columns=NAME:.metadata.name --no-headers
kubectl get svc web -o yaml
kubectl get svc web -o json
kubectl get svc web kubernetes -o name
kubectl get svc/web deploy/web
kubectl get svc,ep web
kubectl get svc nope
kubectl get svc nope --ignore-not-found
kubectl get nodes -o wide
kubectl get ns
kubectl get ns default -o yaml
kubectl get ing
kubectl get netpol -A
kubectl get pods -n nope
kubectl get foo
kubectl get svc web --show-kind
kubectl get endpointslices
kubectl get rs -o wide
kubectl get deploy web -o wide
kubectl get configmaps
kubectl get cm kube-root-ca.crt
kubectl get sts,ds
kubectl get svc web --subresource=status
kubectl get pods --output-watch-events
kubectl get events
kubectl get events -o wide
kubectl get events -A
kubectl get sa,secret
kubectl get roles,rolebindings -A
kubectl get controllerrevisions
