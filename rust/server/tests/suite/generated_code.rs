//! The protobuf code is checked in; it must be what `proto/` gives.
//!
//! `TIDEGATE_REGENERATE=1 cargo test -p tidegate-server --test suite generated_code` writes it anew.

use std::path::{Path, PathBuf};

use prost::Message as _;

fn crate_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The files of `src/generated`, each with its content.
fn generate() -> Vec<(&'static str, Vec<u8>)> {
    let proto = crate_file("../../proto");
    let files = ["inference.proto", "tidegate.proto"].map(|file| proto.join(file));
    let mut described = protox::compile(files, [&proto]).unwrap();
    let out = tempfile::tempdir().unwrap();
    tonic_prost_build::configure()
        .bytes(".")
        .btree_map(".")
        .build_transport(false)
        .client_mod_attribute(".", "#[cfg(test)]")
        .out_dir(out.path())
        .compile_fds(described.clone())
        .unwrap();
    // Reflection tells names and types, not comments.
    described.file.iter_mut().for_each(|file| file.source_code_info = None);
    let code = |name: &str| std::fs::read(out.path().join(name)).unwrap();
    vec![
        ("inference.rs", code("inference.rs")),
        ("tidegate.v1.rs", code("tidegate.v1.rs")),
        ("descriptors.bin", described.encode_to_vec()),
    ]
}

#[test]
fn the_checked_in_code_is_fresh() {
    let mut read = 0;
    for (name, fresh) in generate() {
        let path = crate_file("src/generated").join(name);
        assert!(fresh.len() > 1000, "the generator wrote next to nothing into {name}");
        if std::env::var_os("TIDEGATE_REGENERATE").is_some() {
            std::fs::write(&path, &fresh).unwrap();
        }
        let checked_in = std::fs::read(&path).unwrap();
        assert!(checked_in == fresh, "{} is stale: see the head of this test file", path.display());
        read += 1;
    }
    assert_eq!(read, 3);
}
