//! A home on disk with deployments of fake models.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tidegate_engine::{ArtifactFiles, DeploymentSpec, EndpointSpec, FORMAT, VariantSpec, digest};
use tidegate_model::{ContextRole, ContextSpec, Contract, DataType, InputSpec, ScoreSpec};

use super::scorer;

pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Generation 1: `flight-delay` with version 1, `broken` that fails on every row, `slow` that waits at the gate.
    pub(crate) fn served() -> Self {
        let home = Self::empty();
        home.keep(&deployment(1, &["bias:0.25"]));
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, generation: u64) -> PathBuf {
        self.path().join("deployments").join(format!("{generation}.json"))
    }

    /// Writes a deployment and its artifacts, as control would.
    pub(crate) fn keep(&self, spec: &DeploymentSpec) {
        let files = ArtifactFiles::of_home(self.path());
        for model in MODELS {
            files.put(&digest(model.as_bytes()), model.as_bytes()).unwrap();
        }
        let file = self.file(spec.generation);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, spec.to_json().unwrap()).unwrap();
    }
}

/// The bytes of every model that tests deploy.
pub(crate) const MODELS: [&str; 4] = ["bias:0.25", "bias:0.5", "fails", "waits"];

pub(crate) fn contract() -> Contract {
    let input = |name: &str, datatype, width: i64, columns: &[&str], missing: Option<&str>| InputSpec {
        name: name.into(),
        datatype,
        shape: vec![-1, width],
        columns: columns.iter().map(ToString::to_string).collect(),
        missing: missing.map(Into::into),
    };
    Contract {
        inputs: vec![
            input("x", DataType::Fp32, 2, &["distance", "wind"], None),
            input("carrier", DataType::Bytes, 1, &["carrier"], Some("?")),
        ],
        context: vec![ContextSpec {
            name: "tailnum".into(),
            datatype: DataType::Bytes,
            role: ContextRole::Key,
        }],
        outputs: scorer::outputs(),
        score: Some(ScoreSpec { output: "probabilities".into(), column: 1 }),
        threshold: 0.5,
    }
}

fn variant(version: usize, onnx: &str, weight: f64, slots: Vec<(u32, u32)>) -> VariantSpec {
    VariantSpec {
        model: "flight-delay".into(),
        version: version.to_string(),
        digest: digest(format!("manifest of {onnx}").as_bytes()),
        onnx: digest(onnx.as_bytes()),
        profile: None,
        weight,
        shadow: false,
        mirror: false,
        slots,
        lane: None,
    }
}

fn endpoint(name: &str, variants: Vec<VariantSpec>) -> EndpointSpec {
    EndpointSpec {
        id: format!("ep_{name}"),
        name: name.into(),
        salt: format!("ep_{name}"),
        contract: contract(),
        slots: 10_000,
        variants,
        rules: vec![],
        log: tidegate_engine::LogSpec::default(),
    }
}

/// A deployment in which the last of `models` has all the traffic of `flight-delay`.
pub(crate) fn deployment(generation: u64, models: &[&str]) -> DeploymentSpec {
    let last = models.len() - 1;
    let variants = models
        .iter()
        .enumerate()
        .map(|(index, onnx)| {
            let slots = if index == last { vec![(0, 9999)] } else { vec![] };
            variant(index + 1, onnx, if index == last { 1.0 } else { 0.0 }, slots)
        })
        .collect();
    DeploymentSpec {
        format: FORMAT,
        generation,
        created_at: "2026-01-01T00:00:00Z".into(),
        default_endpoint: Some("flight-delay".into()),
        endpoints: vec![
            endpoint("flight-delay", variants),
            endpoint("broken", vec![variant(1, "fails", 1.0, vec![(0, 9999)])]),
            endpoint("slow", vec![variant(1, "waits", 1.0, vec![(0, 9999)])]),
        ],
    }
}
