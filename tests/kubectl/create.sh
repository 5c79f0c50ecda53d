# web.yaml
kubectl create deployment one --image=nginx --dry-run=client -o yaml
kubectl create deployment one --image=nginx --dry-run=client -o yaml | kubectl create -f -
kubectl create deployment two --image=nginx --replicas=2 --port=80 --dry-run=client -o yaml
kubectl create deployment three --image=nginx --image=busybox --dry-run=client -o yaml
kubectl create deployment four --image=busybox --dry-run=client -o yaml -- sleep 9
kubectl create deployment four --image=busybox --dry-run=client -o yaml -- sleep 9 | kubectl create -f -
kubectl create deployment
kubectl create deployment x --dry-run=client -o yaml
kubectl create deployment x --dry-run=client -o yaml | kubectl create -f -
kubectl create deployment one --image=nginx --dry-run=client -o yaml
kubectl create deployment one --image=nginx --dry-run=client -o yaml | kubectl create -f -
kubectl create service clusterip s1 --tcp=80 --dry-run=client -o yaml
kubectl create service clusterip s1 --tcp=80 --dry-run=client -o yaml | kubectl create -f -
kubectl create service clusterip s2 --clusterip=None --dry-run=client -o yaml
kubectl create service clusterip s2 --clusterip=None --dry-run=client -o yaml | kubectl create -f -
kubectl create service nodeport s3 --tcp=80:8080 --node-port=30080 --dry-run=client -o yaml
kubectl create service nodeport s3 --tcp=80:8080 --node-port=30080 --dry-run=client -o yaml | kubectl create -f -
kubectl create service loadbalancer s4 --tcp=80:80,443:443 --dry-run=client -o yaml
kubectl create service loadbalancer s4 --tcp=80:80,443:443 --dry-run=client -o yaml | kubectl create -f -
kubectl create service externalname s5 --external-name=example.com --dry-run=client -o yaml
kubectl create service externalname s5 --external-name=example.com --dry-run=client -o yaml | kubectl create -f -
kubectl create service clusterip s6 --dry-run=client -o yaml
kubectl create service clusterip s6 --dry-run=client -o yaml | kubectl create -f -
kubectl create service clusterip s7 --tcp=abc --dry-run=client -o yaml
kubectl create service clusterip s7 --tcp=abc --dry-run=client -o yaml | kubectl create -f -
kubectl create service clusterip s8 --tcp=80 --dry-run=client -o yaml
kubectl create service nodeport s9 --tcp=80 --node-port=20 --dry-run=client -o yaml
kubectl create service nodeport s9 --tcp=80 --node-port=20 --dry-run=client -o yaml | kubectl create -f -
kubectl get svc -o wide
kubectl create ingress i1 --rule=a.test/=web:80 --dry-run=client -o yaml
kubectl create ingress i1 --rule=a.test/=web:80 --dry-run=client -o yaml | kubectl create -f -
kubectl create ingress i3 --default-backend=web:80 --dry-run=client -o yaml
kubectl create ingress i4 --dry-run=client -o yaml
kubectl create ingress i4 --dry-run=client -o yaml | kubectl create -f -
kubectl create ingress i5 --rule=nope --dry-run=client -o yaml
kubectl create ingress i5 --rule=nope --dry-run=client -o yaml | kubectl create -f -
kubectl get ing
kubectl create configmap c1 --from-literal=a=b --from-literal=c=d --dry-run=client -o yaml
kubectl create configmap c1 --from-literal=a=b --from-literal=c=d --dry-run=client -o yaml | kubectl create -f -
kubectl create configmap c2 --from-file=web.yaml --dry-run=client -o name
kubectl create configmap c3 --from-literal=a --dry-run=client -o yaml
kubectl create configmap c3 --from-literal=a --dry-run=client -o yaml | kubectl create -f -
kubectl create cm c4 --from-literal=a=b -o yaml --dry-run=client
kubectl get cm c1 -o yaml
kubectl create namespace shop --dry-run=client -o yaml
kubectl create namespace shop --dry-run=client -o yaml | kubectl create -f -
kubectl create ns shop --dry-run=client -o yaml
kubectl create ns shop --dry-run=client -o yaml | kubectl create -f -
kubectl create ns x --dry-run=client -o yaml
kubectl create -f web.yaml
kubectl create -f web.yaml -n shop
kubectl create -f nope.yaml
kubectl create
kubectl run box --image=busybox -- sleep 100
kubectl run box --image=busybox
kubectl run b2 --image=busybox --labels=a=b --port=80 --env=X=y --dry-run=client -o yaml
kubectl run b3 --image=busybox --restart=Never --command --dry-run=client -o yaml -- sh -c 'echo hi'
kubectl run b4 --image=nginx --port=80 --expose
kubectl run b5
kubectl run b6 --image=busybox --rm
kubectl get pods
kubectl apply -f web.yaml -n shop
kubectl apply -f web.yaml --dry-run=client
kubectl apply -f web.yaml --dry-run=server
kubectl apply -f nope.yaml
kubectl apply
kubectl diff -f web.yaml
kubectl replace -f web.yaml
kubectl delete -f web.yaml
kubectl delete -f web.yaml
kubectl cordon worker-1
kubectl cordon worker-1
kubectl uncordon worker-1
kubectl taint nodes worker-1 a=b:NoSchedule
kubectl taint nodes worker-1 a-
kubectl describe deploy one
kubectl describe svc s3
kubectl describe svc s5
kubectl describe ing i1
kubectl describe ns shop
kubectl describe pod -l run=box
kubectl describe ep s3
kubectl describe endpointslice -l kubernetes.io/service-name=s1
kubectl describe rs -l app=one
kubectl describe secret s
kubectl describe sa robot
kubectl describe svc nope
kubectl describe foo
kubectl get secret,sa
kubectl get job
kubectl get events
kubectl get events --field-selector reason=Killing
kubectl create job j1 --image=busybox --dry-run=client -o yaml
kubectl create job j1 --image=busybox --dry-run=client -o yaml -- echo hi
kubectl create serviceaccount robot --dry-run=client -o yaml
kubectl create sa robot --dry-run=client -o yaml | kubectl create -f -
kubectl get sa
