use super::*;

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n";
const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: client\n";
const SCENARIO: [(&str, &str); 2] = [("service.yaml", SERVICE), ("pod.yaml", POD)];

fn files() -> Files {
    Files::new(SCENARIO)
}

/// The files' names, the chosen one in brackets, those that differ with a dot.
#[track_caller]
fn check(files: &Files, expected: &str) {
    let name = |it: &File| {
        let dot = if it.differs() { "*" } else { "" };
        let name = format!("{}{dot}", it.name);
        if it.id == files.chosen().id { format!("[{name}]") } else { name }
    };
    let names: Vec<String> = files.all().iter().map(name).collect();
    assert_eq!(names.join(" "), expected);
}

fn act(files: &mut Files, filing: Filing) {
    files.act(filing, &SCENARIO);
}

fn apply_all(files: &mut Files) {
    files.all_sent(files.text());
}

#[test]
fn files_are_added_renamed_and_removed_and_each_can_be_taken_back() {
    let mut files = files();
    check(&files, "[service.yaml] pod.yaml");
    act(&mut files, Filing::Add);
    check(&files, "service.yaml pod.yaml [new.yaml]");
    act(&mut files, Filing::Add);
    check(&files, "service.yaml pod.yaml new.yaml [new-2.yaml]");
    act(&mut files, Filing::Undo);
    check(&files, "service.yaml pod.yaml [new.yaml]");
    act(&mut files, Filing::Rename { id: 2, name: " ingress \n".to_owned() });
    check(&files, "service.yaml pod.yaml [ingress.yaml]");
    act(&mut files, Filing::Rename { id: 2, name: "pod.yaml".to_owned() });
    check(&files, "service.yaml pod.yaml [pod-2.yaml]");
    act(&mut files, Filing::Undo);
    check(&files, "service.yaml pod.yaml [ingress.yaml]");
    act(&mut files, Filing::Remove(2));
    check(&files, "service.yaml [pod.yaml]");
    act(&mut files, Filing::Remove(0));
    act(&mut files, Filing::Remove(1));
    check(&files, "[pod.yaml]");
    assert_eq!(files.undoable(), Some(Deed::Removed));
    act(&mut files, Filing::Undo);
    check(&files, "service.yaml [pod.yaml]");
    assert_eq!(files.undoable(), None);
}

#[test]
fn a_name_that_says_its_kind_of_file_is_kept() {
    let mut files = files();
    act(&mut files, Filing::Rename { id: 0, name: "web.json".to_owned() });
    act(&mut files, Filing::Rename { id: 1, name: "  ".to_owned() });
    check(&files, "[web.json] pod.yaml");
}

#[test]
fn a_place_in_the_text_that_is_applied_is_one_in_a_file() {
    let mut files = files();
    files.write("kind: A");
    let text = files.text();
    assert_eq!(&*text, format!("kind: A\n---\n{POD}"));
    let at = text.find("client").expect("the pod's name");
    let (file, span) = files.place(at..at + 6);
    assert_eq!((file, &POD[span]), (1, "client"));
    assert_eq!(files.place(6..7), (0, 6..7));
    assert_eq!(files.place(text.len()..text.len()).0, 1);
}

#[test]
fn texts_of_files_never_run_into_each_other() {
    for end in ["", "\n", "\n---\n", "\n---"] {
        let mut files = files();
        files.write(&format!("{}{end}", SERVICE.trim_end()));
        let read = read::read(&files.text());
        let kinds: Vec<_> = read.documents.iter().filter_map(|it| it.kind().ok()).collect();
        assert_eq!(kinds.len(), 2, "{end:?}");
        let (id, span) = files.place(read.documents[1].span.clone());
        assert_eq!((id, span.start), (1, 0), "{end:?}");
    }
}

#[test]
fn what_differs_is_what_has_not_been_applied() {
    let mut files = files();
    let two = format!("{SERVICE}---\n{POD}");
    files.write(&two);
    check(&files, "[service.yaml*] pod.yaml");
    apply_all(&mut files);
    check(&files, "[service.yaml] pod.yaml");
    files.write(&two.replace("web", "api").replace("client", "other"));
    let first = files.document_at(3).expect("a document");
    assert_eq!(files.document_at(SERVICE.len() + 10).map(|it| it.start), Some(SERVICE.len() + 4));
    let text: Rc<str> = files.chosen().text[first].into();
    files.document_sent(text);
    // Another name is another object, so the old one is still there.
    check(&files, "[service.yaml*] pod.yaml");
    assert!(files.chosen().applied.contains("name: web"));
    files.write(&format!("{SERVICE}  labels: {{a: b}}\n---\n{POD}"));
    apply_all(&mut files);
    files.write(&format!("{SERVICE}  labels: {{a: c}}\n---\n{POD}"));
    check(&files, "[service.yaml*] pod.yaml");
    let part = files.document_at(0).expect("a document");
    let text: Rc<str> = files.chosen().text[part].into();
    files.document_sent(text);
    check(&files, "[service.yaml] pod.yaml");
}

#[test]
fn the_past_shows_what_was_applied_then_and_keeps_what_is_being_written() {
    let mut files = files();
    let first = files.text();
    files.write("kind: New");
    apply_all(&mut files);
    let second = files.text();
    files.look(Some(&first));
    assert_eq!(&*files.chosen().text, SERVICE);
    files.look(Some(&second));
    assert_eq!(&*files.chosen().text, "kind: New");
    files.write("kind: Newer");
    files.look(Some(&first));
    check(&files, "[service.yaml*] pod.yaml");
    assert_eq!(&*files.chosen().text, "kind: Newer");
}

#[test]
fn reset_brings_the_scenarios_texts_and_can_be_taken_back() {
    let mut files = files();
    files.write("mine");
    act(&mut files, Filing::Add);
    act(&mut files, Filing::Reset);
    check(&files, "service.yaml [pod.yaml]");
    act(&mut files, Filing::Undo);
    check(&files, "service.yaml* pod.yaml [new.yaml]");
    assert_eq!(&*files.all()[0].text, "mine");
}

#[test]
fn what_is_kept_is_read_back() {
    let mut files = files();
    files.write("# 파드 \"𝄞\"\n");
    act(&mut files, Filing::Choose(1));
    let back = Files::from_json(&files.to_json()).expect("its own text");
    check(&back, "service.yaml* [pod.yaml]");
    assert_eq!(back.text(), files.text());
    assert_eq!(back.applied_text(), files.applied_text());
    for text in ["", "null", "{}", "{\"files\":[]}", "{\"files\":[{\"name\":1}]}"] {
        assert_eq!(Files::from_json(text), None, "{text}");
    }
}

#[test]
fn an_object_is_found_where_it_is_written() {
    let files = files();
    let key = read::read(POD).documents[0].key().expect("a pod");
    let (id, span) = files.find(&key).expect("it is written");
    assert_eq!((id, span.start), (1, 0));
}
