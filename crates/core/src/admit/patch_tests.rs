use expect_test::{Expect, expect};
use serde_json::Value;

use super::*;
use crate::read::{decode, read};

fn value(text: &str) -> Value {
    read(text).documents[0].value()
}

/// The object of the first text, after `kubectl apply` of each further one.
#[track_caller]
fn check_applied(texts: &[&str], expected: Expect) {
    let namespace = Object::from_value(Kind::Namespace, value("{metadata: {name: default}}"));
    let mut objects = Objects::from_iter(namespace);
    let (mut rng, settings) = (Rng::new(7), Settings::default());
    let mut said = String::new();
    for text in texts {
        let document = &read(text).documents[0];
        let key = document.key().expect("the text names an object");
        let wanted = annotated(&document.value());
        let answer = match objects.get(&key) {
            None => {
                let object = decode(key.kind, &wanted).expect("the text is right");
                create(&objects, object, &mut rng, &settings)
            }
            Some(live) => {
                let sent = apply_patch(key.kind, &wanted, &live.to_value()).expect("a patch");
                let mut shown = sent.clone();
                shown.as_object_mut().map(|it| it.shift_remove("metadata"));
                said += &format!("{shown}\n");
                patch(&objects, &key, (Patch::Strategic, &sent, true), &mut rng, &settings)
            }
        };
        match answer {
            Ok(admitted) => _ = objects.insert(admitted.object),
            Err(refusal) => said += &format!("{} {}\n", refusal.status, refusal.message),
        }
        let stored = objects.get(&key).expect("it was created").to_value();
        said += &format!("{}\n", stored.pointer("/spec/ports").unwrap_or(&Value::Null));
    }
    expected.assert_eq(&said);
}

/// What becomes of a Pod's fields with each patch of its own.
#[track_caller]
fn check_patches(how: Patch, before: &str, patches: &[&str], expected: Expect) {
    let answers = patches.iter().map(|change| {
        let (mut target, change) = (value(before), value(change));
        let outcome = match how {
            Patch::Strategic => strategic_patch(Kind::Pod, &mut target, &change),
            Patch::Json => json_patch(&mut target, &change["patch"]),
            Patch::Merge => {
                merge_patch(&mut target, &change);
                Ok(())
            }
        };
        outcome.map_or_else(|it| format!("{} {}", it.status, it.message), |()| target.to_string())
    });
    expected.assert_eq(&answers.collect::<Vec<_>>().join("\n"));
}

fn dns(ports: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Service, metadata: {{name: dns}}, spec: {{ports: [{ports}]}}}}"
    )
}

#[test]
fn two_ports_of_one_number_are_one_to_kubectl() {
    let both = dns("{name: u, port: 53, protocol: UDP}, {name: t, port: 53}");
    let moved = dns(
        "{name: u, port: 53, protocol: UDP, targetPort: 5353}, {name: t, port: 53, targetPort: 5353}",
    );
    check_applied(
        &[&both, &moved],
        expect![[r#"
            [{"name":"u","protocol":"UDP","port":53,"targetPort":53},{"name":"t","protocol":"TCP","port":53,"targetPort":53}]
            {"spec":{"ports":[{"targetPort":5353,"port":53},{"targetPort":5353,"port":53}],"$setElementOrder/ports":[{"port":53},{"port":53}]}}
            [{"name":"u","protocol":"UDP","port":53,"targetPort":5353},{"name":"t","protocol":"TCP","port":53,"targetPort":53}]
        "#]],
    );
    let one = dns("{name: u, port: 53, protocol: UDP}");
    check_applied(
        &[&both, &one],
        expect![[r#"
        [{"name":"u","protocol":"UDP","port":53,"targetPort":53},{"name":"t","protocol":"TCP","port":53,"targetPort":53}]
        {"spec":{"ports":[{"$patch":"delete","port":53}],"$setElementOrder/ports":[{"port":53}]}}
        422 Service "dns" is invalid: spec.ports: Required value
        [{"name":"u","protocol":"UDP","port":53,"targetPort":53},{"name":"t","protocol":"TCP","port":53,"targetPort":53}]
    "#]],
    );
}

#[test]
fn what_the_user_no_longer_writes_goes_and_what_the_server_gave_stays() {
    let service = |spec: &str| {
        format!("{{apiVersion: v1, kind: Service, metadata: {{name: web}}, spec: {{{spec}}}}}")
    };
    let first = service("type: NodePort, externalName: a.b, ports: [{port: 80, nodePort: 30080}]");
    let more = service("type: NodePort, ports: [{port: 80, nodePort: 30080, name: http}]");
    let plain = service("ports: [{port: 80, name: http}]");
    let odd = service("ports: [{port: 80, name: http, targetport: 8080}]");
    check_applied(
        &[&first, &more, &plain, &plain, &odd],
        expect![[r#"
        [{"protocol":"TCP","port":80,"targetPort":80,"nodePort":30080}]
        {"spec":{"externalName":null,"$setElementOrder/ports":[{"port":80}],"ports":[{"name":"http","port":80}]}}
        [{"name":"http","protocol":"TCP","port":80,"targetPort":80,"nodePort":30080}]
        {"spec":{"ports":[{"nodePort":null,"port":80}],"$setElementOrder/ports":[{"port":80}],"type":null}}
        [{"name":"http","protocol":"TCP","port":80,"targetPort":80}]
        {}
        [{"name":"http","protocol":"TCP","port":80,"targetPort":80}]
        {"spec":{"ports":[{"targetport":8080,"port":80}],"$setElementOrder/ports":[{"port":80}]}}
        422  "" is invalid: patch: Invalid value: "map[metadata:map[annotations:map[kubectl.kubernetes.io/last-applied-configuration:{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"annotations\":{},\"name\":\"web\"},\"spec\":{\"ports\":[{\"name\":\"http\",\"port\":80,\"targetport\":8080}]}}\n]] spec:map[]]": strict decoding error: unknown field "spec.ports[0].targetport"
        [{"name":"http","protocol":"TCP","port":80,"targetPort":80}]
    "#]],
    );
}

#[test]
fn a_strategic_patch_knows_its_directives() {
    check_patches(
        Patch::Strategic,
        "{spec: {containers: [{name: a, image: x}, {name: b}, {name: c}], tolerations: [{key: a}]}}",
        &[
            "{spec: {containers: [{name: b, $patch: delete}]}}",
            "{spec: {containers: [{$patch: replace}, {name: d}]}}",
            "{spec: {containers: [{name: d}, {name: b, image: z}]}}",
            "{spec: {$setElementOrder/containers: [{name: c}, {name: a}], containers: [{name: c, image: z}]}}",
            "{spec: {containers: [{name: a, image: null}], tolerations: [{key: b}]}}",
            "{spec: {$retainKeys: [containers], containers: [{name: d}]}}",
        ],
        expect![[r#"
            {"spec":{"containers":[{"image":"x","name":"a"},{"name":"c"}],"tolerations":[{"key":"a"}]}}
            {"spec":{"containers":[{"name":"d"}],"tolerations":[{"key":"a"}]}}
            {"spec":{"containers":[{"name":"d"},{"image":"x","name":"a"},{"name":"b","image":"z"},{"name":"c"}],"tolerations":[{"key":"a"}]}}
            {"spec":{"containers":[{"name":"b"},{"name":"c","image":"z"},{"image":"x","name":"a"}],"tolerations":[{"key":"a"}]}}
            {"spec":{"containers":[{"name":"a"},{"name":"b"},{"name":"c"}],"tolerations":[{"key":"b"}]}}
            {"spec":{"containers":[{"name":"d"},{"image":"x","name":"a"},{"name":"b"},{"name":"c"}]}}"#]],
    );
    check_patches(
        Patch::Strategic,
        "{metadata: {finalizers: [a/b, c/d], labels: {app: web}}}",
        &[
            "{metadata: {$deleteFromPrimitiveList/finalizers: [a/b], finalizers: [e/f]}}",
            "{metadata: {labels: {$patch: replace, tier: front}}}",
            "{metadata: {labels: {$patch: delete}}}",
        ],
        expect![[r#"
            {"metadata":{"finalizers":["e/f","c/d"],"labels":{"app":"web"}}}
            {"metadata":{"finalizers":["a/b","c/d"],"labels":{"tier":"front"}}}
            {"metadata":{"finalizers":["a/b","c/d"],"labels":{}}}"#]],
    );
}

#[test]
fn a_strategic_patch_that_makes_no_sense_is_refused() {
    check_patches(
        Patch::Strategic,
        "{spec: {containers: [{name: a}], nodeSelector: {disk: ssd}}}",
        &[
            "{spec: {containers: [{image: z}]}}",
            "{spec: {nodeSelector: {$patch: merge}}}",
            "{spec: {containers: [{name: a, $patch: merge}]}}",
            "{spec: {$retainKeys: [containers], nodeSelector: {disk: hdd}}}",
        ],
        expect![[r#"
            500 map: map[image:z] does not contain declared merge key: name
            500 unknown patch type: merge in map: map[$patch:merge]
            500 merging lists cannot yet be specified in the patch
            400 patch does not contain all of the fields in the retainKeys list"#]],
    );
}

#[test]
fn a_merge_patch_replaces_lists() {
    check_patches(
        Patch::Merge,
        "{spec: {containers: [{name: a}], nodeSelector: {disk: ssd, zone: a}}}",
        &["{spec: {containers: [{name: b}], nodeSelector: {disk: null}}}"],
        expect![[r#"{"spec":{"containers":[{"name":"b"}],"nodeSelector":{"zone":"a"}}}"#]],
    );
}

#[test]
fn a_json_patch_is_carried_out_whole_or_not_at_all() {
    check_patches(
        Patch::Json,
        "{spec: {ports: [{port: 80}, {port: 81}]}, metadata: {labels: {a/b: c}}}",
        &[
            "{patch: [{op: add, path: /spec/ports/-, value: {port: 82}}, {op: remove, path: /spec/ports/0}]}",
            "{patch: [{op: test, path: /spec/ports/0/port, value: 80}, {op: replace, path: /metadata/labels/a~1b, value: d}]}",
            "{patch: [{op: move, from: /spec/ports/1, path: /spec/ports/0}, {op: copy, from: /metadata/labels, path: /metadata/annotations}]}",
            "{patch: [{op: remove, path: /spec/ports/0}, {op: test, path: /spec/type, value: x}]}",
            "{patch: [{op: remove, path: /spec/ports/2}]}",
            "{patch: {op: remove}}",
        ],
        expect![[r#"
            {"metadata":{"labels":{"a/b":"c"}},"spec":{"ports":[{"port":81},{"port":82}]}}
            {"metadata":{"labels":{"a/b":"d"}},"spec":{"ports":[{"port":80},{"port":81}]}}
            {"metadata":{"labels":{"a/b":"c"},"annotations":{"a/b":"c"}},"spec":{"ports":[{"port":81},{"port":80}]}}
            422 the server rejected our request due to an error in our request
            422 the server rejected our request due to an error in our request
            400 json: cannot unmarshal object into Go value of type jsonpatch.Patch"#]],
    );
}
