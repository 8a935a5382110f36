//! Compiles the `.proto` files without protoc, generates the services, and turns the numbered clauses in their
//! comments into the catalogue. A bad clause fails the build with its file and line.

use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use sha2::{Digest, Sha256};
use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=proto");

    let mut protos = Vec::new();
    collect(&root, &mut protos)?;
    protos.sort();

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_source_info(true).include_imports(true).open_files(&protos)?;
    let set = compiler.file_descriptor_set();
    fs::write(out.join("descriptors.binpb"), set.encode_to_vec())?;

    let own: Vec<&FileDescriptorProto> =
        set.file.iter().filter(|file| file.name().starts_with("prism/")).collect();
    fs::write(out.join("catalogue.rs"), catalogue(&own, &root)?)?;
    fs::write(out.join("protos.rs"), texts(&protos, &root)?)?;

    let plain = FileDescriptorSet { file: set.file.clone() };
    tonic_prost_build::configure().bytes(".").compile_fds(plain)?;
    Ok(())
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path);
        }
    }
    Ok(())
}

/// The files themselves, for those who build drivers elsewhere.
fn texts(protos: &[PathBuf], root: &Path) -> Result<String, Box<dyn Error>> {
    let mut table = String::from("&[\n");
    for path in protos {
        let (name, path) = (path.strip_prefix(root)?.display().to_string(), path.display().to_string());
        writeln!(table, "({name:?}, include_str!({path:?})),")?;
    }
    table.push(']');
    Ok(table)
}

fn catalogue(files: &[&FileDescriptorProto], root: &Path) -> Result<String, Box<dyn Error>> {
    let mut data = String::new();
    let mut special = String::new();
    let mut patterns = String::new();
    let mut prefixes: Vec<(String, String)> = Vec::new();
    let mut errors = Vec::new();
    let mut sorted = files.to_vec();
    sorted.sort_by(|a, b| a.name().cmp(b.name()));
    for file in sorted {
        let source = fs::read_to_string(root.join(file.name()))?;
        let clauses = match prism_clauses::extract(file, &source) {
            Ok(clauses) => clauses,
            Err(found) => {
                errors.extend(found);
                continue;
            }
        };
        if let Some(first) = clauses.first() {
            let prefix = first.id[..3].to_owned();
            if let Some((_, other)) = prefixes.iter().find(|(known, _)| *known == prefix) {
                errors.push(prism_clauses::ClauseError {
                    file: file.name().to_owned(),
                    line: first.line,
                    message: format!("the prefix `{prefix}` is taken by {other}"),
                });
            }
            prefixes.push((prefix, file.name().to_owned()));
        }
        let clause_table = prism_clauses::table(&clauses, file.name());
        if file.package().starts_with("prism.pattern.") {
            writeln!(patterns, "{},", pattern(file, &clause_table)?)?;
            continue;
        }
        if file.service.is_empty() {
            if !clauses.is_empty() {
                writeln!(
                    special,
                    "/// What holds for every interface.\npub static GENERAL: &[Clause] = {clause_table};"
                )?;
            }
            continue;
        }
        let spec = interface(file, &clause_table)?;
        match file.package() {
            "prism.lifecycle.v1" => {
                writeln!(
                    special,
                    "/// The life of a driver.\npub static LIFECYCLE: InterfaceSpec = {spec};"
                )?;
            }
            "prism.testing.v1" => {
                writeln!(special, "/// The clock of tests.\npub static CLOCK: InterfaceSpec = {spec};")?;
            }
            _ => writeln!(data, "{spec},")?,
        }
    }
    if !errors.is_empty() {
        let text: Vec<String> = errors.iter().map(|error| format!("interfaces/proto/{error}")).collect();
        return Err(format!("the clauses in the .proto files are not in order:\n{}", text.join("\n")).into());
    }
    Ok(format!(
        "/// Every interface that a backend can declare, in the order of their ids.\n\
         pub static INTERFACES: &[InterfaceSpec] = &[\n{data}];\n{special}\
         /// What patterns serve, and what they ask of applications.\n\
         pub static PATTERNS: &[InterfaceSpec] = &[\n{patterns}];\n"
    ))
}

fn interface(file: &FileDescriptorProto, clause_table: &str) -> Result<String, Box<dyn Error>> {
    let [service] = file.service.as_slice() else {
        return Err(format!("{}: one service a file, please", file.name()).into());
    };
    let model = file.package().split('.').nth(1).unwrap_or_default();
    spec(file, clause_table, &interface_id(model, service.name())?)
}

/// What a pattern serves is named after its file: `pattern_keyvalue`. One that serves what its slots do has clauses and
/// no service.
fn pattern(file: &FileDescriptorProto, clause_table: &str) -> Result<String, Box<dyn Error>> {
    let stem = Path::new(file.name()).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if file.service.len() > 1 {
        return Err(format!("{}: one service a file, please", file.name()).into());
    }
    spec(file, clause_table, &format!("pattern_{stem}"))
}

fn spec(file: &FileDescriptorProto, clause_table: &str, id: &str) -> Result<String, Box<dyn Error>> {
    let service = file.service.first();
    let full_name = match service {
        Some(service) => format!("{}.{}", file.package(), service.name()),
        None => file.package().to_owned(),
    };
    let mut rpcs = String::new();
    for method in service.into_iter().flat_map(|service| &service.method) {
        writeln!(
            rpcs,
            "RpcSpec {{ name: {:?}, path: {:?}, input: {:?}, output: {:?}, client_streaming: {}, server_streaming: {} }},",
            method.name(),
            format!("/{full_name}/{}", method.name()),
            method.input_type().trim_start_matches('.'),
            method.output_type().trim_start_matches('.'),
            method.client_streaming(),
            method.server_streaming()
        )?;
    }
    Ok(format!(
        "InterfaceSpec {{ id: {:?}, service: {full_name:?}, needs: &{:?}, file: {:?}, proto_hash: {:?}, rpcs: &[\n{rpcs}], clauses: {clause_table} }}",
        id,
        needs(file),
        file.name(),
        hash(file)
    ))
}

/// `keyvalue` and `KeyValueBasic` make `keyvalue_basic`; a service that is named like its package keeps that name.
fn interface_id(model: &str, service: &str) -> Result<String, Box<dyn Error>> {
    let matches = service.get(..model.len()).is_some_and(|head| head.eq_ignore_ascii_case(model));
    if !matches {
        if ["lifecycle", "testing"].contains(&model) {
            return Ok(service.to_ascii_lowercase());
        }
        return Err(format!("service {service} of package {model} does not start with {model}").into());
    }
    let mut id = model.to_owned();
    for character in service[model.len()..].chars() {
        if character.is_ascii_uppercase() {
            id.push('_');
        }
        id.push(character.to_ascii_lowercase());
    }
    Ok(id)
}

/// The interfaces named in a sentence `Needs x, y …` of the service's comment.
fn needs(file: &FileDescriptorProto) -> Vec<String> {
    let info = file.source_code_info.clone().unwrap_or_default();
    let comment = info
        .location
        .iter()
        .find(|location| location.path == [6, 0])
        .and_then(|location| location.leading_comments.clone())
        .unwrap_or_default();
    let words = comment.replace('\n', " ");
    let Some((_, rest)) = words.split_once("Needs ") else { return Vec::new() };
    rest.split([' ', ',', '.'])
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .take_while(|word| *word == "and" || word.contains('_'))
        .filter(|word| *word != "and")
        .map(str::to_owned)
        .collect()
}

/// SHA-256 of the file's descriptor without comments and positions, so that wording does not change it.
fn hash(file: &FileDescriptorProto) -> String {
    let mut plain = file.clone();
    plain.source_code_info = None;
    Sha256::digest(plain.encode_to_vec()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
