//! The protobuf code is checked in; it must be what `proto/inference.proto` gives.
//!
//! `TIDEGATE_REGENERATE=1 cargo test -p tidegate-server --test suite generated_code` writes it anew.

use std::path::{Path, PathBuf};

fn crate_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The code for one side of the service.
fn generate(server: bool) -> String {
    let proto = crate_file("../../proto");
    let files = protox::compile([proto.join("inference.proto")], [&proto]).unwrap();
    let out = tempfile::tempdir().unwrap();
    tonic_prost_build::configure()
        .bytes(".")
        .btree_map(".")
        .build_server(server)
        .build_client(!server)
        .build_transport(false)
        .out_dir(out.path())
        .compile_fds(files)
        .unwrap();
    std::fs::read_to_string(out.path().join("inference.rs")).unwrap()
}

#[test]
fn the_checked_in_code_is_fresh() {
    let sides = [(true, "src/generated/inference.rs"), (false, "tests/suite/generated/inference.rs")];
    let mut read = 0;
    for (server, path) in sides {
        let path = crate_file(path);
        let fresh = generate(server);
        assert!(fresh.contains("ModelInferRequest"), "the generator wrote no message");
        if std::env::var_os("TIDEGATE_REGENERATE").is_some() {
            std::fs::write(&path, &fresh).unwrap();
        }
        let checked_in = std::fs::read_to_string(&path).unwrap();
        assert_eq!(checked_in, fresh, "{} is stale: see the head of this test file", path.display());
        read += 1;
    }
    assert_eq!(read, 2);
}
