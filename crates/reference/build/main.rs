//! The API's schemas as the crate `k8s-openapi` carries them → the text that `svclab_core::reference` reads.

mod enums;
mod lines;
mod meanings;
mod recorded;
mod roots;

use std::path::Path;
use std::{env, fs};

use enums::Enums;

const ENUMS: &str = "enums.txt";
const SESSIONS: &str = "../../tests/conformance/kubectl";

fn main() {
    for path in ["build", ENUMS, SESSIONS] {
        println!("cargo::rerun-if-changed={path}");
    }
    let enums = fs::read_to_string(ENUMS).expect("the table of enums is beside the build script");
    let mut enums = Enums::read(&enums);
    for output in recorded::explained(Path::new(SESSIONS)) {
        enums.learn(&output);
    }
    for (field, description) in meanings::descriptions() {
        enums.learn_of(field, &description);
    }
    let (roots, definitions) = roots::definitions();
    let text = lines::text(&roots, &definitions, &enums);
    let folder = env::var_os("OUT_DIR").expect("cargo says where to write");
    fs::write(Path::new(&folder).join("reference.txt"), text)
        .expect("cargo's folder can be written");
}
