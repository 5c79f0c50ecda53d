//! The crates' order, `netfilter ← core ← shell ← {cli, web}`, as cargo resolves it.

use std::process::Command;

const BROWSER: [&str; 5] = ["web-sys", "js-sys", "wasm-bindgen", "gloo", "yew"];

/// The names of all crates that `package` is built from, its own included.
fn crates_of(package: &str) -> Vec<String> {
    let arguments =
        ["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--package", package])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[track_caller]
fn check(package: &str, layers_above: &[&str]) {
    let crates = crates_of(package);
    assert!(crates.iter().any(|name| name == package), "{crates:?}");
    for name in crates {
        assert!(!layers_above.contains(&name.as_str()), "{package} depends on {name}");
        let browser = BROWSER.contains(&name.as_str()) || name.starts_with("gloo-");
        assert!(!browser, "{package} knows a browser through {name}");
    }
}

#[test]
fn netfilter_knows_no_kubernetes() {
    check("svclab-netfilter", &["svclab-core", "svclab-shell", "svclab-cli", "svclab-web"]);
}

#[test]
fn core_knows_no_terminal() {
    check("svclab-core", &["svclab-shell", "svclab-cli", "svclab-web"]);
}

#[test]
fn shell_knows_no_program_and_no_page() {
    check("svclab-shell", &["svclab-cli", "svclab-web"]);
}
