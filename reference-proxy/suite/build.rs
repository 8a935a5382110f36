//! Turns the numbered clauses of the proxy's contract into a table. A bad clause fails the build with its file and line.

use std::{env, error::Error, fs, path::PathBuf};

const FILE: &str = "prism/proxy/v1/contract.proto";

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=../proto");
    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_source_info(true).open_files([FILE])?;
    let set = compiler.file_descriptor_set();
    let file = set.file.iter().find(|file| file.name() == FILE).ok_or("the contract did not compile")?;
    let source = fs::read_to_string(root.join(FILE))?;
    let clauses = prism_clauses::extract(file, &source).map_err(|errors| {
        let text: Vec<String> = errors.iter().map(|error| format!("reference-proxy/proto/{error}")).collect();
        format!("the clauses in the .proto files are not in order:\n{}", text.join("\n"))
    })?;
    fs::write(out.join("clauses.rs"), prism_clauses::table(&clauses, FILE))?;
    Ok(())
}
