use super::*;
use crate::state::tests::settled;

/// Asks at the `|` of `text`: the labels that are offered, after what they would replace.
fn offered(text: &str) -> (String, Vec<String>) {
    let state = settled();
    let at = text.find('|').expect("a place");
    let text = text.replacen('|', "", 1);
    let unit = place::units(&text[..at]);
    let answer = answer(state.lab(), &text, Question::Complete, unit);
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let options = answer["options"].as_array().cloned().unwrap_or_default();
    let units: Vec<u16> = text.encode_utf16().collect();
    let (from, to) = (answer["from"].as_u64().unwrap_or(0), answer["to"].as_u64().unwrap_or(0));
    let word = String::from_utf16_lossy(&units[from as usize..to as usize]);
    (word, options.iter().filter_map(|it| it["label"].as_str()).map(str::to_owned).collect())
}

#[track_caller]
fn check(text: &str, word: &str, some: &[&str], none: &[&str]) {
    let (replaced, labels) = offered(text);
    assert_eq!(replaced, word);
    for it in some {
        assert!(labels.iter().any(|label| label == it), "{it} is not in {labels:?}");
    }
    for it in none {
        assert!(labels.iter().all(|label| label != it), "{it} is in {labels:?}");
    }
}

const SERVICE: &str =
    "# 서비스\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  namespace: shop\n";

#[test]
fn fields_are_offered_that_are_not_there_yet() {
    check(&format!("{SERVICE}spec:\n  ty|"), "ty", &["type", "ports"], &["spec", "replicas"]);
    check(
        &format!("{SERVICE}spec:\n  type: NodePort\n  |\n  ports:\n  - port: 80\n"),
        "",
        &["selector"],
        &["type", "ports"],
    );
    check(
        &format!("{SERVICE}spec:\n  ports:\n  - port: 80\n    |"),
        "",
        &["targetPort", "name"],
        &["port"],
    );
    check(
        &format!("{SERVICE}spec:\n  ports:\n    - port: 80\n    - |"),
        "",
        &["port", "name"],
        &[],
    );
    check(&format!("{SERVICE}|"), "", &["spec"], &["status", "metadata"]);
    check("|", "", &["apiVersion", "kind", "metadata"], &[]);
}

#[test]
fn a_document_knows_its_own_kind() {
    let text = format!(
        "{SERVICE}---\napiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n      - name: a\n        rea|\n---\nkind: Pod\n"
    );
    check(&text, "rea", &["readinessProbe", "image"], &["name"]);
}

#[test]
fn names_are_the_clusters_own() {
    check(&format!("{SERVICE}spec:\n  selector:\n    |"), "", &["app"], &[]);
    check(&format!("{SERVICE}spec:\n  selector:\n    app: w|"), "w", &["web"], &[]);
    check(&format!("{SERVICE}spec:\n  ports:\n  - targetPort: |"), "", &["http", "8080"], &["dns"]);
    check("kind: Pod\nmetadata:\n  namespace: |", "", &["shop", "kube-system"], &[]);
    check("kind: |", "", &["Service", "EndpointSlice"], &[]);
    let ingress = "kind: Ingress\nmetadata: \n  namespace: shop\nspec:\n  rules:\n  - http:\n      paths:\n      - backend:\n          service:\n            name: |";
    check(ingress, "", &["web"], &["kube-dns"]);
}

#[track_caller]
fn explained(text: &str, path: &str, of_type: &str, help: &str) {
    let at = text.find('|').expect("a place");
    let text = text.replacen('|', "", 1);
    let answer = explanation(&Place::of(&text, at)).expect("an explanation");
    let found =
        ["path", "type", "help"].map(|it| answer[it].as_str().unwrap_or_default().to_owned());
    assert_eq!(found, [path, of_type, help]);
}

#[test]
fn a_field_is_explained_by_its_type() {
    explained(
        &format!("{SERVICE}spec:\n  ty|pe: NodePort"),
        "spec.type",
        "ServiceType",
        "ServiceSpec.type",
    );
    explained(
        &format!("{SERVICE}spec:\n  type: Node|Port"),
        "spec.type",
        "ServiceType",
        "ServiceSpec.type",
    );
    explained(
        &format!("{SERVICE}spec:\n  ports:\n  - po|rt: 80"),
        "spec.ports[].port",
        "int32",
        "ServicePort.port",
    );
    explained(
        "kind: Pod\nspec:\n  containers:\n  - name: a\n    readinessProbe:\n      period|Seconds: 5\n",
        "spec.containers[].readinessProbe.periodSeconds",
        "int32",
        "Probe.periodSeconds",
    );
}

#[test]
fn any_place_of_any_text_has_an_answer() {
    let state = settled();
    for text in [
        "- - - a:\n  -\n\t: :\n",
        "{a: 1",
        "a:\n- b\n-\n  - c: [",
        "\u{feff}---\n---\n|\n",
        "파드: 𝄞\n  x",
    ] {
        for at in 0..=place::units(text) + 1 {
            for question in
                [Question::Complete, Question::Explain, Question::Ghosts, Question::Check]
            {
                let answer = answer(state.lab(), text, question, at);
                serde_json::from_str::<Value>(&answer).expect("JSON");
            }
        }
    }
}

/// Each text that helps is about a field that there is, in both languages and with the same values.
#[test]
fn help_is_about_fields_that_there_are() {
    let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let texts = [include_str!("../../help/help.en.json"), include_str!("../../help/help.ko.json")]
        .map(read);
    let [en, ko] = texts.each_ref().map(|it| it.as_object().expect("an object by fields"));
    assert_eq!(en.keys().collect::<Vec<_>>(), ko.keys().collect::<Vec<_>>());
    for (key, english) in en {
        let (of_type, name) = key.split_once('.').expect("Type.field");
        assert!(field_type(of_type, name).is_some(), "{key} is no field");
        let values =
            |it: &Value| it["values"].as_object().map(|it| it.keys().cloned().collect::<Vec<_>>());
        assert_eq!(values(english), values(&ko[key]), "{key}");
        for (lang, it) in [("en", english), ("ko", &ko[key])] {
            assert!(it["does"].as_str().is_some_and(|it| it.len() > 10), "{lang} {key}");
            assert_eq!(it["default"].is_string(), english["default"].is_string(), "{lang} {key}");
            assert_eq!(it["effect"].is_string(), english["effect"].is_string(), "{lang} {key}");
        }
    }
}

/// The ghosts of the scenario's text, each as `LINE@COLUMN: NAME=VALUE …`.
fn ghosts_of(state: &crate::state::State, text: &str) -> Vec<String> {
    let answer = answer(state.lab(), text, Question::Ghosts, 0);
    let answer: Vec<Value> = serde_json::from_str(&answer).expect("a list");
    let line = |it: &Value| {
        let at = place::byte_of(text, it["at"].as_u64().expect("a place") as u32);
        let line = text[..at].lines().last().unwrap_or_default().trim().to_owned();
        let fields = it["fields"].as_array().expect("fields");
        let field = |it: &Value| {
            let sign = if it["allocated"] == true { "!" } else { "" };
            format!("{}={}{sign}", it["name"].as_str().unwrap(), it["value"].as_str().unwrap())
        };
        let fields: Vec<String> = fields.iter().map(field).collect();
        format!("{line}@{}: {}", it["column"], fields.join(" "))
    };
    answer.iter().map(line).collect()
}

#[test]
fn what_the_server_added_stands_behind_what_is_written() {
    let state = settled();
    let text = state.files.text();
    let all = ghosts_of(&state, &text);
    let service: Vec<&String> =
        all.iter().filter(|it| it.starts_with("targetPort: http")).collect();
    let [port, spec] = service[..] else { panic!("{all:?}") };
    assert_eq!(port, "targetPort: http@6: protocol=TCP");
    assert!(spec.starts_with("targetPort: http@2: clusterIP=10."), "{spec}");
    assert!(spec.contains("! clusterIPs=[10.") && spec.contains(" type=ClusterIP"), "{spec}");
    assert!(spec.contains("sessionAffinity=None") && !spec.contains("selector"), "{spec}");
    assert!(
        all.iter().any(|it| it.contains("periodSeconds=") || it.contains("timeoutSeconds=1")),
        "{all:?}"
    );
}

#[test]
fn a_document_that_is_not_applied_has_no_ghosts() {
    let state = settled();
    let text = state.files.text().replace("port: 80\n", "port: 81\n");
    assert!(ghosts_of(&state, &text).iter().all(|it| !it.contains("clusterIP")));
    assert_eq!(ghosts_of(&state, "kind: Nonsense"), Vec::<String>::new());
}

#[test]
fn what_the_server_would_say_is_known_before_it_is_asked() {
    let state = settled();
    let before = state.lab().log().len();
    let text = state.files.text().replace("replicas: 3", "replicas: -3");
    let answer = answer(state.lab(), &text, Question::Check, 0);
    let answer: Vec<Value> = serde_json::from_str(&answer).expect("a list");
    let [mistake] = &answer[..] else { panic!("{answer:?}") };
    assert_eq!(
        mistake["text"],
        "spec.replicas: Invalid value: -3: must be greater than or equal to 0"
    );
    assert_eq!(state.lab().log().len(), before);
}

#[test]
fn what_the_api_says_of_a_field_is_found_through_lists() {
    let reference = Reference::read(
        "@\tv1\tService\tapi.Service\n\
         =\tapi.Port\tobject\tA port.\n\
         port\tinteger:int32\t!\t\tThe port\\nof it.\n\
         =\tapi.Service\tobject\tA service.\n\
         spec\t@api.Spec\t\t\tWhat is wanted.\n\
         =\tapi.Spec\tobject\tWanted.\n\
         ports\t[]@api.Port\t\t\t\n"
            .to_owned(),
    );
    let said = |text: &str| {
        let at = place::units(text.split('|').next().unwrap_or_default());
        describe(&reference, &text.replacen('|', "", 1), at)
    };
    assert_eq!(said(&format!("{SERVICE}sp|ec:\n")), "\"What is wanted.\"");
    assert_eq!(
        said(&format!("{SERVICE}spec:\n  ports:\n  - po|rt: 80\n")),
        "\"The port\\nof it.\""
    );
    assert_eq!(said(&format!("{SERVICE}spec:\n  po|rts: []\n")), "null", "nothing is said of it");
    assert_eq!(said(&format!("{SERVICE}spec:\n  nonsense|: 1\n")), "null");
    assert_eq!(said("spec|: 1\n"), "null", "of no kind");
}
