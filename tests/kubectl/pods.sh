# web.yaml
kubectl logs deploy/web
kubectl logs nope
kubectl logs
kubectl logs -l app=web
kubectl exec nope -- ls
kubectl exec
kubectl exec deploy/web
kubectl port-forward
kubectl port-forward svc/nope 80
kubectl port-forward svc/web
kubectl port-forward svc/web abc
kubectl nope
kubectl gte
kubectl get svc --nope
kubectl get svc -o
kubectl get svc -z
kubectl get
kubectl describe
kubectl delete
kubectl delete svc
kubectl label svc web
kubectl annotate svc web
kubectl edit nope
kubectl edit svc nope
kubectl rollout status
kubectl rollout status svc/web
kubectl scale
kubectl scale deploy web
kubectl get hpa
kubectl expose
kubectl expose svc nope --port=80
kubectl patch
kubectl wait
kubectl cordon nope
kubectl cordon
kubectl drain nope
kubectl taint
kubectl label
kubectl annotate
kubectl set image
kubectl port-forward svc/web abc
kubectl logs deploy/web
