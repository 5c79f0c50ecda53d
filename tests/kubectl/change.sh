# web.yaml
kubectl apply -f web.yaml
kubectl scale deploy web --replicas=3
kubectl rollout status deploy/web
kubectl get pods
kubectl scale deploy/web --replicas=2 --current-replicas=5
kubectl scale deploy/web --replicas=-1
kubectl scale --replicas=2 deploy/web deploy/nope
kubectl expose deploy web --name=a --port=80
kubectl expose deploy web --name=b --port=80 --target-port=8080 --type=NodePort --protocol=UDP --session-affinity=ClientIP -l x=y
kubectl expose deploy web --name=c --port=80,443 --cluster-ip=None
kubectl expose deploy web --name=d --port=80 --external-ip=1.2.3.4 --dry-run=client -o yaml
kubectl expose deploy web --name=e --port=80 --type=LoadBalancer --load-balancer-ip=172.18.0.9
kubectl expose deploy web --name=a --port=80
kubectl expose pod nope --port=80
kubectl expose svc a --name=g --port=81
kubectl expose node worker-1 --port=1
kubectl get svc
kubectl set image deploy/web web=nginx:1.28
kubectl rollout status deploy/web
kubectl rollout history deploy/web
kubectl rollout history deploy/web --revision=2
kubectl rollout history deploy/web --revision=9
kubectl rollout history deploy
kubectl rollout undo deploy/web --to-revision=1
kubectl rollout undo deploy/web --dry-run=client
kubectl rollout pause deploy/web
kubectl rollout pause deploy/web
kubectl rollout undo deploy/web
kubectl rollout resume deploy/web
kubectl rollout status deploy/web
kubectl rollout restart svc/web
kubectl set image deploy/web nope=x
kubectl set image deploy/web '*=nginx:1.29' --dry-run=client -o name
kubectl set env deploy/web A=b C-
kubectl set env deploy/web --list
kubectl set env deploy/web A-
kubectl set selector svc a app=other
kubectl set resources deploy web --limits=cpu=200m,memory=64Mi --requests=cpu=100m
kubectl set serviceaccount deploy web default
kubectl label svc a x=1
kubectl label svc a x=2
kubectl label svc a x=2 --overwrite
kubectl label svc a x=2
kubectl label svc a x-
kubectl label svc a x-
kubectl label svc --all y=z
kubectl label pods -l app=web tier=front
kubectl annotate svc a note=hello
kubectl annotate svc a note=bye
kubectl annotate svc a note=bye --overwrite
kubectl annotate svc a note-
kubectl patch svc a -p '{"spec":{"type":"NodePort"}}'
kubectl patch svc a -p '{"spec":{"type":"NodePort"}}'
kubectl patch svc a --type=json -p '[{"op":"replace","path":"/spec/ports/0/port","value":81}]'
kubectl patch svc a --type json -p '[{"op":"remove","path":"/spec/nope"}]'
kubectl patch svc a --type=merge -p '{"metadata":{"labels":{"q":"r"}}}'
kubectl patch svc a --type=nope -p '{}'
kubectl patch svc a -p '{"spec":{"portz":1}}'
kubectl patch svc a -p 'spec: {sessionAffinity: ClientIP}'
kubectl patch svc a
kubectl patch deploy web --subresource=scale --type=merge -p '{"spec":{"replicas":1}}'
kubectl get svc a -o yaml
kubectl wait --for=condition=Available deploy/web
kubectl wait --for=condition=Ready pod -l app=web --timeout=30s
kubectl wait --for=jsonpath='{.spec.type}'=NodePort svc/a
kubectl wait --for=jsonpath='{.status.loadBalancer.ingress}' svc/e --timeout=10s
kubectl wait --for=delete pod/nope
kubectl wait --for=condition=Nope deploy/web --timeout=1s
kubectl wait --for=create svc/a
kubectl wait --for=nope svc/a
kubectl wait svc/a
kubectl delete svc a b
kubectl delete svc nope
kubectl delete svc nope --ignore-not-found
kubectl delete svc -l x=y
kubectl delete svc c --dry-run=client
kubectl delete svc c --dry-run=server
kubectl delete svc c -o name
kubectl delete deploy web --wait=false
kubectl get deploy
kubectl delete pods --all
kubectl delete all --all
kubectl get all
