# web.yaml
kubectl create secret generic s --from-literal=a=b --from-literal=user=admin --dry-run=client -o yaml
kubectl create secret docker-registry r --docker-server=x.io --docker-username=u --docker-password=p --docker-email=e --dry-run=client -o yaml
kubectl create secret tls t --cert=c --key=k
kubectl create secret generic
kubectl create quota q --hard=pods=3,cpu=1 --scopes=BestEffort --dry-run=client -o yaml
kubectl create role r --verb=get,list --resource=pods,services,deployments.apps --resource-name=x --dry-run=client -o yaml
kubectl create role r --verb=get --resource=nope
kubectl create role r --resource=pods
kubectl create role r --verb=get
kubectl create clusterrole cr --verb=get --resource=deployments.apps --dry-run=client -o yaml
kubectl create rolebinding rb --role=r --user=u --serviceaccount=default:sa --group=g --dry-run=client -o yaml
kubectl create rolebinding rb --user=u
kubectl create clusterrolebinding crb --clusterrole=cr --user=u --dry-run=client -o yaml
kubectl create cronjob c --image=busybox --schedule='*/1 * * * *' --dry-run=client -o yaml -- date
kubectl create pdb p --selector=app=web --min-available=1 --dry-run=client -o yaml
kubectl create pdb p --selector=app=web
kubectl create priorityclass pc --value=10 --dry-run=client -o yaml
kubectl autoscale deploy web --min=1 --max=3 --cpu-percent=80 --dry-run=client -o yaml
kubectl autoscale deploy nope --max=2
kubectl autoscale svc web --max=2
kubectl autoscale deploy web --min=5 --max=2
kubectl autoscale deploy web --max=0
kubectl events --for pod/web
kubectl events --types=Warning
kubectl events --types=Foo
kubectl cp a b
kubectl cp a
kubectl cp web.yaml nope:/tmp/x
kubectl debug web
kubectl attach
kubectl attach nope
kubectl plugin list
kubectl completion foo
kubectl completion
kubectl run t --image=busybox -it --dry-run=client -o yaml -- sh
kubectl run t --image=busybox -t -- sh
kubectl run t --image=busybox --rm
kubectl set selector svc web app=web
kubectl get hpa,cronjobs,quota,pdb
kubectl get priorityclass
kubectl auth can-i
kubectl create foo
kubectl get jobs
kubectl create --dry-run=client -o yaml -n foo secret generic x --from-literal=a=b --type=my/type
kubectl -n foo create --dry-run=client -o yaml service -n foo clusterip x --tcp=80
kubectl create --dry-run=client -o yaml configmap x --from-literal=a='"q"' --namespace foo
kubectl create secret generic x --from-file=nofile
kubectl create configmap x --from-file=nofile
kubectl create secret generic x --from-env-file=nofile
kubectl create configmap x --from-literal==b
kubectl create secret generic x --from-literal=a,b=c
kubectl create configmap x --from-literal=a,b=c
kubectl create configmap x --from-literal=a=1 --from-literal=a=2
kubectl create secret generic x --from-literal=a=1 --from-literal=a=2
kubectl create configmap x --from-literal=a=1 --from-env-file=nofile
kubectl create configmap x --from-file=a=b=c
kubectl create configmap x --from-file==x
kubectl create secret docker-registry r --docker-username=u
kubectl create secret tls x
kubectl create secret tls x --cert=web.yaml --key=web.yaml
kubectl create secret generic x --from-literal=a=b --dry-run=client -o yaml | kubectl apply -f -
kubectl patch secret x -p '{"stringData":{"q":"1","a":"new"}}'
kubectl get secret x -o jsonpath='{.data.q}{.data.a}{.stringData}'
kubectl get secret x -o go-template='{{.data.a | base64decode}}{{"\n"}}'
kubectl patch secret x -p '{"type":"other"}'
kubectl patch secret x -p '{"data":{"a b":"eA=="}}'
kubectl patch secret x -p '{"data":{"a":"x y"}}'
